"""Parse texts typed into a field, and format lines for the log."""

from __future__ import annotations

import re

_BETWEEN_COMMAS = re.compile(r"""(?:[^,\[{"']|\[[^\]]*\]?|\{[^}]*\}?|"[^"]*"?|'[^']*'?)+""")

_RULES = tuple("┏┃┡│└")
"""First characters of the lines of a table with rules."""


def split_at_commas(text: str) -> list[str]:
    """Return the non-empty texts between commas; commas within brackets or quotes do not separate."""
    return [part.strip() for part in _BETWEEN_COMMAS.findall(text) if part.strip()]


def keep_columns(line: str) -> str:
    """Return a line with non-breaking spaces between columns, which the HTML of the log would otherwise collapse."""
    columns = " " if line.startswith(_RULES) else "^ +| {2,}"
    return re.sub(columns, lambda spaces: "\N{NO-BREAK SPACE}" * len(spaces[0]), line)

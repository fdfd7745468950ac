"""Read what people type into a field, and write what they read in a log."""

from __future__ import annotations

import re

_BETWEEN_COMMAS = re.compile(r"""(?:[^,\[{"']|\[[^\]]*\]?|\{[^}]*\}?|"[^"]*"?|'[^']*'?)+""")

_RULES = tuple("┏┃┡│└")
"""How lines of a table with rules begin."""


def split_at_commas(text: str) -> list[str]:
    """Return the texts between commas, without those that are empty; commas in brackets and quotes are their own."""
    return [part.strip() for part in _BETWEEN_COMMAS.findall(text) if part.strip()]


def keep_columns(line: str) -> str:
    """Return a line for a log that is HTML, which would squeeze the columns of a table."""
    columns = " " if line.startswith(_RULES) else "^ +| {2,}"
    return re.sub(columns, lambda spaces: "\N{NO-BREAK SPACE}" * len(spaces[0]), line)

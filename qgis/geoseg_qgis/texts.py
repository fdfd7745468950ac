"""Read what people type into a field."""

from __future__ import annotations

import re

_BETWEEN_COMMAS = re.compile(r"""(?:[^,\[{"']|\[[^\]]*\]?|\{[^}]*\}?|"[^"]*"?|'[^']*'?)+""")


def split_at_commas(text: str) -> list[str]:
    """Return the texts between commas, without those that are empty; commas in brackets and quotes are their own."""
    return [part.strip() for part in _BETWEEN_COMMAS.findall(text) if part.strip()]

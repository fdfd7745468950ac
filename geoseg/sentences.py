"""Parts of sentences that users read."""

from collections.abc import Sequence


def join_words(words: Sequence[str], last: str = "and") -> str:
    """Join words: `a`, `a and b`, `a, b and c`; `last` stands before the last."""
    *firsts, end = words
    return f"{', '.join(firsts)} {last} {end}" if firsts else end

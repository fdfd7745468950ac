"""Parts of messages: lists, counts and verbs."""

from collections.abc import Sequence
from pathlib import Path


def join_words(words: Sequence[str], last: str = "and") -> str:
    """Join words: `a`, `a and b`, `a, b and c`; `last` is the word before the last one."""
    *firsts, end = words
    return f"{', '.join(firsts)} {last} {end}" if firsts else end


def counted(number: int, noun: str) -> str:
    """Count things: `1 image`, `2,000 images`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def has(number: int) -> str:
    """Return the verb for a number of things: 1 `has`, 2 `have`."""
    return "has" if number == 1 else "have"


def are(number: int) -> str:
    """Return the verb for a number of things: 1 `is`, 2 `are`."""
    return "is" if number == 1 else "are"


def unreadable(name: str | Path, in_folder: str) -> str | None:
    """Return the sentence for a path that is missing, closed, a folder or empty; None for others.

    `in_folder` says what to do with the files of a folder.
    """
    path = Path(name)
    try:
        length = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return f"{name} does not exist."
    except OSError as unseen:
        return f"{name} cannot be opened ({unseen.strerror})."
    if path.is_dir():
        return f"{name} is a folder; {in_folder}."
    return f"{name} is empty (0 bytes)." if length == 0 and path.is_file() else None

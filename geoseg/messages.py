"""Warnings, and the user's own names of temporary files in warnings and errors."""

import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import GeosegError, GeosegWarning

_OWN_NAMES: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("own names", default=())
"""Temporary files, and the user's own names of them."""


def warn(sentence: str) -> None:
    """Issue a GeosegWarning; a temporary file in it is called by the user's own name."""
    for made, own in reversed(_OWN_NAMES.get()):
        sentence = sentence.replace(made, own)
    warnings.warn(sentence, GeosegWarning, stacklevel=2)


def report_once(found: Iterable[tuple[Hashable, str]]) -> None:
    """Warn with the first sentence of each key, and count the others."""
    sentences: dict[Hashable, list[str]] = defaultdict(list)
    for key, sentence in found:
        sentences[key].append(sentence)
    for first, *others in sentences.values():
        more = f" The same holds for {len(others)} more image{'s' * (len(others) > 1)}." if others else ""
        warn(first + more)


@contextmanager
def known_as(own: str, *, made: str) -> Iterator[None]:
    """Replace the name of the temporary file `made` in errors and in `warn` by the user's `own` file."""
    names = _OWN_NAMES.get()
    _OWN_NAMES.set((*names, (made, own)))
    try:
        yield
    except GeosegError as error:
        raise type(error)(str(error).replace(made, own)) from error
    finally:
        _OWN_NAMES.set(names)

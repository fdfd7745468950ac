"""Run a source ahead of its consumer, in one background thread with a bounded buffer.

Not built on `concurrent.futures`: an executor accepts no work after it is collected or while the interpreter exits, so
the source could not be closed in its own thread; and its locks deadlock if the collector runs inside `submit`.
"""

from collections.abc import Generator, Iterable
from functools import partial
from typing import TypeVar

from geoseg.threads import running

from .buffer import Buffer

T = TypeVar("T")


def prefetch(source: Iterable[T], depth: int = 2) -> Generator[T, None, None]:
    """Yield the items of a source that runs up to ``depth`` items ahead in a background thread.

    The thread starts when the first item is requested and is joined when the source ends or raises, or the iterator is
    closed or collected; if that is early, for `threads.GRACE_S` at most. A generator is then closed in that thread. An
    exception of the source is re-raised unchanged after the items before it; one raised while closing early is
    re-raised by ``close``.
    """
    if depth < 1:
        raise ValueError(f"A buffer holds at least one item, found depth {depth}.")
    return _consume(source, Buffer(depth))


def _consume(source: Iterable[T], buffer: Buffer[T]) -> Generator[T, None, None]:
    try:
        with running([partial(_produce, source, buffer)], buffer.leave, name="prefetch"):
            yield from buffer
    finally:
        buffer.raise_error()


def _produce(source: Iterable[T], buffer: Buffer[T]) -> None:
    try:
        iterator = iter(source)
        try:
            for item in iterator:
                if not buffer.put(item):
                    break
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
    except BaseException as error:  # noqa: BLE001 - re-raised in the consumer
        buffer.end(error)
    else:
        buffer.end(None)

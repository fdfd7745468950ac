"""Run a source ahead of its consumer, in one background thread with a bounded buffer.

Not built on `concurrent.futures`: an executor accepts no work after it is collected or while the interpreter exits, so
the source could not be closed in its own thread; and its locks deadlock if the collector runs inside `submit`.
"""

import atexit
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def prefetch(source: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield the items of a source that runs up to ``depth`` items ahead in a background thread.

    The thread starts when the first item is requested and is joined when the source ends or raises, or the iterator is
    closed or collected. A generator is then closed in that thread. An exception of the source is re-raised unchanged
    after the items before it; one raised while closing early is re-raised by ``close``.
    """
    if depth < 1:
        raise ValueError(f"A buffer holds at least one item, found depth {depth}.")
    return _consume(source, _Buffer(depth))


def _consume(source: Iterable[T], buffer: "_Buffer[T]") -> Generator[T, None, None]:
    # A daemon, so that an open iterator does not keep the interpreter from running its exit handlers, which close it.
    thread = threading.Thread(target=_produce, args=(source, buffer), name="prefetch", daemon=True)

    def leave() -> None:
        buffer.leave()
        # The collector may run this in the background thread, which cannot wait for itself and ends anyway.
        if threading.current_thread() is not thread:
            thread.join()

    atexit.register(leave)
    thread.start()
    try:
        yield from buffer
    finally:
        leave()
        atexit.unregister(leave)
        buffer.raise_error()


def _produce(source: Iterable[T], buffer: "_Buffer[T]") -> None:
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


class _Buffer(Generic[T]):
    """Bounded buffer between source and consumer; iteration yields the items and raises the source's exception."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._ended = self._left = False
        self._error: BaseException | None = None
        # Reentrant: the collector may call `leave` during `put`.
        self._changed = threading.Condition(threading.RLock())

    def put(self, item: T) -> bool:
        """Add an item and wait for room for the next; False if the consumer has left."""
        with self._changed:
            if not self._left:
                self._items.append(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._left)
            return not self._left

    def end(self, error: BaseException | None) -> None:
        """Mark the end of the source, or its exception."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def leave(self) -> None:
        """Discard remaining items and any exception after them."""
        with self._changed:
            if not self._left:
                self._left, self._error = True, None
                self._items.clear()
            self._changed.notify_all()

    def raise_error(self) -> None:
        """Raise the source's exception once."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # break the cycle through its traceback

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # only the consumer keeps it alive
        self.raise_error()

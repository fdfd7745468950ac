"""Run a source ahead of its consumer, in one background thread with a bounded buffer.

Not on `concurrent.futures`: an executor cannot close the source in its own thread when the garbage collector finds the
iterator or the interpreter exits. It takes no work after its own collection or at exit, and its locks, which are not
reentrant, deadlock if the collector runs while one is held.
"""

import atexit
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def prefetch(source: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield the items of a source that runs up to ``depth`` items ahead in a background thread.

    The thread starts with the first item asked for and is joined when the items end, the source raises, or the
    iterator is closed or collected. A source that is a generator is then closed, in the thread it ran in. What the
    source raises reaches the consumer as the same object, after the items before it; what it raises while it is being
    closed early comes out of ``close``.

    Raises
    ------
    ValueError
        If ``depth`` is less than one.
    """
    if depth < 1:
        raise ValueError(f"A buffer holds at least one item, found depth {depth}.")
    return _consume(source, _Buffer(depth))


def _consume(source: Iterable[T], buffer: "_Buffer[T]") -> Generator[T, None, None]:
    # A daemon, so that an iterator left open cannot keep the interpreter from its exit handlers, which then close it.
    thread = threading.Thread(target=_produce, args=(source, buffer), name="prefetch", daemon=True)

    def leave() -> None:
        buffer.leave()
        # The collector may run this in the very thread it would wait for; that thread ends by itself.
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
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the consumer's
        buffer.end(error)
    else:
        buffer.end(None)


class _Buffer(Generic[T]):
    """What source and consumer share; iterating over it yields the items and raises the source's error."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._ended = self._left = False
        self._error: BaseException | None = None
        # Reentrant, for the collector may call `leave` in the midst of `put`.
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
        """Add no more items; the source ended, or raised an error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def leave(self) -> None:
        """Take no more items, nor an error that stands behind them."""
        with self._changed:
            if not self._left:
                self._left, self._error = True, None
                self._items.clear()
            self._changed.notify_all()

    def raise_error(self) -> None:
        """Raise what the source raised, once."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # the consumer alone decides how long it lives
        self.raise_error()

"""Hand items from one thread to another, a few at a time."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Buffer(Generic[T]):
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
            if not (self._left or self._ended):  # after `stop`, the consumer would process it
                self._items.append(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._left)
            return not self._left

    def end(self, error: BaseException | None) -> None:
        """Mark the end of the source, or its exception; without effect after `stop`."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
                self._changed.notify_all()

    def stop(self, error: BaseException) -> None:
        """Raise an exception in the consumer in place of the remaining items, and of those still to be put."""
        with self._changed:
            self._items.clear()
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
            del item  # only the consumer keeps it alive now
        self.raise_error()

"""Run a consumer of items in a background thread: the mirror image of `prefetch`."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

from geoseg.threads import BackgroundTask

from .buffer import Buffer

T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """The thread that feeds a consumer has stopped early; raised where the consumer waits for an item."""


class Background(Generic[T, R]):
    """Calls `consume` with an iterator of the items put, in a thread of its own.

    The thread runs within a `with` block. Leaving it early stops the consumer and waits for its end.
    """

    def __init__(self, consume: Callable[[Iterator[T]], R], *, depth: int, name: str) -> None:
        self._consume = consume
        self._buffer: Buffer[T] = Buffer(depth)
        self._outcome: Future[R] = Future()
        self._thread = BackgroundTask(self._run, name=name)

    def put(self, item: T) -> None:
        """Hand over an item, and wait until less than `depth` are waiting.

        Raises the consumer's exception unchanged. Items that the consumer never takes are dropped.
        """
        if not self._buffer.put(item):
            self._outcome.result()

    def result(self) -> R:
        """End the items, and return what the consumer returns or raise its exception; `Stopped` after leaving."""
        self._buffer.end(None)
        return self._outcome.result()

    def stop(self) -> None:
        """Raise `Stopped` in the consumer when it next waits for an item, without waiting for that."""
        self._buffer.stop(Stopped("The thread that feeds this one has stopped."))

    def _run(self) -> None:
        try:
            result = self._consume(iter(self._buffer))
        except BaseException as error:  # noqa: BLE001 - re-raised in the thread that puts
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(result)
        finally:
            self._buffer.leave()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

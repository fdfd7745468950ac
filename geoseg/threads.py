"""Background threads that end with their consumer, and do not delay an interrupt."""

import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

R = TypeVar("R")
T = TypeVar("T")

GRACE_S = 0.8
"""Seconds that an interrupted thread waits for others, one of which may be waiting in GDAL for a server."""
_IDLE = "idle"


class BackgroundTask:
    """A task in a background thread; threads are reused for other tasks.

    Each new thread has to open PROJ's database for GDAL, which takes 12 ms: without reuse, small scenes, which need six
    threads or more, took a tenth longer. Threads are daemons, so that an open iterator does not keep the interpreter
    from running its exit handlers.
    """

    def __init__(self, task: Callable[[], None], *, name: str) -> None:
        self.name = name
        self._task = task
        self._thread: _Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Start the task; raises RuntimeError if no further thread can be started."""
        try:
            thread = _idle.pop()
        except IndexError:
            # Tasks import parts of SciPy and Numba when they need them. Two threads that import SciPy itself at once
            # wait for each other; Python then gives one of them half of it, and the run ends in "KeyError: scipy".
            import scipy  # noqa: F401

            thread = _Thread()
            thread.start()
        self._thread = thread
        thread.tasks.put(self)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the task, if it was started."""
        if self._thread is not None:
            self._ended.wait(timeout_s)

    @property
    def is_current(self) -> bool:
        """Whether the caller is the task itself."""
        return self._thread is threading.current_thread() and not self._ended.is_set()

    def run(self, thread: "_Thread") -> None:
        """Run the task in this thread, which is free for another task before the end of this one is announced."""
        try:
            Context().run(self._task)
        except BaseException:  # noqa: BLE001 - reported as the end of a thread would be
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
        finally:
            del self._task
            _idle.append(thread)
            thread.name = _IDLE
            self._ended.set()


class _Thread(threading.Thread):
    """Runs one task after the other."""

    def __init__(self) -> None:
        super().__init__(name=_IDLE, daemon=True)
        self.tasks: SimpleQueue[BackgroundTask] = SimpleQueue()

    def run(self) -> None:
        while True:
            task = self.tasks.get()
            self.name = task.name
            task.run(self)
            del task


_idle: deque[_Thread] = deque()
"""Idle threads. There is no lock, since the garbage collector could try to acquire it while it is held."""
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_idle.clear)


def at_work() -> set[threading.Thread]:
    """Return all threads of this process, except those waiting for a task."""
    return {thread for thread in threading.enumerate() if not (isinstance(thread, _Thread) and thread.name == _IDLE)}


def in_thread(task: Callable[[], R], *, name: str, outcome: Future[R] | None = None) -> Future[R]:
    """Start a task in a thread of its own, which does not keep the interpreter from exiting.

    Pass an `outcome` to be able to wait for the task even if Ctrl-C interrupts this call.
    """
    outcome = outcome or Future()

    def run() -> None:
        try:
            result = task()
        except BaseException as error:  # noqa: BLE001 - raised by `result`
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    try:
        BackgroundTask(run, name=name).start()
    except RuntimeError as error:  # no further thread can be started
        outcome.set_exception(error)
        raise
    return outcome


def in_order(begin: Callable[[T], Future[R]], items: Iterable[T], *, at_once: int) -> Iterator[R]:
    """Yield the results of tasks in the order of their items; at most `at_once` tasks are in progress.

    If the generator is closed early or an error occurs, it waits for the tasks that have begun: they may write to a
    folder that is removed or unlocked next.
    """
    begun: deque[Future[R]] = deque()
    try:
        for item in items:
            if len(begun) == at_once:
                yield begun.popleft().result()
            begun.append(begin(item))
        while begun:
            yield begun.popleft().result()
    finally:
        wait(begun)


class Tasks(Protocol):
    """Runs tasks: in threads, or on the workers of a cluster."""

    @property
    def workers(self) -> int:
        """Number of tasks that run at the same time."""

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task alongside others."""


@dataclass(frozen=True)
class InThreads:
    """Runs tasks in threads of this process."""

    workers: int

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task in a thread of its own."""
        return in_thread(partial(task, *arguments), name=getattr(task, "__name__", "task"))


@contextmanager
def running(tasks: Sequence[Callable[[], None]], stop: Callable[[], None], *, name: str) -> Iterator[None]:
    """Run tasks in threads; on leaving, or when the interpreter exits, ask them to stop and wait for them.

    If the context is left early, it waits for at most `GRACE_S`; the tasks then end by themselves.
    """
    threads = [BackgroundTask(task, name=name) for task in tasks]

    def leave(grace_s: float | None = None) -> None:
        stop()
        # The garbage collector may call this in one of the tasks, which cannot wait for itself; they end anyway.
        if not any(each.is_current for each in threads):
            end = None if grace_s is None else time.monotonic() + grace_s
            for each in threads:
                each.join(None if end is None else max(0, end - time.monotonic()))

    atexit.register(leave)
    grace_s = None
    try:
        for each in threads:
            each.start()
        yield
    except (GeneratorExit, KeyboardInterrupt):  # an interrupt elsewhere closes open generators
        grace_s = GRACE_S
        raise
    finally:
        leave(grace_s)
        atexit.unregister(leave)

"""Background threads that end with what they serve, and keep nobody who is interrupted."""

import atexit
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

R = TypeVar("R")

GRACE_S = 0.8
"""How long an interrupted thread waits for others: one of them may be in GDAL until a server answers."""


def in_thread(task: Callable[[], R], *, name: str, outcome: Future[R] | None = None) -> Future[R]:
    """Start a task in a thread of its own, which does not keep the interpreter from exiting.

    Who must know of the task even if Ctrl-C falls within this call gives its `outcome`.
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
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError as error:  # there is no room for another thread
        outcome.set_exception(error)
        raise
    return outcome


@contextmanager
def running(tasks: Sequence[Callable[[], None]], stop: Callable[[], None], *, name: str) -> Iterator[None]:
    """Run tasks in threads; on leaving, or when the interpreter exits, ask them to stop and wait for them.

    If the context is left early, they get `GRACE_S`, and then are left to end by themselves.
    """
    # Daemons, so that an open iterator does not keep the interpreter from running its exit handlers.
    threads = [threading.Thread(target=task, name=name, daemon=True) for task in tasks]

    def leave(grace_s: float | None = None) -> None:
        stop()
        # The collector may run this in one of them, which cannot wait for itself; they end anyway.
        if threading.current_thread() not in threads:
            end = None if grace_s is None else time.monotonic() + grace_s
            for thread in threads:
                if thread.ident is not None:  # the system may have refused to start it
                    thread.join(None if end is None else max(0, end - time.monotonic()))

    atexit.register(leave)
    grace_s = None
    try:
        for thread in threads:
            thread.start()
        yield
    except (GeneratorExit, KeyboardInterrupt):  # an interrupt elsewhere closes the generators in its way
        grace_s = GRACE_S
        raise
    finally:
        leave(grace_s)
        atexit.unregister(leave)

"""Background threads that end with the iterator that they serve."""

import atexit
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def running(tasks: Sequence[Callable[[], None]], stop: Callable[[], None], *, name: str) -> Iterator[None]:
    """Run tasks in threads; on leaving, or when the interpreter exits, ask them to stop and wait for them."""
    # Daemons, so that an open iterator does not keep the interpreter from running its exit handlers.
    threads = [threading.Thread(target=task, name=name, daemon=True) for task in tasks]

    def leave() -> None:
        stop()
        # The collector may run this in one of them, which cannot wait for itself; they end anyway.
        if threading.current_thread() not in threads:
            for thread in threads:
                thread.join()

    atexit.register(leave)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        leave()
        atexit.unregister(leave)

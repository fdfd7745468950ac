"""Leave within two seconds of Ctrl-C, whatever a thread does inside GDAL."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from geoseg.files import remove_work_folders

EXIT_CODE = 130
"""128 and the number of the signal, as of any command that Ctrl-C ends."""
_GRACE_S = 1.5
"""How long the main thread may take to leave by itself; it cannot while it is inside GDAL, which waits for servers."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C into exit code 130, at the latest after `_GRACE_S`.

    What is written until then has its final name only if it is complete.
    """
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before, left = set(threading.enumerate()), threading.Event()
    watch = threading.Thread(target=_watch, args=(reader, left), name="interrupts", daemon=True)
    watch.start()
    # Python writes the numbers of signals here at once, even while the main thread is in foreign code.
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    except KeyboardInterrupt:
        if set(threading.enumerate()) - before - {watch}:  # the interpreter would wait for them, or crash in them
            _leave()
        _say()
        sys.exit(EXIT_CODE)
    finally:
        left.set()
        signal.set_wakeup_fd(earlier)
        os.close(writer)
        watch.join()


def _watch(reader: int, left: threading.Event) -> None:
    """End the process if the main thread does not leave soon after an interrupt."""
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGINT and not left.wait(_GRACE_S):
                _leave()


def _leave() -> NoReturn:
    """End the process at once, without the threads that are left."""
    remove_work_folders()
    if sys.stderr.isatty():
        click.echo("\x1b[?25h", nl=False, err=True)  # the cursor, which a progress bar hides
    _say()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_CODE)


def _say() -> None:
    click.echo("geoseg: interrupted.", err=True)

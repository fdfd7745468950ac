"""End a command on Ctrl-C or SIGTERM: after the piece in progress if there is one, else within two seconds."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from geoseg.threads import at_work
from geoseg.work_folders import remove_work_folders

if TYPE_CHECKING:
    from geoseg.tiling.progress import Progress  # imports NumPy

_CODES = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGBREAK", 130))
    if hasattr(signal, name)
}
"""Exit codes by signal. SIGBREAK is Ctrl-Break: on Windows, programs cannot send Ctrl-C to one other program."""
_GRACE_S = 1.5
"""Time for the main thread to end by itself, which it cannot do while GDAL waits for a server."""


class _Asked:
    """The signals received by this process, and how to respond. Only the main thread changes it."""

    def __init__(self) -> None:
        self.in_work: frozenset[str] = frozenset()
        """Scenes with a piece that a first signal waits for."""
        self.number: int | None = None
        """The first signal."""
        self.advice = ""
        """How to resume from what is on disk."""

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, or only record the first signal while a piece is in progress."""
        first, self.number = self.number is None, self.number or number
        if not (first and self.in_work):
            raise KeyboardInterrupt


_asked = _Asked()


def stopping_between_pieces(progress: "Progress", scene: str) -> "Progress":
    """Return a callback for the progress of a scene that lets a first Ctrl-C wait for the piece in progress.

    See `between_pieces`.
    """

    def report(done: int, total: int, item: str) -> None:
        progress(done, total, item)
        between_pieces(scene, more=done < total)

    return report


def between_pieces(scene: str, *, more: bool) -> None:
    """Raise KeyboardInterrupt after a first Ctrl-C; the next one waits for a piece of this scene if there are `more`.

    For commands that resume: call it in the main thread before the first piece, after each piece that is on disk, and
    when the scene has failed. With several scenes in progress, the first finished piece counts.
    """
    advise("the same command resumes")
    in_work, _asked.in_work = _asked.in_work, frozenset()
    if _asked.number is not None:
        signal.raise_signal(_asked.number)
    _asked.in_work = in_work | {scene} if more else in_work - {scene}


def advise(how: str) -> None:
    """Set the advice on how to resume that ends the message about an interruption."""
    _asked.advice = how


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into their exit codes, `_GRACE_S` later at most.

    Files written until then have their final names only if they are complete. See `stopping_between_pieces` for
    commands that finish a piece first.
    """
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield
        return
    reader, writer = os.pipe()
    if hasattr(os, "set_blocking"):
        os.set_blocking(writer, False)
    before, left = at_work(), threading.Event()
    _asked.in_work, _asked.number, _asked.advice = frozenset(), None, ""
    # `nohup`, or a shell that starts a command in the background, has them ignored.
    taken = [number for number in _CODES if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    handlers = {number: signal.signal(number, _asked.handle) for number in taken}
    watch = threading.Thread(target=_watch, args=(reader, left), name="interrupts", daemon=True)
    watch.start()
    # Python writes the numbers of signals here at once, even while the main thread is in foreign code.
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    except KeyboardInterrupt:
        number = _asked.number or signal.SIGINT
        if at_work() - before - {watch}:  # the interpreter would wait for these threads, or crash in them
            _exit_at_once(number)
        _print_interrupted()
        sys.exit(_CODES[number])
    finally:
        left.set()
        signal.set_wakeup_fd(earlier)
        os.close(writer)
        watch.join()
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _watch(reader: int, left: threading.Event) -> None:
    """Announce that a piece is being finished, or end the process if the main thread does not end soon."""
    waiting = False
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] not in _CODES:
                continue
            if _asked.in_work and not waiting:
                waiting = True
                click.echo(
                    "geoseg: stopping once the piece in progress is saved; press Ctrl-C again to stop at once.",
                    err=True,
                )
            elif not left.wait(_GRACE_S):
                _exit_at_once(_asked.number or number[0])


def _exit_at_once(number: int) -> NoReturn:
    """End the process at once, without waiting for other threads."""
    remove_work_folders()
    if sys.stderr.isatty():
        click.echo("\x1b[?25h", nl=False, err=True)  # the cursor, which a progress bar hides
    _print_interrupted()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_CODES[number])


def _print_interrupted() -> None:
    advice = f"; {_asked.advice}" if _asked.advice else ""
    click.echo(f"geoseg: interrupted{advice}.", err=True)

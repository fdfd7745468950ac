"""Run a program, follow its progress, and stop it as Ctrl-C does. Does not need QGIS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Callable, Optional

from .systems import SYSTEM, System
from .variables import clean_environment

_LOOK_S = 0.2
"""Seconds between checks whether the user has cancelled."""
_Line = tuple[bool, Optional[str]]
"""Whether a line is from standard output, and the line; None at the end."""
_SAYS = "geoseg: "
"""Prefix of geoseg's warnings and errors."""
_OF_TERMINALS = "; press Ctrl-C "
"""Start of the part of a message that only applies to a terminal."""


@dataclass(frozen=True)
class Ending:
    """How a program ended."""

    code: int
    """Its exit code, or minus the number of the signal that ended it."""
    sentence: str
    """Its last message, without `geoseg: `; if it failed, the error."""
    output: str
    """What it printed to standard output."""
    files: tuple[Path, ...]
    """Existing files whose paths it printed, in the order printed."""
    cancelled: bool


@dataclass(frozen=True)
class Listener:
    """Callbacks of a run, called in its thread."""

    say: Callable[[str], None]
    """Called with each line."""
    warn: Callable[[str], None]
    """Called with each warning."""
    progress: Callable[[str, float | None], None]
    """Called with the item and the percentage done, None if unknown."""
    is_cancelled: Callable[[], bool]


def ask(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command that answers soon; OSError or TimeoutExpired if it does not start or end."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=clean_environment(),
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
        creationflags=SYSTEM.flags,
    )


def run(command: Sequence[str], listener: Listener, system: System = SYSTEM) -> Ending:
    """Run a command to its end, or until the user cancels."""
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        encoding="utf-8",
        errors="replace",
        creationflags=system.flags,
    ) as process:
        lines: SimpleQueue[_Line] = SimpleQueue()
        for stream in (process.stdout, process.stderr):
            Thread(target=_read, args=(stream, stream is process.stdout, lines), daemon=True).start()
        story = _Story(listener)
        cancelled, unfinished = False, 2
        while unfinished:
            if not cancelled and listener.is_cancelled():
                cancelled = True
                Thread(target=_stop, args=(process, system), daemon=True).start()
            try:
                is_output, line = lines.get(timeout=_LOOK_S)
            except Empty:
                continue
            if line is None:
                unfinished -= 1
            else:
                story.add(line, is_output=is_output)
    return story.end(process.returncode, cancelled=cancelled)


def _read(stream: IO[str], is_output: bool, lines: SimpleQueue[_Line]) -> None:
    for line in stream:
        lines.put((is_output, line.rstrip()))
    lines.put((is_output, None))


def _stop(process: subprocess.Popen[str], system: System) -> None:
    for stop, patience_s in system.stops:
        try:
            stop(process)
            process.wait(patience_s)
        except (OSError, subprocess.TimeoutExpired):
            continue
        return


class _Story:
    """Passes on the output of a program, but holds back the last message: the exit code shows if it is an error."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._last = ""
        self._sentence: str | None = None
        self._output: list[str] = []
        self._files: list[Path] = []

    def add(self, line: str, *, is_output: bool) -> None:
        """Take the next line."""
        if is_output:
            self._output.append(f"{line}\n")
        elif line.startswith('{"event": '):
            event = json.loads(line)
            if event["event"] == "progress":
                percent = 100 * event["done"] / event["total"] if event["total"] else None
                self._listener.progress(event["text"], percent)
            return
        self._pass_on()
        if line.startswith(_SAYS) and not is_output:
            self._sentence = line[len(_SAYS) :].partition(_OF_TERMINALS)[0]
            return
        self._last = line or self._last
        self._listener.say(line)
        if os.path.isabs(line) and os.path.isfile(line):  # noqa: PTH117, PTH113 - a line may be anything
            self._files.append(Path(line))

    def _pass_on(self) -> None:
        if self._sentence is not None:
            self._listener.warn(self._sentence)
            self._sentence = None

    def end(self, code: int, *, cancelled: bool) -> Ending:
        """Return the ending; if the program succeeded, the message held back is a warning."""
        sentence = self._last if self._sentence is None else self._sentence
        if code == 0:
            self._pass_on()
        return Ending(
            code=code, sentence=sentence, output="".join(self._output), files=tuple(self._files), cancelled=cancelled
        )

"""Start the command as a process of its own: with a shipped model, or with a stand-in for the network."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parent
WAIT = 180
"""Seconds after which a hanging test fails; GDAL would wait for longer."""
HEARING = ["env", "--default-signal=INT,TERM,HUP"]
"""Ctrl-C is ignored where the tests run in the background, and SIGHUP under nohup; started so, a process hears them."""
STAND_IN = """
import os, signal, sys, threading
sys.modules.update(boto3=None, matplotlib=None, sklearn=None)
from standins import load_echo as load
from geoseg.cli import main
from geoseg.prediction.predict import predict_each
from geoseg.prediction.results import rasters, write
"""
"""Rasterio and Keras spend a good part of their start on imports for clouds, plots and wrappers: here without."""
HELD = """
import standins
class Held(standins.Echo):
    '''Waits for a line of standard input before each call, and says so.'''
    def __call__(self, pixels):
        print('scoring', flush=True)
        sys.stdin.readline()
        return super().__call__(pixels)
load = lambda model, options: Held()
"""
"""Lines that let a test hold the network up."""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a process that finds the tests' modules."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])} | changes


def stand_in(*arguments, first: str = "") -> list[str]:
    """Return a command line with an echoing network, after some lines of Python, which may set `load`."""
    script = STAND_IN + first + "predict_each.__kwdefaults__['load'] = load\n"
    script += f"main({[str(argument) for argument in arguments]!r}, prog_name='geoseg')"
    return [sys.executable, "-c", script]


def shipped(*arguments) -> list[str]:
    """Return the command line as users type it."""
    return [sys.executable, "-m", "geoseg", *map(str, arguments)]


@contextmanager
def start(command: Sequence[str], **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command line, with pipes, and wait for its end, or kill it if the block fails.

    `changes` are of the environment.
    """
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*HEARING, *command], **pipes, text=True, env=environment(**changes)) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def finish(command: Sequence[str], **changes: str) -> tuple[int, str]:
    """Run a command line to its end; returns the exit code and standard error."""
    with start(command, **changes) as process:
        _, text = process.communicate(timeout=WAIT)
    return process.returncode, text


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder that are not hidden; fails on hidden ones, which are work files."""
    assert not list(folder.glob(".*")), list(folder.glob(".*"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def batch_results(folder: Path) -> dict[str, bytes]:
    """Return the results in a batch's folder, without its manifest and report, whose times differ between runs."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in (".jsonl", ".html")}


def one_sentence(text: str, *words: str) -> None:
    """Require one line on standard error, that is a sentence of the command and holds all words."""
    assert "Traceback" not in text, text
    (line,) = text.strip().splitlines()
    assert line.startswith("geoseg: "), line
    assert line.endswith("."), line
    for word in words:
        assert word in line

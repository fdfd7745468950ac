"""Dask clusters that are started by hand: a scheduler and workers in processes of their own, which can be held up."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from distributed import Client
from standins import Echo

TESTS = str(Path(__file__).parent)


@contextmanager
def process(*words, cwd=None):
    """Run a command of Dask until the block ends."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([TESTS, *map(os.path.abspath, sys.path)])}
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        env=environment,
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def cluster(folder, workers, *options, port=0, cwd=None):
    """Start a scheduler and workers of one thread each, in the folder `cwd`; yields a client and the scheduler."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    with (
        scheduling(folder, port) as scheduler,
        working(folder, workers, *options, cwd=cwd),
        Client(scheduler_file=str(file), timeout=60) as client,
    ):
        client.wait_for_workers(workers, timeout=60)
        yield client, scheduler


def working(folder, workers, *options, cwd=None):
    """Start workers of one thread each for the scheduler that has written `scheduler.json`."""
    words = ("worker", "--scheduler-file", str(folder / "scheduler.json"), "--nthreads", "1", "--no-dashboard")
    words += ("--local-directory", str(folder / "scratch"), "--nworkers", str(workers), *options)
    return process(*words, cwd=cwd)


def scheduling(folder, port=0):
    """Start a scheduler that writes `scheduler.json`."""
    file = str(folder / "scheduler.json")
    return process("scheduler", "--port", str(port), "--no-dashboard", "--scheduler-file", file)


@contextmanager
def restarting(folder, scheduler, port):
    """Kill a scheduler, and start another in its place, which knows no tasks and has no workers."""
    file = folder / "scheduler.json"
    scheduler.kill()
    scheduler.wait()
    file.unlink()
    with scheduling(folder, port) as another:
        while not file.exists():
            threading.Event().wait(0.05)
        yield another


def die_once(folder):
    """End the first process that comes here, as a machine that fails; returns 42 in others."""
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return 42
    os._exit(1)


def wait_to_go(folder):
    """Say that this process has come here, and wait while a file is missing; returns 42."""
    (folder / f"reached_{os.getpid()}").touch()
    while not (folder / "go").exists():
        threading.Event().wait(0.05)
    return 42


class Patient(Echo):
    """Waits at its tenth tile while a file is missing."""

    left = 10

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, pixels):
        self.left -= 1
        if self.left == 0:
            wait_to_go(self.folder)
        return super().__call__(pixels)


class LoadPatient:
    """Loads one `Patient` a process."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, model, options):
        import standins

        if not hasattr(standins, "patient"):
            standins.patient = Patient(self.folder)
        return standins.patient


def when_reached(folder, action):
    """Do something in a thread once a worker has reached its tenth tile."""

    def wait():
        while not [*folder.glob("reached_*")]:
            threading.Event().wait(0.05)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


class Counted(Echo):
    """Adds a line to a file for each tile."""

    def __init__(self, file):
        self.file = file

    def __call__(self, pixels):
        with self.file.open("a") as tiles:
            tiles.write("tile\n" * len(pixels))
        return super().__call__(pixels)


class LoadCounted:
    """Loads a `Counted`."""

    def __init__(self, file):
        self.file = file

    def __call__(self, model, options):
        return Counted(self.file)

"""Dask clusters that are started by hand: a scheduler and workers in processes of their own."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

TESTS = str(Path(__file__).parent)


@contextmanager
def process(*words):
    """Run a command of Dask until the block ends."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([TESTS, *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def cluster(folder, workers, *options, port=0):
    """Start a scheduler and workers of one thread each, and yield a client and the processes."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    with scheduling(folder, port) as scheduler:
        words = ("worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard", *options)
        words += ("--local-directory", str(folder / "scratch"))
        with process(*words, "--nworkers", str(workers)), Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(workers, timeout=60)
            yield client, scheduler


def scheduling(folder, port=0):
    """Start a scheduler that writes `scheduler.json`."""
    file = str(folder / "scheduler.json")
    return process("scheduler", "--port", str(port), "--no-dashboard", "--scheduler-file", file)

"""`kill -9` at any moment of a run with a shipped model costs time only: the same command ends with the same bytes.

`GEOSEG_KILLS=100 pytest -s tests/faults/test_kills.py` kills that many runs, and says when.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from math import inf

import pytest
from processes import contents, finish, shipped, start

KILLS = int(os.environ.get("GEOSEG_KILLS", "6"))
STAGES = {"predicting": ".suburb.geoseg/*", "tracing and writing": ".suburb.geoseg/*/made_*"}
"""What a run has written once it is in a stage."""
PUBLISHING = "publishing"
"""The last stage, of renaming and removing files, takes milliseconds, so that runs are killed at one of these."""
IN_PUBLISHING = """
import os, signal, sys

acts = 0
def kill(event, arguments):
    global acts
    begins = event == "open" and "publishing" in str(arguments[0])
    if begins or (acts and event in ("os.rename", "os.remove", "os.rmdir")):
        acts += 1
        if acts > {}:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
from geoseg.cli import main
main({!r}, prog_name="geoseg")
"""
ACTS = 30
"""About as many as a run has."""


@pytest.mark.slow
def test_kills(suburb, tmp_path):
    """Runs that are killed in each of the stages, at a random moment, are completed to the bytes of a run in peace."""
    words = "predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "--confidence", "-o"
    lasts_s = {}
    for stage in STAGES:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        lasts_s[stage] = _run(shipped(*words, tmp_path / "out"), tmp_path / "out", stage)
    expected, moments, killed = contents(tmp_path / "out"), random.Random(0), Counter()
    while killed.total() < KILLS:
        stage = [*STAGES, PUBLISHING][killed.total() % 3]
        out = tmp_path / f"{killed.total()}"
        if stage == PUBLISHING:
            script = IN_PUBLISHING.format(moments.randrange(ACTS), [*map(str, words), str(out)])
            code, text = finish([sys.executable, "-c", script])
            is_killed = code == -signal.SIGKILL
            assert is_killed or (code, text) == (0, "")
        else:
            is_killed = _run(shipped(*words, out), out, stage, moments.random() * lasts_s[stage]) is None
        if is_killed:
            killed[stage] += 1
            left = sum(path.is_file() for path in out.rglob("*"))
            print(f"{killed.total()}: {stage}, {left} files", flush=True)
        if not {path.name for path in out.glob(".*")} <= {".suburb.geoseg.removed"} or not list(out.glob("*.tif")):
            assert finish(shipped(*words, out)) == (0, "")
            assert not list(out.glob(".*"))
        assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == expected
        shutil.rmtree(out)
    print(dict(killed))


def _run(command, out, stage, kill_s=inf):
    """Kill a run some time after it has reached a stage, or return the time from there to its end if it ends before.

    Time is that of the processor, which other programs do not lengthen.
    """
    begun_s, last_s = None, 0.0
    with start(command) as process:
        while process.poll() is None:
            with suppress(OSError):  # it may have ended in this moment
                last_s = time.clock_gettime((~process.pid << 3) | 2)  # `clock_getcpuclockid`, which Python lacks
            if begun_s is None and list(out.glob(STAGES[stage])):
                begun_s = last_s
            if begun_s is not None and last_s - begun_s >= kill_s:
                process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.002)
        if process.returncode == -signal.SIGKILL:
            return None
        assert process.returncode == 0, process.stderr.read()
    return last_s - begun_s

"""`kill -9` at any moment of a run costs time only: the same command ends with the same bytes.

`GEOSEG_KILLS=100 pytest -s tests/faults/test_kills.py` kills that many runs, and says when.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from math import inf

import pytest
from processes import contents, start

KILLS = int(os.environ.get("GEOSEG_KILLS", "3"))
STAGES = {"predicting": ".suburb.geoseg/*", "tracing and writing": ".suburb.geoseg/*/made_*"}
"""What a run has written once it is in a stage."""
PUBLISHING = "publishing"
"""The last stage, of renaming and removing files, takes milliseconds, so that runs are killed at one of these."""
IN_PUBLISHING = """
acts = 0
def kill(event, arguments):
    global acts
    begins = event == "open" and "publishing" in str(arguments[0])
    if begins or (acts and event in ("os.rename", "os.remove", "os.rmdir")):
        acts += 1
        if acts > {}:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
"""
ACTS = 30
"""About as many as a run has."""


@pytest.mark.slow
def test_kills(suburb, executor, bundle, tmp_path):
    """Runs that are killed in each of the stages, at a random moment, are completed to the bytes of a run in peace.

    Here, with a shipped model; elsewhere, its network would take longer to load than the run.
    """
    words = "predict", suburb, "-m", bundle, "-q", "--confidence", "-o"
    if executor.name == "local":
        words = "predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "--confidence", "-o"
        executor = replace(executor, load="None")
    lasts_s = {}
    for stage in STAGES:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        lasts_s[stage] = _run(executor, (*words, tmp_path / "out"), stage)
    expected, moments, killed = contents(tmp_path / "out"), random.Random(0), Counter()
    while killed.total() < KILLS:
        stage = [*STAGES, PUBLISHING][killed.total() % 3]
        out = tmp_path / f"{killed.total()}"
        if stage == PUBLISHING:
            code, text = executor.finish(*words, out, first=IN_PUBLISHING.format(moments.randrange(ACTS)))
            is_killed = code == -signal.SIGKILL
            assert is_killed or (code, text) == (0, "")
        else:
            is_killed = _run(executor, (*words, out), stage, moments.random() * lasts_s[stage]) is None
        if is_killed:
            killed[stage] += 1
            left = sum(path.is_file() for path in out.rglob("*"))
            print(f"{executor.name} {killed.total()}: {stage}, {left} files", flush=True)
        if not {path.name for path in out.glob(".*")} <= {".suburb.geoseg.removed"} or not list(out.glob("*.tif")):
            assert executor.finish(*words, out) == (0, "")
            assert not list(out.glob(".*"))
        assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == expected
        shutil.rmtree(out)
    print(dict(killed))


def _run(executor, words, stage, kill_s=inf):
    """Kill a run some time after it has reached a stage, or return the time from there to its end if it ends before.

    Time is that of the processor, which other programs do not lengthen.
    """
    begun_s, last_s, out = None, 0.0, words[-1]
    with start(executor.command(*words), **executor.environment) as process:
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

"""Damaged files of every kind end in a result or a GeosegError: no crash, no hang, no partial output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KINDS = (
    *("geotiff", "vrt", "sidecar", "card_of_a_bundle", "members", "archive", "legend", "class_raster", "recipe"),
    *("vectors", "stac", "manifest"),
)
PROGRAM = """
import sys
import cases
assert set(cases.KINDS) == set(sys.argv[1:]), cases.KINDS
failures, seen = cases.run("suite", 300, 6, sys.argv[1:], lambda text: print(text, flush=True))
assert all(seen[kind, True] or seen[kind, False] for kind in sys.argv[1:])
print("FAILURES", *failures, sep="\\n")
"""


@pytest.fixture(scope="module")
def output():
    """What a process says that tries damaged files; a crash would end it in the middle of one."""
    path = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))
    command = [sys.executable, "-c", PROGRAM, *KINDS]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})


def test_damaged_files(output):
    """No file ends the process, takes longer than 30 seconds, or raises anything but a GeosegError."""
    _, done, failures = output.stdout.partition("FAILURES\n")
    assert done, output.stdout.splitlines()[-1:] + output.stderr.splitlines()[-20:]
    assert not failures

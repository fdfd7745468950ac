import os
import select
import signal
import subprocess
import sys

import pytest

from geoseg.compilation import compile_ahead

READ_ONLY = """
from geoseg.compiled import compiled, compiled_as

@compiled
def twice(value):
    return 2 * value

@compiled_as("(int64)")
def thrice(value):
    return 3 * value

print(twice(21), thrice(14))
"""
PARENT = """
from geoseg.compilation import compile_ahead

compilation = compile_ahead("geoseg.roads", [["line_points", "graph.axes", "graph.joins"]])
print(compilation._children[0].pid, flush=True)
input()
"""
CALLED = """
from geoseg.compiled import compiled_within

@compiled_within
def step(value):
    return value + {step}
"""
CALLING = """
from geoseg.compiled import compiled_as
from called import step
from constants import FACTOR

@compiled_as("(int64)")
def climb(value):
    return FACTOR * step(value)

if __name__ == "__main__":
    print(climb(1), sum(climb.dispatcher.stats.cache_hits.values()))
"""
LIGHT = [["skeleton.smoothing"], ["skeleton.mask"]]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Give Numba an empty cache, and return its folder."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def compiled_files(folder):
    """Return the names of the modules and functions in a cache."""
    return sorted(path.name.split("-")[0] for path in folder.rglob("*.nbi"))


def test_runs_where_nothing_can_be_cached():
    """Without a writable cache, as in a read-only installation, a function is still compiled."""
    done = subprocess.run([sys.executable, "-c", READ_ONLY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "42 42"


def test_what_is_called_may_change(cache):
    """A function is compiled anew after a change of functions or constants that it has from other modules."""
    module = cache / "calling.py"
    module.write_text(CALLING)

    def climb(*, step, factor):
        (cache / "called.py").write_text(CALLED.format(step=step))
        (cache / "constants.py").write_text(f"FACTOR = {factor}")
        command = [sys.executable, "-B", str(module)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return tuple(map(int, done.stdout.split()))

    assert climb(step=1, factor=1) == (2, 0)
    assert climb(step=1, factor=1) == (2, 1)
    assert climb(step=20, factor=1) == (21, 0)
    assert climb(step=20, factor=30) == (630, 0)
    assert climb(step=1, factor=1) == (2, 1)


def test_compiles_ahead_once(cache):
    """Functions are compiled into Numba's cache by other processes, the first time only."""
    with compile_ahead("geoseg.roads", LIGHT) as compilation:
        assert compilation.needed
        compilation.wait()
        assert not compilation.needed
    assert compiled_files(cache) == ["mask._fill_holes", "mask._find_runs", "smoothing._blur"]
    with compile_ahead("geoseg.roads", LIGHT) as compilation:
        assert not compilation.needed
        compilation.wait()


def test_stops_when_closed(cache):
    """Compilation that is no longer wanted stops, and the next call begins it again."""
    for _ in range(2):
        with compile_ahead("geoseg.roads", LIGHT) as compilation:
            assert compilation.needed
            children = compilation._children
        assert all(child.returncode is not None for child in children)
    assert not list(cache.glob("*.compiled"))


def test_failed_process_is_harmless(cache):
    """If a process fails, nothing is raised, the others are waited for, and the next call tries again."""
    groups = [["skeleton.smoothing"], ["missing"]]
    with compile_ahead("geoseg.roads", groups) as compilation:
        compilation.wait()
    assert compiled_files(cache) == ["smoothing._blur"]
    with compile_ahead("geoseg.roads", groups) as compilation:
        assert compilation.needed


@pytest.mark.parametrize("executable", ["", "/usr/bin/qgis"])
def test_starts_nothing_but_python(executable, cache, monkeypatch):
    """Where Python is embedded in an application, no process is started."""
    monkeypatch.setattr(sys, "executable", executable)
    with compile_ahead("geoseg.roads", LIGHT) as compilation:
        assert not compilation.needed
        compilation.wait()


def test_starts_nothing_without_a_cache(tmp_path, monkeypatch):
    """Nothing is started where results cannot be kept."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "folder"))
    with compile_ahead("geoseg.roads", LIGHT) as compilation:
        assert not compilation.needed


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process of another with Linux's pidfd_open")
def test_ends_with_a_killed_parent(cache):
    """Processes end when the one that started them is killed, between two functions: no file is left half-written."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    try:
        ended, _, _ = select.select([child], [], [], 60)
    finally:
        os.close(child)
    assert ended
    assert not list(cache.rglob("*.tmp.*"))
    assert len(compiled_files(cache)) < 4

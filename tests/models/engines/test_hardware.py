"""GPUs are found through the driver, without a framework; freed memory goes back to the system."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from geoseg.models.engines.hardware import count_streams, free_heap


@pytest.fixture
def found(tmp_path, build_driver):
    """What a process finds with a driver of two GPUs."""

    def find(status=0):
        build_driver(status)
        script = "from geoseg.models.engines.hardware import find_gpus; print(find_gpus())"
        environment = {"LD_LIBRARY_PATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return find


def test_driver_reports_its_gpus(found):
    """Names and arithmetic of all GPUs are read from the driver."""
    h200, t4 = "Gpu(name='NVIDIA H200', bfloat16=True)", "Gpu(name='Tesla T4', bfloat16=False)"
    assert found() == f"Gpus(found=({h200}, {t4}), problem='')"


def test_hidden_gpus_are_no_problem(found):
    """Error 100 means that there is no GPU, or that all are hidden on purpose."""
    assert found(status=100) == "Gpus(found=(), problem='')"


def test_failing_driver_is_reported(found):
    """A driver that fails is named with its error, so that a user can look it up."""
    assert found(status=803) == "Gpus(found=(), problem='the NVIDIA driver reports error 803')"


@pytest.mark.parametrize(
    ("cores", "batch_size", "streams"), [(1, None, 1), (2, None, 1), (8, None, 2), (64, None, 4), (4, 3, 3), (2, 99, 2)]
)
def test_tiles_in_work(monkeypatch, cores, batch_size, streams):
    """One tile for every four cores that the process may use, at most four; never more than cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(cores)))
    assert count_streams(batch_size) == streams


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library is not glibc")
def test_freed_memory_goes_back_to_the_system():
    """Holes in the heap are returned, which glibc keeps as long as anything behind them is in use."""
    held = [bytes(100_000) for _ in range(1_000)]
    last = held.pop()
    held.clear()
    before = resident_bytes()
    free_heap()
    assert before - resident_bytes() > 50_000_000
    assert len(last) == 100_000


def test_a_library_without_it_is_left_alone(monkeypatch):
    """Where the C library has no such function, nothing happens."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    free_heap()

"""GPUs are found through the driver, without a framework; freed memory goes back to the system."""

import ctypes
import os
import subprocess
import sys

import psutil
import pytest

from geoseg.models.engines import hardware
from geoseg.models.engines.hardware import available_memory, count_streams, free_heap, most_memory


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


FREEING = """
from pathlib import Path
from geoseg.models.engines.hardware import free_heap

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

held = [bytes(100_000) for _ in range(1_000)]
last = held.pop()
held.clear()
before = resident_bytes()
free_heap()
print(before - resident_bytes())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library is not glibc")
def test_freed_memory_goes_back_to_the_system():
    """Holes in the heap are returned, which glibc keeps as long as anything behind them is in use.

    In a process of its own: the heap of this one has holes enough from other tests.
    """
    done = subprocess.run([sys.executable, "-c", FREEING], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 50_000_000


def test_a_library_without_it_is_left_alone(monkeypatch):
    """Where the C library has no such function, nothing happens."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    free_heap()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that writes what a Linux with 8,000 kB to spare reports of itself and its control groups."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    monkeypatch.setattr(hardware, "_OWN_GROUPS", tmp_path / "proc" / "self" / "cgroup")
    monkeypatch.setattr(hardware, "_GROUPS", tmp_path / "groups")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    amounts = {"MemTotal": 10_000, "MemFree": 10, "MemAvailable": 8_000, "SwapTotal": 2_000, "SwapFree": 1_000}
    amounts |= dict.fromkeys(("Buffers", "Cached", "Shmem", "Active", "Inactive"), 0)
    (tmp_path / "proc" / "vmstat").write_text("pswpin 0\npswpout 0\n")
    (tmp_path / "proc" / "meminfo").write_text("".join(f"{name}:  {size} kB\n" for name, size in amounts.items()))

    def write(lines, **files):
        (tmp_path / "proc" / "self" / "cgroup").write_text(lines)
        for folder, (names, limit, used, cached) in files.items():
            path = tmp_path / "groups" / folder.replace("_", "/")
            path.mkdir(parents=True, exist_ok=True)
            for name, text in zip(names, (limit, used, f"anon 5\n{names[2]} {cached}"), strict=True):
                (path / (name if "." in name else "memory.stat")).write_text(f"{text}\n")

    return write


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def test_available_memory(machine):
    """Without a limit it is the machine's; a group's counts if it is less, without file pages that can be dropped."""
    machine("0::/\n")
    assert available_memory() == 8_192_000
    machine("1:cpu:/\n0::/a/b\n", a_b=(V2, "max", "7", "0"), a=(V2, "5000", "3000", "1000"))
    assert available_memory() == 3_000
    machine("0::/a/b\n", a_b=(V2, "2000", "2600", "0"))
    assert available_memory() == 0
    machine("0::/a/b\n", a_b=(V2, "99000000", "7", "0"), a=(V2, "max", "3000", "1000"))
    assert available_memory() == 8_192_000


def test_available_memory_of_the_first_control_groups(machine):
    """Version 1; a container sees its group in the place of the root, whatever the name."""
    machine("4:memory:/docker/x\n0::/\n", memory=(V1, "7000", "500", "200"))
    assert available_memory() == 6_700


def test_available_memory_is_no_more_than_all():
    """On this machine, too."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < available_memory() <= total
    assert available_memory() <= most_memory()


def test_most_memory(machine):
    """All of the machine's with its swap, or a group's limit with that, whatever is in use."""
    machine("0::/\n")
    assert most_memory() == 10_240_000 + 2_048_000
    machine("0::/a/b\n", a_b=(V2, "max", "7", "0"), a=(V2, "5000", "3000", "1000"))
    assert most_memory() == 5_000 + 2_048_000


def test_most_memory_below_a_limit_of_addresses():
    """`ulimit -v` bounds it, too."""
    script = "from geoseg.models.engines.hardware import most_memory; print(most_memory())"
    limited = ["sh", "-c", f"ulimit -v 2000000; exec {sys.executable} -c '{script}'"]
    assert int(subprocess.run(limited, capture_output=True, text=True, check=True).stdout) <= 2_048_000_000


COUNT_HEAPS = """
import ctypes, sys, threading
from geoseg.models.engines.hardware import share_heaps
if sys.argv[1] == "shared":
    share_heaps()
together = threading.Barrier(6)
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = ctypes.c_int, ctypes.c_void_p
def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, libc.fdopen(1, b"w"))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has several heaps")
def test_threads_share_heaps():
    """However many threads allocate, there are two heaps at most; without that, there are more."""
    counts = {}
    for way in ("shared", "own"):
        done = subprocess.run([sys.executable, "-c", COUNT_HEAPS, way], capture_output=True, text=True, check=True)
        counts[way] = done.stdout.count("<heap ")
    assert counts["shared"] <= 2 < counts["own"]

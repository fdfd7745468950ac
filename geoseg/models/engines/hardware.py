"""Find cores, GPUs and available memory, and return freed memory, without loading a framework."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SHARES: list[int] = []
"""Of this process, one for each thread that has set one."""
_MOST_STREAMS = 4
"""Tiles that OpenVINO has in work at a time by default: each takes memory."""
_NAME_BYTES = 256
_NO_DEVICE = 100
"""`CUDA_ERROR_NO_DEVICE`: no GPU, or all hidden by `CUDA_VISIBLE_DEVICES`."""
_CAPABILITY_MAJOR = 75
"""`CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` of the CUDA driver API."""
_M_ARENA_MAX = -8
"""Option of glibc's `mallopt`."""
_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
"""Names of this process's control groups, and the folder of all; only Linux has them."""
_BFLOAT16_SINCE = 8
"""Compute capability of Ampere, the first with bfloat16 arithmetic."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU that the NVIDIA driver offers to this process."""

    name: str
    bfloat16: bool
    """Whether it computes in bfloat16; older ones do in float16."""


@dataclass(frozen=True, kw_only=True)
class Gpus:
    """The GPUs of this machine, or the reason why one cannot be used."""

    found: tuple[Gpu, ...] = ()
    problem: str = ""
    """Why an installed driver offers no GPU; empty if there is simply none."""


def count_cores() -> int:
    """Count the cores that this process may use, which may be fewer than the machine has."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, *_SHARES, sys.maxsize)


def core_share() -> int | None:
    """Return how many cores `shared_cores` leaves to this process; None if all."""
    return count_cores() if _SHARES else None


@contextmanager
def shared_cores(count: int) -> Iterator[None]:
    """Use `count` cores at most, in all threads: other processes of the same machine need the others."""
    _SHARES.append(count)
    try:
        yield
    finally:
        _SHARES.remove(count)


def count_streams(batch_size: int | None) -> int:
    """Return how many tiles OpenVINO has in work at a time; by default few, since four cores serve one tile well."""
    cores = count_cores()
    return min(_MOST_STREAMS, max(1, cores // 4)) if batch_size is None else min(cores, batch_size)


def available_memory() -> int:
    """Return the bytes that processes can still take: of the machine, or of this process's control group if less."""
    return min([machine_memory(), *left_in_groups()])


def machine_memory() -> int:
    """Return the bytes that the machine can still give to processes."""
    import psutil

    return int(psutil.virtual_memory().available)


def most_memory() -> int:
    """Return the bytes that this process could have if no other took any, with swap: more will never be available."""
    import psutil

    swap = int(psutil.swap_memory().total)  # a group may have less of it, which is not worth finding out
    limits = [int(psutil.virtual_memory().total) + swap, *(limit + swap for limit, _ in _limited_groups())]
    address = address_limit()
    return min(limits if address is None else [*limits, address])


def left_in_groups() -> Iterator[int]:
    """Yield the bytes left to limited control groups (v1 and v2): this process's and those around it."""
    for limit, taken in _limited_groups():
        yield max(0, limit - taken)


def _limited_groups() -> Iterator[tuple[int, int]]:
    """Yield the limit of each, and the bytes that it has taken."""
    if not _OWN_GROUPS.exists():
        return
    for line in _OWN_GROUPS.read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            root, names = _GROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = _GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        limit, used, cached = names
        group = root / name.strip("/")
        for folder in (group, *group.parents):
            # The root has no limit; a container sees only its own group, in the place of the root.
            if folder.is_relative_to(root) and (folder / limit).exists() and (folder / used).exists():
                most = (folder / limit).read_text().strip()
                statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                if most != "max":
                    # File pages that nobody needs are given back.
                    yield int(most), int((folder / used).read_text()) - int(statistics.get(cached, 0))


def address_limit() -> int | None:
    """Return the bytes of addresses that this process may have, by `ulimit -v`; None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else int(soft)


def free_heap() -> None:
    """Return freed memory to the system, which glibc keeps in the heap of each thread; other C libraries do not."""
    trim = getattr(_own_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def share_heaps() -> None:
    """Have all threads of this process share two heaps, before they start.

    By default glibc has up to eight for each core, and every scene's threads leave holes in others: 100 small scenes
    took 1.2 times the memory of 10, and 1.5 times that of shared heaps. Other C libraries have one.
    """
    set_option = getattr(_own_library(), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, 2)


def _own_library() -> ctypes.CDLL | None:
    """Return what this process is linked with, among it the C library; None on Windows, which has no such view."""
    return None if sys.platform == "win32" else ctypes.CDLL(None)


def find_gpus() -> Gpus:
    """Ask the NVIDIA driver itself, in milliseconds."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        driverless = Path("/dev/nvidiactl").exists()
        return Gpus(problem="the NVIDIA driver's libcuda.so.1 is not installed" if driverless else "")
    status = driver.cuInit(0)
    if status:
        return Gpus(problem="" if status == _NO_DEVICE else f"the NVIDIA driver reports error {status}")
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return Gpus(found=tuple(_describe(driver, number) for number in range(count.value)))


def _describe(driver: ctypes.CDLL, number: int) -> Gpu:
    device, major = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, _NAME_BYTES, device)
    driver.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    return Gpu(name=name.value.decode(errors="replace"), bfloat16=major.value >= _BFLOAT16_SINCE)

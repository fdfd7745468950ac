"""Files of a worker of Dask: temporary folders of its tasks, and parts that several of them need."""

import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import TYPE_CHECKING

from geoseg.work_folders import temporary_folder

if TYPE_CHECKING:
    from distributed import Worker

MOST = 2**28
"""Bytes of parts that a worker keeps: the pieces of many blocks of the road tracer."""


class Kept:
    """Parts that tasks of this process have fetched, up to `MOST` bytes.

    The least recently used is dropped first. Tasks have links to the parts, so that a dropped one remains for those
    that use it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = mkdtemp(dir=folder, prefix="parts-")  # Dask removes the folder around it when the worker ends
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def link(self, wanted: Mapping[str, Path]) -> list[Path]:
        """Link the parts that are kept, by name, to paths; returns the paths of the others."""
        with self._lock:
            for name in self._sizes.keys() & wanted.keys():
                os.link(self._place(name), wanted[name])
                self._sizes.move_to_end(name)
            return [path for name, path in wanted.items() if name not in self._sizes]

    def keep(self, fetched: Mapping[str, Path]) -> None:
        """Keep parts by name, and let others go."""
        with self._lock:
            for name, path in fetched.items():
                if name not in self._sizes:
                    os.link(path, self._place(name))
                    self._sizes[name] = path.stat().st_size
            while sum(self._sizes.values()) > MOST:
                gone, _ = self._sizes.popitem(last=False)
                self._place(gone).unlink()

    def _place(self, name: str) -> Path:
        return Path(self._folder, name)


def _worker() -> "Worker | None":
    """Return the worker that runs this task; None if this is not a Dask task."""
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


@lru_cache(maxsize=8)
def _kept(folder: str) -> Kept:
    return Kept(folder)


def kept_here() -> Kept | None:
    """Return what the worker that runs this task keeps; None if this is not a Dask task."""
    worker = _worker()
    return None if worker is None else _kept(worker.local_directory)


def folder_of_task() -> AbstractContextManager[Path]:
    """Return a temporary folder: in a task of Dask, in the local folder of its worker."""
    worker = _worker()
    if worker is None:
        return temporary_folder()
    return temporary_folder(
        worker.local_directory,
        of=f" of the Dask worker at {worker.address}",
        advice="start it with another `--local-directory`",
    )

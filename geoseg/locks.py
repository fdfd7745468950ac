"""Lock files and folders that one process at a time may use, on any system."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt

    _FAR = 2**40
    """Offset of the byte that is locked, beyond any file's end: others cannot read a locked byte."""
    _IN_USE = ".in_use"
    """File that is open in a folder while it is locked; Windows does not remove open files."""

    def lock_file(file: IO[Any]) -> None:
        """Lock an open file until it is closed; BlockingIOError while another process has it locked."""
        place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        os.lseek(file.fileno(), _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(file.fileno(), place, os.SEEK_SET)

    @contextmanager
    def locked_as(made: Path, name: str) -> Iterator[Path]:
        """Rename a new folder, and keep it locked."""
        folder = made.rename(made.with_name(name))
        with (folder / _IN_USE).open("wb"):
            yield folder

    def remove_unlocked(folder: Path) -> None:
        """Remove a folder that was once locked; OSError if it still is."""
        (folder / _IN_USE).unlink()
        shutil.rmtree(folder, ignore_errors=True)
else:
    import fcntl

    def lock_file(file: IO[Any]) -> None:
        """Lock an open file until it is closed; BlockingIOError while another process has it locked."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @contextmanager
    def locked_as(made: Path, name: str) -> Iterator[Path]:
        """Rename a new folder, and keep it locked, as it is before it has that name."""
        with _opened(made) as handle:
            with suppress(OSError):  # network disks may not support locks; no folder is removed there either
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield made.rename(made.with_name(name))

    def remove_unlocked(folder: Path) -> None:
        """Remove a folder; OSError if it is locked."""
        with _opened(folder) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _opened(folder: Path) -> Iterator[int]:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield handle
        finally:
            os.close(handle)

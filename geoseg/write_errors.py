"""Errors of writing a file, in the system's words: few libraries pass on its reason."""

import errno
import os
import tempfile
from pathlib import Path

_ROOM = 2**20
"""Bytes that libraries write at a time, or more: a disk that a piece did not fit on has fewer left."""


def refused(path: Path, error: Exception, said: str, *, room: int = 0) -> OSError:
    """Return the OSError behind a library's `error` in writing `path`; `said` is what the library says of it.

    If the library does not pass on the system's reason, a trial write beside `path` finds it: of `room` bytes, if the
    library may have removed what it had written.
    """
    if isinstance(error, OSError) and error.errno:
        return in_plain_words(error)
    try:
        with tempfile.TemporaryFile(dir=path.parent) as beside:
            beside.write(bytes(max(room, _ROOM)))
            beside.flush()
            os.fsync(beside.fileno())  # network disks may refuse only now
    except OSError as reason:
        return in_plain_words(reason)
    return OSError(errno.EIO, f"{said}; is the disk full?")


def in_plain_words(error: OSError) -> OSError:
    """Return an error of the operating system without what Arrow adds to its words."""
    return OSError(error.errno, os.strerror(error.errno or 0))

"""Refuse HDF5 files, netCDF 4 among them, that take values from other files."""

import os

from geoseg.errors import SceneError
from geoseg.models.archive import check_self_contained

from .names import file_of

DRIVERS = ("HDF5", "HDF5Image", "netCDF")
_BEGINNING = b"\x89HDF\r\n\x1a\n"


def begins_as_hdf5(source: str) -> bool:
    """Whether the file of a source is on disk and begins with the signature of HDF5, without a user block before it."""
    try:
        with open(file_of(source), "rb") as file:  # noqa: PTH123 - a URL is not a path
            return file.read(len(_BEGINNING)) == _BEGINNING
    except (OSError, ValueError):  # GDAL knows why, or what it is
        return False


def check_plain_hdf5(source: str) -> None:
    """Check a source that `begins_as_hdf5`, before GDAL follows its links."""
    if begins_as_hdf5(source):
        check_hdf5(source)


def check_hdf5(source: str) -> None:
    """Raise SceneError if the file of a source takes values from others, or cannot be looked at by the HDF5 library.

    Others than HDF5, such as netCDF 3, hold all of their values.
    """
    import h5py

    path = file_of(source)
    if not os.path.isfile(path):  # noqa: PTH113 - a URL is not a path
        raise SceneError(
            f"{source} is in an archive or on a server, where geoseg cannot see whether it takes values from other "
            "files, as HDF5 and netCDF may; save it on disk."
        )
    try:
        with h5py.File(path) as file:
            check_self_contained(file)
    except ValueError as error:
        raise SceneError(f"{source} is not opened: {error}; save it whole (`h5repack`).") from error
    except (OSError, RuntimeError, KeyError):  # GDAL knows why
        return

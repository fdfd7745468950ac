"""Read `.keras` archives. A small file may unpack to any size, so sizes are checked before anything is read."""

import io
import json
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from geoseg.errors import BundleError
from geoseg.files import check_regular

if TYPE_CHECKING:
    import h5py

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
"""Members that Keras writes."""

MAX_DEPTH = 100
"""Deepest nesting of JSON: printing, copying or writing it must not exceed Python's recursion limit."""

MAX_BYTES = 4 * 2**30
"""Largest content: the float32 weights of a network of a billion parameters."""
_UNSUSPICIOUS = 2**28
_EXPANSION = 100
"""Content larger than `_UNSUSPICIOUS` may be this many times as large as the file; weights hardly compress."""

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError),  # an encrypted or unsupported archive, an invalid name or size
)
"""Exceptions from reading a damaged archive."""
MALFORMED = (*DAMAGED, ArithmeticError, AttributeError, LookupError, TypeError)
"""Exceptions from reading a network that may hold anything."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise BundleError if reading the network in `path` raises one of MALFORMED."""
    try:
        yield
    except MALFORMED as error:
        raise BundleError(f"the network in {path} cannot be read ({type(error).__name__}: {reason(error)}).") from error


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; raises one of DAMAGED if it is not one, or would unpack to too much."""
    check_regular(path)
    with zipfile.ZipFile(path) as archive:
        _check_names([member.filename for member in archive.infolist()])
        _check_size(sum(member.file_size for member in archive.infolist()), path.stat().st_size)
        yield archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member; raises KeyError if there is none, or one of DAMAGED."""
    member = archive.getinfo(name)
    with archive.open(member) as file:
        # `ZipFile.read` would unpack two gigabytes at a time, whatever size is declared.
        return file.read(member.file_size)


def read_members(path: Path, *names: str) -> list[bytes]:
    """Read members of the archive at `path`; raises KeyError if one is missing, or one of DAMAGED."""
    with open_archive(path) as archive:
        return [read_member(archive, name) for name in names]


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON that may hold anything; raises ValueError if it is invalid or nested deeper than `MAX_DEPTH`."""
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from error
    level, depth = [document], 0
    while level := [part for value in level for part in _parts(value)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return document


def _parts(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def count_values(weights: bytes) -> int:
    """Count the numbers in all arrays of a Keras weights file; raises ValueError if they would take too much memory."""
    import h5py  # a tenth of a second

    sizes: list[tuple[int, int]] = []
    with h5py.File(io.BytesIO(weights)) as file:
        check_self_contained(file)
        file.visititems(
            lambda _name, item: (
                sizes.append((math.prod(item.shape), item.dtype.itemsize)) if isinstance(item, h5py.Dataset) else None
            )
        )
    _check_size(sum(values * size for values, size in sizes), len(weights))
    return sum(values for values, _ in sizes)


def check_self_contained(file: "h5py.File") -> None:
    """Raise ValueError if an HDF5 file takes values from other files, which the library would open unasked."""
    import h5py

    def outside(name: str, item: "h5py.Group | h5py.Dataset") -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        virtual = item.is_virtual and any(part.file_name != "." for part in item.virtual_sources())
        return name if item.external or virtual else None

    # h5py would replace an error raised in this callback.
    found = file.visititems_links(lambda name, link: name if isinstance(link, h5py.ExternalLink) else None)
    found = found or file.visititems(outside)
    if found is not None:
        raise ValueError(f"its part {shorten(found, 100)} lies in another file")


def reason(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name."""
    lines = str(error).strip().splitlines()
    return shorten(lines[0], 200).rstrip(".:") if lines else type(error).__name__


def _check_names(names: list[str]) -> None:
    """Raise ValueError if a member lies outside of the archive, or two have the same name.

    A program that unpacks the archive would write such a member elsewhere, or choose one of the two.
    """
    for name in names:
        if name.startswith(("/", "\\")) or ":" in name or ".." in name.replace("\\", "/").split("/"):
            raise ValueError(f"its member {shorten(name, 100)} lies outside of it")
    if len(set(names)) < len(names):
        raise ValueError("two of its members have the same name")


def _check_size(size: int, stored: int) -> None:
    """Raise ValueError if `size` bytes are too many to be unpacked from `stored` ones."""
    if size > MAX_BYTES or size > max(_UNSUSPICIOUS, _EXPANSION * stored):
        raise ValueError(f"its {stored / 1e6:,.1f} MB would unpack to {size / 1e6:,.0f} MB")

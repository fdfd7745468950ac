"""Paths as pyogrio passes them to GDAL."""

from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory

_OF_URLS = frozenset(";!")
"""What pyogrio takes for a part of a URL: it cuts the name off at `;`, and splits an archive from its member at `!`."""


@contextmanager
def as_is(path: Path) -> Iterator[Path]:
    """Yield a path to the same file, to be written or read, which pyogrio does not take for a URL.

    Other files of the same stem, of which a Shapefile consists, are beside it.
    """
    if not _OF_URLS.intersection(str(path)):
        yield path
        return
    with TemporaryDirectory(prefix="geoseg_") as folder:
        for each in {path, *path.parent.glob(f"{escape(path.stem)}.*")}:
            Path(folder, f"layer{each.name[len(path.stem) :]}").symlink_to(each.absolute())
        yield Path(folder, f"layer{path.suffix}")

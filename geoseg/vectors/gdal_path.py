"""Paths as pyogrio passes them to GDAL."""

from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory

_OF_URLS = frozenset(";!")
"""Characters that pyogrio interprets as in URLs: it cuts a name at `;`, and splits archive and member at `!`."""


@contextmanager
def as_is(path: Path) -> Iterator[Path]:
    """Yield a path to the same file, to be written or read, that pyogrio does not take for a URL.

    Files with the same stem, such as the other parts of a Shapefile, are next to it.
    """
    if not _OF_URLS.intersection(str(path)):
        yield path
        return
    with TemporaryDirectory(prefix="geoseg_") as folder:
        for each in {path, *path.parent.glob(f"{escape(path.stem)}.*")}:
            Path(folder, f"layer{each.name[len(path.stem) :]}").symlink_to(each.absolute())
        yield Path(folder, f"layer{path.suffix}")

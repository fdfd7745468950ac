"""Values of options: sizes, nodata values, bands, areas of interest and folders."""

import re
import sys
from pathlib import Path
from typing import Any, cast

import click


def parse_size(text: str | int) -> int:
    """Parse `2GB`, `800M` or `2GiB` with Dask; pydantic would read `1,5GB` as one byte."""
    if isinstance(text, int):  # the default
        return text
    from dask.utils import parse_bytes  # a fifth of a second

    try:
        size = int(parse_bytes(text))
    except OverflowError:  # too large for a float, and for any machine
        size = sys.maxsize
    except ValueError:
        size = -1
    if size < 0:
        raise click.BadParameter(f"{text!r} is not a size such as 2GB or 800MB.")
    return size


def parse_nodata(text: str | tuple[float, ...]) -> tuple[float, ...]:
    """Parse `0` or `0,0,0`."""
    if isinstance(text, tuple):  # the default
        return text
    try:
        return tuple(float(value) for value in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number, or numbers such as 0,0,0.") from None


def parse_bands(text: str) -> tuple[int, ...]:
    """Parse `1,2,3`."""
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise click.BadParameter(f"{text!r} is not a list of band numbers such as 1,2,3.")
    return tuple(int(number) for number in text.split(","))


def parse_area(text: str) -> Path | tuple[float, ...]:
    """Parse a path, or `W,S,E,N` in degrees."""
    try:
        bounds = tuple(float(part) for part in text.split(","))
    except ValueError:
        return Path(text)
    if len(bounds) != 4:
        raise click.BadParameter(f"{text!r} is neither a file nor W,S,E,N in degrees.")
    return bounds


class _Folder(click.Path):
    """A folder for results, which need not exist."""

    _FILES = (
        *(".tif", ".tiff", ".vrt", ".png", ".jpg", ".jp2", ".geojson", ".json", ".gpkg", ".fgb", ".parquet", ".shp"),
        *(".keras", ".html", ".md", ".csv", ".zip"),
    )

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the path; fail if it does not exist and is named like a file, such as map.tif."""
        path = cast(Path, super().convert(value, param, ctx))
        if path.suffix.lower() in self._FILES and not path.exists():
            text = f"{path} looks like a file, and results go to a folder: name one, such as {path.stem}."
            self.fail(text, param, ctx)
        return path


FOLDER = _Folder(path_type=Path)

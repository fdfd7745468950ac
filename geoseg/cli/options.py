"""Options shared by commands, and their types."""

import re
import sys
from pathlib import Path
from typing import Any

import click


class ByteSize(click.ParamType[int]):
    """A number of bytes: `2GB`, `800M`, `2GiB`.

    Parsed by Dask and not by pydantic, which reads `1,5GB` as one byte.
    """

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Read a size; an int passes."""
        from dask.utils import parse_bytes  # a fifth of a second

        try:
            size = int(parse_bytes(value))
        except OverflowError:  # too large for a float, and for any machine
            size = sys.maxsize
        except ValueError:
            size = -1
        if size < 0:
            self.fail(f"{value!r} is not a size such as 2GB or 800MB.", param, ctx)
        return size


class Bands(click.ParamType[tuple[int, ...]]):
    """Band numbers from 1, separated by commas: `3,2,1`."""

    name = "bands"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Read band numbers."""
        if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", value):
            self.fail(f"{value!r} is not a list of band numbers such as 1,2,3.", param, ctx)
        return tuple(int(number) for number in value.split(","))


class Area(click.ParamType[Any]):
    """A vector file, or west, south, east, north in degrees."""

    name = "area"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read four numbers as bounds, and anything else as an existing path."""
        parts = value.split(",")
        try:
            bounds = tuple(float(part) for part in parts)
        except ValueError:
            return click.Path(exists=True, path_type=Path).convert(value, param, ctx)
        if len(bounds) != 4:
            self.fail(f"{value!r} is neither a file nor W,S,E,N in degrees.", param, ctx)
        return bounds


model = click.option(
    "-m",
    "--model",
    default="aerial",
    show_default=True,
    metavar="MODEL",
    help="A shipped model's name, or a .keras bundle.",
)
bands = click.option("--bands", type=Bands(), metavar="1,2,3", help="Bands of the scene, in the order of the model's.")
tile = click.option("--tile", type=click.IntRange(min=1), help="Side of a tile, pixels.  [default: the model's]")
overlap = click.option(
    "--overlap",
    type=click.FloatRange(0, 0.5),
    help="Overlap of neighbouring tiles, as a fraction of a tile.  [default: the model's]",
)
gsd = click.option(
    "--gsd", "gsd_m", type=click.FloatRange(min=0, min_open=True), metavar="M",
    help="Ground sample distance to predict at, metres.  [default: the model's]",
)  # fmt: skip
aoi = click.option(
    "--aoi", type=Area(), metavar="FILE|W,S,E,N", help="Area of interest: polygons, or bounds in degrees."
)
_FORMATS = click.Choice(["geojson", "gpkg", "flatgeobuf", "parquet"])
formats = click.option(
    "--format", "formats", type=_FORMATS, multiple=True,
    default=["geojson"], show_default=True, help="Format of the road network; repeatable.",
)  # fmt: skip
vector_output = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="File to write: .geojson, .gpkg, .fgb or .parquet.",
)  # fmt: skip
more_formats = click.option(
    "--format", "formats", type=_FORMATS, multiple=True, help="Another format to write; repeatable."
)
memory = click.option("--memory", type=ByteSize(), default="2GB", show_default=True, help="Memory to stay within.")

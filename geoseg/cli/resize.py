"""`geoseg resize`: write a raster at another resolution."""

from pathlib import Path
from typing import Any

import click

from .completion import complete_files


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(text) < 100):
        raise click.BadParameter(f"expected WIDTHxHEIGHT in pixels, such as 1024x768, found {text!r}.")
    return int(width), int(height)


@click.command("resize")
@click.argument("source", metavar="IN", shell_complete=complete_files)
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--gsd", "gsd_m", type=float, metavar="M", help="Ground sample distance of OUT, in metres.")
@click.option("--scale", type=float, metavar="S", help="Pixels of OUT per pixel of IN, along each side.")
@click.option("--size", type=_parse_size, metavar="WxH", help="Width and height of OUT, in pixels.")
@click.option("--labels", is_flag=True, help="IN holds class ids: take the nearest pixel.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def command(**choices: Any) -> None:  # noqa: ANN401
    """Resample raster IN to another resolution, and write it as the GeoTIFF OUT.

    OUT covers the same extent. Give exactly one of --gsd, --scale and --size. Imagery is Lanczos-filtered, antialiased
    when reducing; masks, and all values with --labels, take the nearest pixel. Memory use is constant.
    """
    from geoseg.rasters.resize import resize

    from .console import status

    with status("resizing") as show:
        written = resize(
            progress=lambda done, blocks, _item: show(f"resizing: {done / blocks:.0%}", done, blocks), **choices
        )
    click.echo(written)

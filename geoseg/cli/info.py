"""`geoseg info`: describe a scene and its planned run, or a model."""

import json
from typing import Any

import click

from geoseg.models.texts import escaped

from . import options
from .completion import complete_files
from .grouped import GroupedCommand
from .tables import flatten, without_recipe

_LABELS = {
    "size": "width, height",
    "dtype": "data type",
    "crs": "CRS",
    "gsd_m": "GSD in metres",
    "bounds_lonlat": "west, south, east, north",
    "declared_nodata": "declared nodata",
    "nodata": "assumed nodata",
    "gsd_range_m": "GSD range in metres",
    "grid_gsd_m": "grid GSD in metres",
    "grid_size": "grid width, height",
    "output_size": "output width, height",
    "memory_bytes": "memory",
    "disk_bytes": "disk space",
    "bytes": "file size",
}


@click.command("info", cls=GroupedCommand)
@click.argument("source", metavar="SCENE|MODEL", shell_complete=complete_files)
@options.model
@options.aoi
@options.imagery
@options.max_pixels
@options.asset
@options.gsd
@options.overviews
@options.tile
@options.overlap
@options.engine
@options.precision
@options.devices
@options.memory
@options.as_json
def command(source: str, model: str, *, asset: str | None, as_json: bool, **settings: Any) -> None:  # noqa: ANN401
    """Describe a SCENE and its planned run, or a MODEL.

    With --asset, SCENE is a STAC document, and each of its items is described; --json then prints a list.
    """
    from geoseg.prediction.info import describe
    from geoseg.rasters.stac import read_assets

    if asset is None:
        description = describe(source, model=model, **settings)
        if as_json:
            click.echo(json.dumps(description, indent=2))
        else:
            _show(without_recipe(description, source))
        return
    items = [describe(each, model=model, **settings) for each in read_assets(source, asset)]
    if as_json:
        click.echo(json.dumps(items, indent=2))
        return
    for number, description in enumerate(items):
        if number:
            click.echo()
        _show(description)


def _show(description: dict[str, Any]) -> None:
    shown = {
        _LABELS.get(key, key): f"{value / 1e6:,.1f} MB" if key in _LABELS and key.endswith("bytes") else value
        for key, value in description.items()
    }
    rows = list(flatten(shown))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {escaped(text)}")

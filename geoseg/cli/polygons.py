"""`geoseg polygons`: the areas of a class raster as polygons."""

from pathlib import Path

import click


@click.command("polygons")
@click.argument("source", metavar="CLASSES")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="File to write; ends in .geojson, .gpkg, .fgb or .parquet.",
)  # fmt: skip
@click.option("--class", "classes", multiple=True, metavar="NAME|ID", help="Class to write; may be repeated.")
@click.option(
    "--min-area", "min_area_m2", type=click.FloatRange(min=0), default=0.0, metavar="M2",
    help="Smaller areas become part of their neighbours.",
)  # fmt: skip
@click.option(
    "--simplify", "simplify_m", type=click.FloatRange(min=0), default=0.0, metavar="M",
    help="How far borders may move to lose vertices; 1.5 pixels make straight lines of stairs.",
)  # fmt: skip
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(["geojson", "gpkg", "flatgeobuf", "parquet"]),
    help="Write this format too; may be repeated.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    *,
    source: str,
    output: Path,
    classes: tuple[str, ...],
    min_area_m2: float,
    simplify_m: float,
    formats: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write the areas of class raster CLASSES as polygons that share their borders.

    Works on rasters of any height in constant memory. Lengths are metres, areas square metres on the ground.

    \b
    geoseg polygons scene_classes.tif -o scene_areas.gpkg
    geoseg polygons scene_classes.tif -o water.geojson --class water --min-area 50 --simplify 1
    """
    from rich.console import Console

    from geoseg.polygons import polygonise

    with Console(stderr=True, markup=False).status("tracing borders") as status:
        made = polygonise(
            source,
            output,
            classes=classes,
            min_area_m2=min_area_m2,
            simplify_m=simplify_m,
            formats=formats,
            overwrite=overwrite,
            progress=lambda done, rows: status.update(f"tracing borders: {done} of {rows} rows"),
        )
    for total in made.totals.values():
        ending = "" if total.count == 1 else "s"
        click.echo(f"{total.name}: {total.area_m2:.0f} m² in {total.count} polygon{ending}")
    for path in made.files:
        click.echo(path)

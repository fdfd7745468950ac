"""`geoseg roads`: the road network of a raster that exists."""

from pathlib import Path

import click


@click.command("roads")
@click.argument("source", metavar="RASTER")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="File to write; ends in .geojson, .gpkg, .fgb or .parquet.",
)  # fmt: skip
@click.option("--class", "road_class", type=int, metavar="N", help="Class id of roads: RASTER holds classes.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="F",
    help="RASTER holds probabilities; from this one on a pixel is road.",
)  # fmt: skip
@click.option("--band", type=click.IntRange(min=1), help="Band to read.  [default: the one called road, or the first]")
@click.option(
    "--roads-format", "formats", multiple=True, type=click.Choice(["geojson", "gpkg", "flatgeobuf", "parquet"]),
    help="Write this format too; may be repeated.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Threads that trace.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    *,
    source: str,
    output: Path,
    road_class: int | None,
    threshold: float | None,
    band: int | None,
    formats: tuple[str, ...],
    workers: int,
    overwrite: bool,
) -> None:
    """Trace the road network of RASTER, which holds class ids or road probabilities.

    What geoseg wrote says itself which it is; of any other raster name the road class or a threshold. Works on rasters
    of any size; the network does not depend on the number of workers.

    \b
    geoseg roads scene_classes.tif -o scene_roads.gpkg
    geoseg roads mask.tif --class 1 -o roads.gpkg --roads-format geojson
    geoseg roads road_probability.tif --threshold 0.4 -o roads.gpkg
    """
    from rich.console import Console

    from geoseg.roads.trace_file import roads

    with Console(stderr=True, markup=False).status("tracing roads") as status:
        traced = roads(
            source,
            output,
            formats=formats,
            road_class=road_class,
            threshold=threshold,
            band=band,
            workers=workers,
            overwrite=overwrite,
            progress=lambda done, total: status.update(f"tracing roads: {done / total:.0%}"),
        )
    click.echo(f"roads: {traced.network.length_km:,.2f} km in {len(traced.network):,} edges")
    for path in traced.files:
        click.echo(path)

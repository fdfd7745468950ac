"""`geoseg polygons`: the areas of a class raster as polygons."""

from typing import Any

import click

from geoseg.models.texts import escaped
from geoseg.sentences import counted

from . import options
from .completion import complete_files


@click.command("polygons")
@click.argument("source", metavar="CLASSES", shell_complete=complete_files)
@options.vector_output
@click.option("--class", "classes", multiple=True, metavar="NAME|ID", help="Class to keep; repeatable.  [default: all]")
@click.option(
    "--min-area", "min_area_m2", type=click.FloatRange(min=0), default=0.0, metavar="M2",
    help="Merge areas smaller than this, in m², into their neighbours.",
)  # fmt: skip
@click.option(
    "--simplify", "simplify_m", type=click.FloatRange(min=0), default=0.0, metavar="M",
    help="Simplification tolerance, in metres; 1.5 pixels remove the stair steps.",
)  # fmt: skip
@click.option(
    "--regularise", multiple=True, metavar="NAME|ID",
    help="Write only this class, with right angles where they fit, as for buildings; repeatable.",
)  # fmt: skip
@click.option(
    "--min-iou", type=click.FloatRange(min=0, min_open=True, max=1), metavar="F",
    help="With --regularise: lowest IoU of a right-angled outline and the pixels of its area.  [default: 0.95]",
)  # fmt: skip
@options.more_formats
@options.scheduler_of_tasks
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Trace in N processes on this machine.  [default: threads, one for each core]",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def command(*, scheduler: str | None, workers: int | None, **choices: Any) -> None:  # noqa: ANN401
    """Turn class raster CLASSES into polygons with shared borders.

    CLASSES is read in bands of rows, and may be larger than memory. Lengths and areas are measured on the ground.

    \b
    geoseg polygons scene_classes.tif -o scene_areas.gpkg
    geoseg polygons scene_classes.tif -o water.geojson --class water --min-area 50 --simplify 1
    geoseg polygons scene_classes.tif -o buildings.gpkg --regularise building --min-area 25
    """
    from geoseg.polygons import polygonise

    from .cluster import chosen_executor
    from .console import make_console, status

    with (
        chosen_executor(scheduler, workers, None, make_console(stderr=True)) as executor,
        status("tracing borders") as show,
    ):
        made = polygonise(
            executor=executor,
            progress=lambda done, rows, _: show(f"tracing borders: {done} of {rows} rows", done, rows),
            **choices,
        )
    for total in made.totals.values():
        squared = "" if total.regularised is None else f", {total.regularised} of them with right angles"
        click.echo(f"{escaped(total.name)}: {total.area_m2:.0f} m² in {counted(total.count, 'polygon')}{squared}")
    if made.confidence is not None:
        click.echo(f"confidence: means of {made.confidence}")
    if not made.totals:
        click.echo("no polygons")
    for path in made.files:
        click.echo(path)

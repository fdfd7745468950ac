"""`geoseg roads`: trace the road network of a raster."""

from typing import Any

import click

from . import options
from .completion import complete_files
from .tables import describe_network


@click.command("roads")
@click.argument("source", metavar="RASTER", shell_complete=complete_files)
@options.vector_output
@click.option("--class", "road_class", type=int, metavar="N", help="Class id of roads, if RASTER holds classes.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="F",
    help="Lowest probability of a road pixel, if RASTER holds probabilities.  [default: 0.3]",
)  # fmt: skip
@click.option(
    "--band", type=click.IntRange(min=1), metavar="N",
    help="Band to read.  [default: the band named road, or the only one]",
)  # fmt: skip
@options.more_formats
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Number of threads."
)
@options.scheduler_of_tasks
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def command(*, scheduler: str | None, **choices: Any) -> None:  # noqa: ANN401
    """Trace the road network of RASTER, which holds class ids or probabilities.

    RASTER may be of any size. Rasters written by geoseg record what their values mean; for others, give --class or
    --threshold.

    \b
    geoseg roads scene_classes.tif -o scene_roads.gpkg
    geoseg roads mask.tif --class 1 -o roads.gpkg --format geojson
    geoseg roads road_probability.tif --threshold 0.4 -o roads.gpkg
    """
    from geoseg.roads import prepare_tracer, trace_roads
    from geoseg.roads.compile_tracer import COMPILING

    from .cluster import chosen_executor
    from .console import make_console, status

    with (
        chosen_executor(scheduler, None, None, make_console(stderr=True)) as executor,
        status("tracing roads") as show,
        prepare_tracer() as compilation,
    ):
        if compilation.needed:
            show(COMPILING)
            compilation.wait()
            show("tracing roads")
        network = trace_roads(
            executor=executor,
            progress=lambda done, total, _: show(f"tracing roads: {done / total:.0%}", done, total),
            **choices,
        )
    click.echo(describe_network(network.length_km, len(network)))
    for path in network.files:
        click.echo(path)

"""`geoseg predict`: scenes to class rasters and road networks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from geoseg.errors import UsageError
from geoseg.models.texts import escaped

from . import options
from .completion import complete_files
from .group import sentence
from .grouped import SPEED, GroupedCommand, option
from .interrupts import between_pieces, stopping_between_pieces
from .progress import wanted_progress
from .tables import describe_network
from .values import FOLDER

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from geoseg.prediction.results.write import Prediction
    from geoseg.tiling.progress import Progress as Report


@click.command("predict", cls=GroupedCommand)
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE...", shell_complete=complete_files)
@options.model
@click.option(
    "-o", "--output", "folder", type=FOLDER, default=".", metavar="DIR",
    help="Folder for the results.  [default: the current one]",
)  # fmt: skip
@options.prediction
@options.name
@options.asset
@options.cluster
@option(SPEED, "--timings", is_flag=True, help="Print how long each stage took.")
@click.option("--overwrite", is_flag=True, help="Replace existing results.")
@options.quiet
def command(
    scenes: tuple[str, ...],
    model: str,
    folder: Path,
    *,
    asset: str | None,
    scheduler: str | None,
    workers: int | None,
    parts: str | None,
    timings: bool,
    overwrite: bool,
    quiet: bool,
    **choices: Any,  # noqa: ANN401
) -> None:
    """Predict the classes and roads of each SCENE.

    SCENE is a raster, such as a GeoTIFF or a VRT, by path or URL (docs/limits.md lists the formats). With --asset, it
    is a STAC document: that asset of each item is predicted, and results are named after the item's id.

    Writes <scene>_classes.tif, <scene>_roads.geojson (or the formats chosen with --format), and a QGIS style (.qml) of
    each; on request also <scene>_confidence.tif, <scene>_disagreement.tif, <scene>_probabilities.tif,
    <scene>_report.html and <scene>.json, a STAC item.

    Ctrl-C saves the piece in progress before it stops; a second Ctrl-C stops at once. The same command resumes a
    stopped run.
    """
    from geoseg.prediction.predict import predict_each
    from geoseg.rasters.stac import Asset, read_assets

    from .cluster import chosen_executor
    from .console import make_console

    sources: list[str | Asset] = [*scenes]
    if asset is not None:
        sources = [each for document in scenes for each in read_assets(document, asset)]
    _refuse_target(scenes)
    console = make_console(stderr=True, quiet=quiet)
    failures = []
    with chosen_executor(scheduler, workers, parts, console) as executor, _progress_bars(console) as bars:
        predictions = predict_each(
            sources,
            model=model,
            folder=folder,
            overwrite=overwrite,
            executor=executor,
            progress=bars.begin,
            **choices,
        )
        for source, (_, outcome) in zip(sources, predictions, strict=True):
            bars.end(source.name if isinstance(source, Asset) else source)
            if isinstance(outcome, Exception):
                if len(sources) == 1:
                    raise outcome
                click.echo(f"geoseg: {sentence(outcome, command)}", err=True)
                failures.append(outcome)
                continue
            _show(console, source.name if isinstance(source, Asset) else Path(source).name, outcome)
            if timings:
                _show_timings(outcome)
    if failures:
        click.echo(f"geoseg: {len(failures)} of {len(sources)} scenes failed.", err=True)
        raise SystemExit(failures[0].exit_code)


def _refuse_target(scenes: tuple[str, ...]) -> None:
    """Refuse a folder as the last of several scenes, as in `cp`: the results would be written elsewhere.

    A name without a suffix that does not exist also counts as a folder, unless it has a colon, as in `NETCDF:a.nc:b`.
    """
    chosen, last = click.get_current_context().get_parameter_source("folder"), scenes[-1]
    if len(scenes) == 1 or chosen != ParameterSource.DEFAULT:
        return
    found = "is a folder" if os.path.isdir(last) else "does not exist"  # noqa: PTH112 - as `on_disk`
    named = ":" not in last and not last.startswith("/vsi") and not Path(last).suffix
    if found == "is a folder" or (named and not os.path.exists(last)):  # noqa: PTH110
        raise UsageError(f"{last} {found}; name raster files, and the folder for the results as `folder={last!r}`.")


@contextmanager
def _progress_bars(console: "Console") -> "Iterator[_Bars]":
    """Show a bar for each scene on a terminal, or JSON progress."""
    from .console import pixel_bars

    with pixel_bars(console) as bars:
        yield _Bars(console, bars)


class _Bars:
    """Bars of the scenes in progress."""

    def __init__(self, console: "Console", bars: "Progress") -> None:
        self._console, self._bars = console, bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, scene: str) -> "Report":
        """Return the progress of a scene."""
        name = Path(scene).name
        events = wanted_progress()
        task = self._tasks[scene] = self._bars.add_task(escaped(name), total=None, rate="starting")

        def report(done: int, total: int, text: str) -> None:
            if text:
                self._console.print(text)
            events(done, total, name)
            self._bars.update(task, completed=done, total=total)
            speed = next((each.speed for each in self._bars.tasks if each.id == task), None)
            rate = "tracing and writing" if done == total else f"{speed / 1e6:.2f} Mpx/s" if speed else ""
            self._bars.update(task, rate=rate)

        return stopping_between_pieces(report, scene)

    def end(self, scene: str) -> None:
        """Remove the bar of a scene that is done or has failed, if it was shown."""
        between_pieces(scene, more=False)
        if scene in self._tasks:
            self._bars.remove_task(self._tasks.pop(scene))


def _show(console: "Console", title: str, prediction: "Prediction") -> None:
    from rich.table import Table

    from geoseg.pages.page import area as format_area
    from geoseg.pages.page import largest_area

    table = Table("class", "share", "area", title=title, title_justify="left")
    table.columns[1].justify = table.columns[2].justify = "right"
    largest_m2 = largest_area(area.area_m2 for area in prediction.areas)
    for area in prediction.areas:
        table.add_row(area.name, f"{area.share:.1%}", format_area(area.area_m2, largest_m2))
    console.print(table)
    lines = [f"bands: {', '.join(f'{name} {number}' for name, number in prediction.bands)}"]
    if prediction.overview is not None:
        lines.append(f"overview: {prediction.overview}")
    if prediction.stretch is not None:
        lines.append(f"stretch: {prediction.stretch}")
    lines.append(f"network: {prediction.runtime}")
    if prediction.roads is not None:
        lines.append(describe_network(prediction.roads.length_km, prediction.roads.count))
    for line in [*lines, *map(str, prediction.outputs.files[::-1])]:
        console.print(line, highlight=False, soft_wrap=True)


def _show_timings(prediction: "Prediction") -> None:
    """Print the stages, even with `--quiet`: they were asked for."""
    click.echo(f"{'stage':<9} {'busy s':>8} {'waited s':>8}", err=True)
    for name, stage in prediction.stages.items():
        click.echo(f"{name:<9} {stage.busy_s:8.2f} {stage.waited_s:8.2f}", err=True)
    click.echo(f"{'all':<9} {prediction.wall_s:8.2f}; the others waited for {prediction.slowest}", err=True)

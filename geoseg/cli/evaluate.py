"""`geoseg evaluate`: score class rasters, a model, or road networks against reference data."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from geoseg.errors import UsageError

from . import options
from .completion import complete_models
from .group import RecordingGroup
from .grouped import SCORES, GroupedCommand, option
from .tables import show
from .values import FOLDER

if TYPE_CHECKING:
    from geoseg.evaluation import Evaluation
    from geoseg.evaluation.roads import RoadEvaluation

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)

_CRITERIA = (
    options.ignore,
    option(
        SCORES, "--erode", default="0", metavar="DIST",
        help="Exclude reference pixels within this distance of another class: pixels, or metres as in 1.5m.",
    ),
    option(
        SCORES, "--relax", default="3", show_default=True, metavar="DIST",
        help="Tolerance of relaxed and boundary scores: pixels, or metres as in 1.5m.",
    ),
    option(
        SCORES, "--protocol", type=click.Choice(["isprs", "isprs-no-clutter"]),
        help="Benchmark rules. isprs: erode by 3 pixels; isprs-no-clutter: also exclude clutter.",
    ),
    options.single,
    options.coding,
    option(
        SCORES, "--bootstrap", type=click.IntRange(min=0), default=0, metavar="N",
        help="Add 95 % intervals from N bootstrap resamples of the images.",
    ),
    option(
        SCORES, "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
        help="Random seed of the resamples.",
    ),
)  # fmt: skip


def _write_options(output: str) -> tuple[Callable[[_Command], _Command], ...]:
    """Return the options for output; `output` is the help of `--output`."""
    return (
        click.option("-o", "--output", "folder", type=FOLDER, metavar="DIR", help=output),
        click.option("--overwrite", is_flag=True, help="Replace an existing evaluation."),
        options.as_json,
    )


_OUTPUT = _write_options("Write evaluation.json, .md and .html to this folder.")


@click.group("evaluate", cls=RecordingGroup)
def command() -> None:
    """Score class rasters, a model or roads against reference data."""


@command.command()
@click.argument("predicted", type=_PATH)
@click.argument("reference", type=_PATH)
@options.together(*_CRITERIA, *_OUTPUT)
def rasters(predicted: Path, reference: Path, **choices: Any) -> None:  # noqa: ANN401
    """Score class rasters against reference rasters.

    PREDICTED and REFERENCE are two files, or two folders or glob patterns whose files are matched by name. The grids
    may differ: the reference is sampled at the pixel centres of the prediction.

    \b
    geoseg evaluate rasters scene_classes.tif reference.tif
    geoseg evaluate rasters maps labels --bootstrap 1000 -o report
    """
    from geoseg.evaluation import evaluate

    _run(partial(evaluate, predicted, reference), **choices)


@command.command(cls=GroupedCommand)
@click.argument("model", shell_complete=complete_models)
@click.argument("images", type=_PATH)
@click.argument("labels", type=_PATH)
@options.imagery
@options.gsd
@options.tile
@options.overlap
@options.tta
@options.image_gsd
@options.engine
@options.precision
@options.devices
@options.batch_size
@options.memory
@options.together(*_CRITERIA, *_OUTPUT)
def model(model: str, images: Path, labels: Path, **choices: Any) -> None:  # noqa: ANN401
    """Predict images with a model, and score the results against labels.

    MODEL is a name listed by `geoseg models`, or a .keras bundle. IMAGES and LABELS are files, folders or glob
    patterns, matched by name.

    \b
    geoseg evaluate model aerial images labels --tta flips
    """
    from geoseg.evaluation import evaluate_model

    _run(partial(evaluate_model, model, images, labels), **choices)


@command.command()
@click.argument("predicted", type=_PATH)
@click.argument("reference", type=_PATH)
@click.option(
    "--buffer", "buffer_m", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True, metavar="M",
    help="Distance within which lines match, in metres: for completeness, correctness and quality.",
)  # fmt: skip
@click.option(
    "--relax", "relax_m", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True, metavar="M",
    help="Tolerance of relaxed scores, in metres.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Random seed of the places that paths start from.",
)  # fmt: skip
@options.together(*_write_options("Write evaluation.json, .md and .html, and difference maps, to this folder."))
def roads(predicted: Path, reference: Path, *, folder: Path | None, **choices: Any) -> None:  # noqa: ANN401
    """Score road networks against reference networks.

    PREDICTED and REFERENCE are two vector files, or two folders or glob patterns whose files are matched by name, in
    any CRS. Distances are in metres.

    \b
    geoseg evaluate roads scene_roads.gpkg reference.geojson -o report
    """
    from geoseg.evaluation.pairing import pair_roads
    from geoseg.evaluation.roads import evaluate_roads
    from geoseg.evaluation.roads.result import map_names

    maps = [] if folder is None else map_names([pair.name for pair in pair_roads(predicted, reference)[0]])
    _run(partial(evaluate_roads, predicted, reference), folder=folder, maps=maps, plots=False, **choices)


def _run(
    evaluate: "Callable[..., Evaluation | RoadEvaluation]",
    *,
    folder: Path | None,
    maps: Iterable[str] = (),
    overwrite: bool,
    as_json: bool,
    plots: bool = True,
    **criteria: Any,  # noqa: ANN401
) -> None:
    """Check the folder, if one is given; evaluate, print the result, and write it to the folder."""
    from geoseg.evaluation.report.plots import require_plots
    from geoseg.evaluation.report.write import check_reports

    from .console import status

    if overwrite and folder is None:
        raise UsageError("`overwrite` replaces the files in `folder`; name one, or leave it out.")
    if folder is not None:
        check_reports(folder, maps, overwrite=overwrite)
        if plots:
            require_plots()
    with status("evaluating") as update:
        evaluation = evaluate(
            progress=lambda done, total, item: update(
                f"evaluating {item} ({min(done + 1, total)} of {total})", done, total
            ),
            **criteria,
        )
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), indent=2))
    else:
        show(evaluation.tables(), evaluation.sentences())
    if folder is not None:
        for path in evaluation.write(folder, overwrite=overwrite):
            click.echo(str(path), err=True)

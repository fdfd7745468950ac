"""`geoseg evaluate`: how well class rasters, a model's, or road networks agree with the truth."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from geoseg.errors import UsageError

from . import options
from .tables import show

_BOTH = ("predicted", "truth", "roads", "relax", "seed", "folder", "overwrite", "as_json")
_ROADS_ONLY = ("buffer_m",)


@click.command("evaluate")
@click.argument("predicted", metavar="PRED|IMAGES", type=click.Path(path_type=Path))
@click.argument("truth", metavar="TRUTH|LABELS", type=click.Path(path_type=Path))
@click.option("--roads", is_flag=True, help="PRED and TRUTH are road networks: vector files with lines, or folders.")
@click.option(
    "--buffer", "buffer_m", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True, metavar="M",
    help="With --roads: metres within which a line is right.",
)  # fmt: skip
@click.option(
    "-m", "--model", metavar="MODEL", help="Predict IMAGES with this model first: a shipped one's name, or a bundle."
)
@click.option(
    "--ignore", multiple=True, metavar="ID", help="True class that is not compared, by id or name; may be repeated."
)
@click.option(
    "--erode", default="0", metavar="PX", help="Leave out true pixels this near to another class; 1.5m for metres."
)
@click.option(
    "--relax", default="3", show_default=True, metavar="PX",
    help="Distance that relaxed and boundary scores forgive; 1.5m for metres, as always with --roads.",
)  # fmt: skip
@click.option(
    "--protocol", type=click.Choice(["isprs", "isprs-no-clutter"]),
    help="Rules of a benchmark: ISPRS erodes by 3 pixels.",
)  # fmt: skip
@click.option(
    "--class", "single", metavar="NAME[=VALUE]",
    help="Compare one class of the prediction with one value of the truth, all else against all else.",
)  # fmt: skip
@click.option("--coding", metavar="NAME", help="How the truth writes classes: mbrsc, potsdam … as in recipes.")
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=0, metavar="N",
    help="Give 95 % intervals from N resamples of the images.",
)  # fmt: skip
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the resamples, or of places that are drawn.",
)
@options.bands
@click.option("--tta", type=click.Choice(["none", "flips", "d4"]), help="With -m: average over flips or orientations.")
@click.option(
    "--image-gsd", "image_gsd_m", type=click.FloatRange(min=0, min_open=True), metavar="M",
    help="With -m: metres per pixel of images without a georeference.  [default: the model's]",
)  # fmt: skip
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write evaluation.json, .md and .html here; with --roads a map of differences too.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an evaluation that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, /, *, roads: bool, **given: Any) -> None:  # noqa: ANN401
    """Compare class rasters, or road networks, with the truth.

    Both are files, or folders whose files are matched by name. Grids need not be the same: the truth is taken from the
    pixel under the centre of the prediction's. Roads may be in any CRS: they are compared in metres.

    \b
    geoseg evaluate maps/ labels/ --bootstrap 1000 -o report/
    geoseg evaluate -m aerial images/ labels/
    geoseg evaluate --roads scene_roads.gpkg true_roads.geojson -o report/
    """
    _refuse_strangers(context, roads=roads)
    if roads:
        _roads(**{name: given[name] for name in (*_BOTH, *_ROADS_ONLY) if name in given})
    else:
        _rasters(**{name: value for name, value in given.items() if name not in _ROADS_ONLY})


def _refuse_strangers(context: click.Context, *, roads: bool) -> None:
    """Raise UsageError for an option that says nothing about what is compared."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is ParameterSource.DEFAULT or name in _BOTH:
            continue
        if roads and name not in _ROADS_ONLY:
            raise UsageError(f"{parameter.opts[-1]} is for class rasters; leave it out with --roads.")
        if not roads and name in _ROADS_ONLY:
            raise UsageError(f"{parameter.opts[-1]} is for road networks; add --roads, or leave it out.")


def _roads(
    *,
    predicted: Path,
    truth: Path,
    folder: Path | None,
    overwrite: bool,
    as_json: bool,
    relax: str,
    **choices: Any,  # noqa: ANN401
) -> None:
    from geoseg.evaluation.roads import evaluate_roads, write_road_evaluation
    from geoseg.evaluation.roads.report import check_road_reports
    from geoseg.evaluation.roads.tables import conditions, tables

    if folder is not None:
        check_road_reports(predicted, truth, folder, overwrite=overwrite)
    with _progress() as progress:
        evaluation = evaluate_roads(predicted, truth, progress=progress, relax_m=_metres(relax), **choices)
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), indent=2))
    else:
        show(tables(evaluation), conditions(evaluation))
    if folder is not None:
        _name(write_road_evaluation(evaluation, folder, overwrite=overwrite))


def _rasters(
    *,
    predicted: Path,
    truth: Path,
    model: str | None,
    folder: Path | None,
    overwrite: bool,
    as_json: bool,
    bands: tuple[int, ...] | None,
    tta: str | None,
    image_gsd_m: float | None,
    **choices: Any,  # noqa: ANN401
) -> None:
    from geoseg.evaluation import evaluate, evaluate_model
    from geoseg.evaluation.report.tables import conditions, tables
    from geoseg.evaluation.report.write import check_reports, write_evaluation

    predicting = {"bands": bands, "tta": tta, "image_gsd_m": image_gsd_m}
    given: dict[str, Any] = {name: value for name, value in predicting.items() if value is not None}
    if given and model is None:
        name = next(iter(given)).removesuffix("_m").replace("_", "-")
        raise UsageError(f"--{name} is for predicting; name a model with -m.")
    if folder is not None:
        check_reports(folder, overwrite=overwrite)
    with _progress() as progress:
        if model is None:
            evaluation = evaluate(predicted, truth, progress=progress, **choices)
        else:
            evaluation = evaluate_model(model, predicted, truth, progress=progress, **given, **choices)
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), indent=2))
    else:
        show(tables(evaluation), conditions(evaluation))
    if folder is not None:
        _name(write_evaluation(evaluation, folder, overwrite=overwrite))


def _metres(text: str) -> float:
    from geoseg.evaluation.distance import Distance

    if "px" in text:
        raise UsageError(f"roads have no pixels; give --relax in metres, got {text}.")
    return Distance.parse(text).value


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Show on standard error which file is compared."""
    from rich.console import Console

    with Console(stderr=True, markup=False).status("evaluating") as status:
        yield lambda done, count, name: status.update(f"evaluating {name} ({done + 1} of {count})")


def _name(written: Sequence[Path]) -> None:
    """Say on standard error what was written."""
    for path in written:
        click.echo(str(path), err=True)

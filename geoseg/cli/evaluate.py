"""`geoseg evaluate`: how well class rasters, or a model's, agree with the truth."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoseg.errors import UsageError

from . import options

if TYPE_CHECKING:
    from rich.console import Console

    from geoseg.evaluation import Evaluation
    from geoseg.evaluation.tables import Table


@click.command("evaluate")
@click.argument("predicted", metavar="PRED|IMAGES", type=click.Path(path_type=Path))
@click.argument("truth", metavar="TRUTH|LABELS", type=click.Path(path_type=Path))
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
    help="Distance that relaxed and boundary scores forgive; 1.5m for metres.",
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
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resamples.")
@options.bands
@click.option("--tta", type=click.Choice(["none", "flips", "d4"]), help="With -m: average over flips or orientations.")
@click.option(
    "--image-gsd", "image_gsd_m", type=click.FloatRange(min=0, min_open=True), metavar="M",
    help="With -m: metres per pixel of images without a georeference.  [default: the model's]",
)  # fmt: skip
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write evaluation.json, .md and .html here.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an evaluation that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    predicted: Path,
    truth: Path,
    model: str | None,
    folder: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    bands: tuple[int, ...] | None,
    tta: str | None,
    image_gsd_m: float | None,
    **choices: Any,  # noqa: ANN401
) -> None:
    """Compare class rasters with the truth.

    Both are files, or folders whose files are matched by name. Grids need not be the same: the truth is taken from the
    pixel under the centre of the prediction's.

    \b
    geoseg evaluate maps/ labels/ --bootstrap 1000 -o report/
    geoseg evaluate -m aerial images/ labels/
    """
    from rich.console import Console

    from geoseg.evaluation import evaluate, evaluate_model
    from geoseg.evaluation.writing import refuse_existing, write_evaluation

    predicting = {"bands": bands, "tta": tta, "image_gsd_m": image_gsd_m}
    given: dict[str, Any] = {name: value for name, value in predicting.items() if value is not None}
    if given and model is None:
        name = next(iter(given)).removesuffix("_m").replace("_", "-")
        raise UsageError(f"--{name} is for predicting; name a model with -m.")
    if folder is not None:
        refuse_existing(folder, overwrite=overwrite)
    console = Console(stderr=True, markup=False)
    with console.status("evaluating") as status:

        def progress(done: int, count: int, name: str) -> None:
            status.update(f"evaluating {name} ({done + 1} of {count})")

        if model is None:
            evaluation = evaluate(predicted, truth, progress=progress, **choices)
        else:
            evaluation = evaluate_model(model, predicted, truth, progress=progress, **given, **choices)
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), indent=2))
    else:
        _show(evaluation)
    if folder is not None:
        for path in write_evaluation(evaluation, folder, overwrite=overwrite):
            console.print(str(path), highlight=False, soft_wrap=True)


def _show(evaluation: "Evaluation") -> None:
    from rich.console import Console

    from geoseg.evaluation import tables

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 120  # a pipe has no width, and rich would fold rows at 80 columns
    shown = [tables.overall(evaluation), tables.by_class(evaluation), tables.near(evaluation)]
    if len(evaluation.images) > 1:
        shown.append(tables.images(evaluation))
    for table in shown:
        _print(console, table)
        console.print()
    for sentence in tables.conditions(evaluation):
        console.print(sentence, soft_wrap=True)


def _print(console: "Console", table: "Table") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)

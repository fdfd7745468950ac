"""`geoseg train`: train a network from a recipe, or write a recipe for labelled images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geoseg.errors import UsageError
from geoseg.models.texts import escaped

from . import options
from .interrupts import advise
from .progress import wanted_progress
from .values import FOLDER

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from geoseg.training.train import Training

COLUMNS = {"loss": 10, "accuracy": 10, "jaccard": 10, "val_loss": 14, "val_accuracy": 14, "val_jaccard": 14}
"""Columns of the table with their widths, for 80 characters."""
_RESUMING = "--resume continues the run"


@click.command("train")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECIPE")
@click.option("--init", is_flag=True, help="Print a starting recipe for IMAGES and LABELS, given instead of RECIPE.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a recipe value, as in schedule.epochs=20."
)
@click.option(
    "-o", "--output", "folder", type=FOLDER, metavar="DIR",
    help="Run folder.  [default: runs/<name>]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Resume the run in the folder after its last complete epoch.")
@click.option(
    "--devices", type=click.IntRange(min=1), metavar="N",
    help="Split each step across N devices.  [default: all accelerators, else the CPU]",
)  # fmt: skip
@options.quiet
def command(
    paths: tuple[Path, ...],
    *,
    init: bool,
    overrides: tuple[str, ...],
    folder: Path | None,
    resume: bool,
    devices: int | None,
    quiet: bool,
) -> None:
    """Train a network from RECIPE, a TOML file, and write a bundle.

    The run folder holds history.csv, checkpoints/, validation.json, report.html and <name>.keras, the bundle for
    `geoseg predict -m`. Resume an interrupted run with --resume.

    To get a starting recipe for your data:

    \b
        geoseg train --init images/ labels/ > recipe.toml
    """
    if init:
        if overrides or folder or resume or devices:
            raise UsageError("--init prints a recipe and takes no other option; write it to a file: `> recipe.toml`.")
        _write_recipe(paths)
        return
    if len(paths) > 1:
        raise UsageError(f"give one recipe, not {len(paths)}; for images and labels, add --init.")
    from geoseg.training.recipe.load import load_recipe
    from geoseg.training.train import train

    from .console import make_console

    if resume:
        advise(_RESUMING)
    console = make_console(stderr=True, quiet=quiet)
    recipe = load_recipe(paths[0], overrides)
    with _build_bar(console) as bar:
        schedule = recipe.schedule
        display = _Display(console, bar, recipe.name, every=schedule.rows_every, epochs=schedule.epochs)

        def end_epoch(row: Mapping[str, float]) -> None:
            advise(_RESUMING)
            display.print_row(row)

        training = train(
            recipe,
            folder=folder,
            resume=resume,
            devices=devices,
            progress=display.move_bar,
            epoch_done=end_epoch,
        )
    _show(console, training)


def _write_recipe(paths: tuple[Path, ...]) -> None:
    if len(paths) > 2:
        raise UsageError(f"--init takes a folder of images and one of labels, not {len(paths)} paths.")
    from geoseg.training.survey.recipe_template import describe_data

    click.echo(describe_data(*paths), nl=False)


def _build_bar(console: "Console") -> "Progress":
    from rich.progress import MofNCompleteColumn, TextColumn

    from .console import progress_bars

    columns = MofNCompleteColumn(), TextColumn("steps  {task.fields[loss]}", markup=False)
    return progress_bars(console, *columns, pace_s=600)  # ten minutes, including validation


class _Display:
    """Console output of a run: a progress bar and a table of epochs."""

    def __init__(self, console: "Console", bar: "Progress", name: str, *, every: int, epochs: int) -> None:
        self._console = console
        self._bar = bar
        self._name = name
        self._events = wanted_progress()
        self._every = every
        self._epochs = epochs
        # Started at the first step, so that preparation does not count as pace.
        self._task = bar.add_task(escaped(name), total=None, start=False, loss="")
        self._has_header = False

    def move_bar(self, done: int, total: int, loss: str) -> None:
        """Move the bar after a step."""
        self._events(done, total, f"{self._name} {loss}")
        if not self._bar.tasks[0].started:
            self._bar.update(self._task, completed=done, total=total)
            self._bar.start_task(self._task)
        self._bar.update(self._task, completed=done, total=total, loss=loss)

    def print_row(self, row: Mapping[str, float]) -> None:
        """Print a row of the table, every few epochs and at the end."""
        epoch = int(row["epoch"])
        if epoch % self._every and epoch not in (1, self._epochs):
            return
        if not self._has_header:
            head = "".join(f"{name:>{width}}" for name, width in COLUMNS.items())
            self._console.print(f"{'epoch':>6}{head.replace('_', ' ')}", highlight=False, soft_wrap=True)
            self._has_header = True
        cells = "".join(
            f"{row[name]:>{width}.4f}" if name in row else f"{'–':>{width}}" for name, width in COLUMNS.items()
        )
        self._console.print(f"{epoch:>6}{cells}", highlight=False, soft_wrap=True)


def _show(console: "Console", training: "Training") -> None:
    best = training.best
    score = f", validation Jaccard index {best['val_jaccard']:.4f}" if "val_jaccard" in best else ""
    console.print(f"best epoch: {int(best['epoch'])}{score}", highlight=False)
    console.print(training.calibration, highlight=False, soft_wrap=True, markup=False)
    timing = dict(training.timing)
    steps, rate, precision = (timing.pop(key) for key in ("steps", "megapixels_s", "precision"))
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in timing.items())
    console.print(f"{parts}; {steps:,.0f} steps in {precision}, {rate:.3g} Mpx/s", highlight=False, soft_wrap=True)
    for path in (training.report, training.bundle):
        console.print(str(path), highlight=False, soft_wrap=True)

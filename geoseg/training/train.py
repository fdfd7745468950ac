"""Train a recipe, from labelled images to a bundle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from geoseg.errors import OutputError
from geoseg.extras import TRAINING, require
from geoseg.files import write_text
from geoseg.models.backend import start_keras
from geoseg.tiling.progress import Progress, no_progress

from .recipe.learning import Schedule
from .recipe.load import as_recipe
from .recipe.recipe import Recipe
from .recipe.resolve import resolve
from .run.run_folder import Row, RunFolder, best_row, read_history
from .run.stopwatch import Stopwatch

if TYPE_CHECKING:
    from .run.callbacks import EpochDone


@dataclass(frozen=True, kw_only=True)
class Training:
    """Files and best epoch of a finished run."""

    folder: Path
    bundle: Path
    report: Path
    best: Row
    """History row of the epoch whose weights the bundle has."""
    calibration: str
    """Sentence on the temperature of the probabilities, or on why there is none."""
    timing: Mapping[str, Any]
    """Content of `timing.json`: seconds of each part of this call, steps, their rate, and precision."""


def train(
    recipe: Recipe | str | Path,
    *,
    folder: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: bool = False,
    devices: int | None = None,
    progress: Progress = no_progress,
    epoch_done: "EpochDone" = lambda row: None,
) -> Training:
    """Train a network, score and calibrate it on the held-out images, and write it as a bundle.

    Parameters
    ----------
    recipe
        Path of a recipe in TOML; or a Recipe, whose paths are relative to the current folder.
    folder
        Run folder for history, checkpoints, report and bundle; `runs/<name>` by default.
    overrides
        Changes to the recipe's file, each `key.path=value`.
    resume
        Resume the run in the folder after its last complete epoch.
    devices
        Number of devices to spread each step over; all accelerators by default, or else the CPU.
    progress
        Called after each step, with the epoch's mean loss as text.
    epoch_done
        Called with the history row of each epoch.

    Raises
    ------
    BundleError, DataError, OutputError, UsageError
        If the recipe, its data or the run folder cannot be used.

    Warns
    -----
    GeosegWarning
        If no pixel is labelled with a class, nothing is held out, or images are outside their vector labels.
    """
    watch = Stopwatch("starting")
    require("training", TRAINING, "train")
    recipe = as_recipe(recipe, overrides)
    start_keras(trains=True)
    from .data.dataset import open_data
    from .finish import finish
    from .fit import fit
    from .run.devices import choose_devices, find_devices
    from .run.precision import choose_precision

    run = resolve(recipe)
    found = find_devices()
    watch.switch("reading")
    data = open_data(run)
    used = choose_devices(found, devices, batch=run.schedule.batch)
    files = RunFolder(path=Path(folder or Path("runs") / recipe.name).absolute())
    names = data.names()
    files.check(recipe, names, resume=resume)
    if not (over := files.is_over(run.schedule)):
        data.check()
    with files.begun(recipe, names, resume=resume):
        try:
            steps = 0
            if not over:
                watch.switch("compiling")
                steps = fit(run, data, files, devices=used, watch=watch, progress=progress, epoch_done=epoch_done)
            watch.switch("finishing")
            report, calibration = finish(run, data, files)
            precision = choose_precision(run.schedule.precision, used)
            timing = _describe(run.schedule, watch.read(), steps, precision)
            write_text(files.timing, json.dumps(timing, indent=2))
        except OSError as error:
            reason = shorten(str(error), 200)  # HDF5 adds its own state to the message
            raise OutputError(f"cannot write to or resume the run in {files.path} ({reason}).") from error
    best = best_row(read_history(files.history))
    assert best is not None  # a run has at least one epoch
    return Training(
        folder=files.path,
        bundle=files.bundle(recipe.name),
        report=report,
        best=best,
        calibration=calibration,
        timing=timing,
    )


def _describe(schedule: Schedule, seconds: Mapping[str, float], steps: int, precision: str) -> dict[str, Any]:
    """Add steps, their rate and their precision to the seconds of a run."""
    pixels = steps * schedule.batch * schedule.window**2
    rate = round(pixels / 1e6 / seconds["stepping"], 3) if steps and seconds["stepping"] else 0.0
    return dict(seconds) | {"steps": steps, "megapixels_s": rate, "precision": precision}

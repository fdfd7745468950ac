"""Train a recipe: from labelled images to a bundle, in a run folder that can be looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from geoseg.errors import OutputError
from geoseg.models.backend import start_keras

from .recipe.load import load_recipe
from .recipe.recipe import Recipe
from .run.run_folder import Row, best_row, read_history

if TYPE_CHECKING:
    from .run.callbacks import EpochDone, Progress


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a finished run left behind."""

    folder: Path
    bundle: Path
    report: Path
    best: Row
    """The history's row of the epoch whose weights the bundle has."""


def train(
    recipe: Recipe | str | Path,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: bool = False,
    devices: int | None = None,
    progress: "Progress" = lambda done, total, logs: None,
    epoch_done: "EpochDone" = lambda row: None,
    remark: Callable[[str], None] = lambda sentence: None,
) -> Training:
    """Train a network, score it on what is held out, and write it as a bundle.

    Parameters
    ----------
    recipe
        A recipe, or the path of one in TOML.
    output
        The run folder; `runs/<name>` by default.
    overrides
        Changes to the recipe's file, each `key.path=value`.
    resume
        Go on with the run in the folder, at the epoch where it was killed.
    devices
        How many to spread each step over; by default all accelerators, or else the CPU.
    progress
        Told of each step.
    epoch_done
        Told the history's row of each epoch.
    remark
        Told, before the first step, what may not have been meant: a class without a labelled pixel, nothing held out.

    Raises
    ------
    BundleError, OutputError, SceneError, UsageError
        Each a sentence on what was found, what was expected, and what to do.
    """
    if isinstance(recipe, Recipe):
        if overrides:
            raise ValueError("overrides change the file of a recipe; change a Recipe with `model_copy(update=…)`.")
    else:
        recipe = load_recipe(Path(recipe), overrides)
    start_keras()
    from .data.dataset import open_data
    from .finish import finish
    from .fit import run
    from .recipe.card import build_card
    from .run.run_folder import RunFolder

    folder = RunFolder(path=Path(output or Path("runs") / recipe.name).absolute())
    data = open_data(recipe)
    build_card(recipe, data.labels.legend)  # refused now rather than after the last epoch
    folder.begin(recipe, resume=resume)
    try:
        run(recipe, data, folder, devices=devices, progress=progress, epoch_done=epoch_done, remark=remark)
        report = finish(recipe, data, folder)
    except OSError as error:
        reason = shorten(str(error), 200)  # HDF5 tells its own states as well
        raise OutputError(f"the run in {folder.path} cannot be written or gone on with ({reason}).") from error
    best = best_row(read_history(folder.history))
    assert best is not None  # a run has an epoch at least
    return Training(folder=folder.path, bundle=folder.bundle(recipe.name), report=report, best=best)

"""Files of a run, and its history: one row of numbers per epoch, or per checkpoint, in `history.csv`."""

import csv
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from geoseg.errors import DataError, OutputError, UsageError
from geoseg.files import lock, whole, write_text, writing
from geoseg.training.recipe.learning import Schedule
from geoseg.training.recipe.load import load_recipe
from geoseg.training.recipe.recipe import Recipe

COLUMNS = (
    "epoch",
    "seconds",
    "learning_rate",
    "loss",
    "accuracy",
    "jaccard",
    "val_loss",
    "val_accuracy",
    "val_jaccard",
)
"""Columns of the file in order; validation columns are empty if nothing is held out."""

Row = Mapping[str, float]
"""Values of an epoch by column; epochs count from 1."""
ImageNames = Mapping[str, Mapping[str, Sequence[str]]]
"""Names of images by data set and side of its split."""


def read_history(path: Path) -> list[Row]:
    """Read the rows of a history, none if there is no file; OutputError if it is damaged."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [{key: float(row[key]) for key in COLUMNS if row[key]} for row in csv.DictReader(file)]
        except (KeyError, ValueError) as error:
            raise OutputError(f"{path} is damaged ({error}); start the run again in another folder.") from error


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write a history atomically."""
    with whole(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row | {"epoch": int(row["epoch"])} for row in map(dict, rows))


def best_row(rows: Sequence[Row]) -> Row | None:
    """Row with the best validation Jaccard index, the latest of equals; the last row if nothing is held out."""
    return max(rows, key=lambda row: (row.get("val_jaccard", -math.inf), row["epoch"]), default=None)


def is_over(rows: Sequence[Row], patience: int | None) -> bool:
    """Whether the best validation score is `patience` rows old; a row is one epoch or, by the clock, many."""
    best = best_row(rows)
    return patience is not None and best is not None and sum(row["epoch"] > best["epoch"] for row in rows) >= patience


def seconds_spent(rows: Sequence[Row]) -> float:
    """Seconds of training in the rows of a history."""
    return sum(row["seconds"] for row in rows)


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Files of a run."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe as it was run."""
        return self.path / "recipe.toml"

    @property
    def history(self) -> Path:
        """One row per epoch, or per checkpoint if the schedule is in minutes; see `COLUMNS`."""
        return self.path / "history.csv"

    @property
    def best(self) -> Path:
        """Averaged weights of the epoch with the best validation score."""
        return self.path / "checkpoints" / "best.weights.h5"

    @property
    def backup(self) -> Path:
        """Folder of the checkpoint."""
        return self.path / "checkpoints" / "backup"

    @property
    def checkpoint(self) -> Path:
        """Network and optimizer to resume from, after the last epoch or, in a schedule in minutes, the last row."""
        return self.backup / "latest.weights.h5"

    @property
    def validation(self) -> Path:
        """Scores of the best weights on the validation images."""
        return self.path / "validation.json"

    @property
    def split(self) -> Path:
        """Names of the training and validation images of each data set."""
        return self.path / "split.json"

    @property
    def timing(self) -> Path:
        """Seconds of each part of the call that finished the run."""
        return self.path / "timing.json"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"

    def bundle(self, name: str) -> Path:
        """The network with its card."""
        return self.path / f"{name}.keras"

    def is_over(self, schedule: Schedule) -> bool:
        """Whether the schedule or its patience has ended."""
        rows = read_history(self.history)
        if schedule.minutes is None:
            ended = bool(rows) and rows[-1]["epoch"] >= schedule.epochs
        else:
            ended = seconds_spent(rows) >= 0.999 * 60 * schedule.minutes  # rows are rounded
        return ended or is_over(rows, schedule.patience)

    def check(self, recipe: Recipe, names: ImageNames, *, resume: bool) -> None:
        """Check that a new run can begin in the folder, or its run be resumed with these images.

        Raises OutputError if the folder has a run and `resume` is false, or files that a new run would replace;
        UsageError if its run has another recipe; DataError if it had other images.
        """
        epochs = len(read_history(self.history))
        if epochs and not resume:
            raise OutputError(
                f"{self.path} holds a run (finished epochs: {epochs}); resume it with `resume=True`, or choose another "
                "`folder`."
            )
        if epochs:
            self._check_recipe(recipe)
            self._check_names(names)
        elif self.path.is_dir() and not self.backup.exists():
            for path in (self.recipe, self.bundle(recipe.name), self.validation, self.split, self.timing):
                if path.exists():
                    raise OutputError(f"{path} exists, and is not of a run; choose another `folder`.")

    @contextmanager
    def begun(self, recipe: Recipe, names: ImageNames, *, resume: bool) -> Iterator[None]:
        """Prepare the folder, after `check`, for a new run or to resume its own; a run without an epoch is discarded.

        A new folder is removed if data or settings are refused before the first epoch ends. Raises as `check` does for
        the run of a process that has ended meanwhile, and OutputError while another one has a run in the folder.
        """
        new = not self.path.exists()
        with self._locked():
            self.check(recipe, names, resume=resume)
            with writing(self.path):
                if not read_history(self.history):
                    shutil.rmtree(self.backup)
                    self.backup.mkdir()
            import tomli_w

            write_text(self.recipe, tomli_w.dumps(recipe.model_dump(exclude_none=True)))
            write_text(self.split, json.dumps(names, indent=2))
            try:
                yield
            except (DataError, UsageError):
                if new and not read_history(self.history):
                    shutil.rmtree(self.path)
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Create the folders, and keep other processes from training in them."""
        with writing(self.path):
            self.backup.mkdir(parents=True, exist_ok=True)
            file = (self.backup.parent / "lock").open("w")
        with file:
            with writing(self.path):
                lock(file, f"another process is training in {self.path}; wait for it, or choose another `folder`.")
            yield

    def _check_names(self, names: ImageNames) -> None:
        """Refuse images that would be split differently: some that the run has trained on could become held out."""
        if not self.split.exists():  # the run was begun before this file was written
            return
        before = json.loads(self.split.read_text(encoding="utf-8"))
        for data_set, sides in names.items():
            if before[data_set] != sides:
                old, new = ({name for side in each.values() for name in side} for each in (before[data_set], sides))
                changed = ", ".join(sorted(old ^ new)[:3]) or "their split"
                raise DataError(
                    f"the images of data set {data_set} are not those that the run in {self.path} began with "
                    f"({changed}), so that it could be scored on images it was trained on; restore them, or choose "
                    "another `folder`."
                )

    def _check_recipe(self, recipe: Recipe) -> None:
        before, now = (each.model_dump() for each in (load_recipe(self.recipe), recipe))
        changed = _find_change(before, now)
        if changed is not None:
            key, old, new = changed
            raise UsageError(
                f"the run in {self.path} has another `{key}` in its recipe ({shorten(str(old), 60)}, not "
                f"{shorten(str(new), 60)}); resume it with its own recipe, and with the same overrides."
            )


def _find_change(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """Find the first key whose value differs, and both values."""
    for name in dict(before) | dict(now):
        old, new = (_by_name(table.get(name)) for table in (before, now))
        if isinstance(old, dict) and isinstance(new, dict):
            within = _find_change(old, new)
            if within is not None:
                return f"{name}.{within[0]}", *within[1:]
        elif old != new:
            return name, old, new
    return None


def _by_name(value: Any) -> Any:  # noqa: ANN401 - any value of a recipe
    """Make a list of tables a table of them by name, or else by number."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return value
    return {str(each.get("name", number)): each for number, each in enumerate(value)}

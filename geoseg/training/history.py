"""The history of a run: one row of numbers an epoch, in `history.csv`."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from geoseg.errors import OutputError

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
"""In the order of the file; those of validation are empty where nothing is held out."""

Row = Mapping[str, float]
"""Numbers of an epoch by column; epochs count from 1."""


def read_history(path: Path) -> list[Row]:
    """Rows of a history, in order; none if there is no file.

    Raises
    ------
    OutputError
        If it is damaged.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [{key: float(row[key]) for key in COLUMNS if row[key]} for row in csv.DictReader(file)]
        except (KeyError, ValueError) as error:
            raise OutputError(f"{path} is damaged ({error}); begin the run again, in another folder.") from error


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Replace a history by rows, whole or not at all."""
    new = path.with_suffix(".csv.new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row | {"epoch": int(row["epoch"])} for row in map(dict, rows))
    new.replace(path)


def best_row(rows: Sequence[Row]) -> Row | None:
    """The row with the best validation Jaccard index, the last one where nothing is held out, None of none."""
    return max(rows, key=lambda row: (row.get("val_jaccard", -math.inf), row["epoch"]), default=None)


def is_over(rows: Sequence[Row], patience: int | None) -> bool:
    """Whether the best validation score is `patience` epochs old."""
    best = best_row(rows)
    return patience is not None and best is not None and rows[-1]["epoch"] - best["epoch"] >= patience

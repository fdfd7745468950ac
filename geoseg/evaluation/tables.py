"""Tables of an evaluation for the terminal, Markdown and HTML."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .calibration import Calibration
from .report.sections import Table, number
from .scores import ClassEvaluation, ImageEvaluation, Interval, Scores


def overall(
    scores: Scores, boundary_f1: float, calibration: Calibration | None, intervals: Mapping[str, Interval]
) -> Table:
    """One row for each score over all classes and images."""
    values = {
        "overall accuracy": (scores.overall_accuracy, "overall_accuracy"),
        "mean IoU": (scores.mean_iou, "mean_iou"),
        "mean F1": (scores.mean_f1, "mean_f1"),
        "frequency-weighted IoU": (scores.frequency_weighted_iou, "frequency_weighted_iou"),
        "Cohen's kappa": (scores.kappa, "kappa"),
        "boundary F1": (boundary_f1, "boundary_f1"),
    }
    rows = [(name, number(value), *_interval(intervals, key)) for name, (value, key) in values.items()]
    if calibration is not None:
        rows.append(("expected calibration error", number(calibration.error), *_interval(intervals)))
    rows.append(("pixels compared", f"{scores.pixels:,}", *_interval(intervals)))
    if scores.unclassified:
        rows.append(("coverage: pixels not unknown", number(scores.coverage), *_interval(intervals)))
    columns = ("score", "value", *(("95 % interval",) if intervals else ()))
    return Table(title="All classes", columns=columns, rows=tuple(rows))


def by_class(classes: Sequence[ClassEvaluation]) -> Table:
    """One row for each class: pixel counts and their scores."""

    def row(entry: ClassEvaluation) -> tuple[str, ...]:
        scores = entry.scores
        counts = (scores.support, scores.true_positives, scores.false_positives, scores.false_negatives)
        return (
            scores.name,
            *(f"{count:,}" for count in counts),
            number(scores.iou),
            *_interval(entry.intervals, "iou"),
            *(number(value) for value in (scores.f1, scores.precision, scores.recall)),
        )

    interval = ("95 %",) if any(entry.intervals for entry in classes) else ()
    columns = ("class", "support", "TP", "FP", "FN", "IoU", *interval, "F1", "precision", "recall")
    return Table(title="Pixels", columns=columns, rows=tuple(map(row, classes)))


def near(classes: Sequence[ClassEvaluation], distance: str) -> Table:
    """One row for each class: scores that tolerate an offset of `distance`."""

    def row(entry: ClassEvaluation) -> tuple[str, ...]:
        found = (entry.boundary.f1, entry.relaxed.precision, entry.relaxed.recall, entry.relaxed.f1)
        curve = (entry.sweep.break_even, entry.sweep.threshold) if entry.sweep is not None else ()
        return (
            entry.scores.name,
            *(number(value) for value in found),
            *_interval(entry.intervals, "relaxed_f1"),
            *(number(value) for value in curve),
        )

    interval = ("95 %",) if any(entry.intervals for entry in classes) else ()
    curve = ("break-even", "at probability") if any(entry.sweep is not None for entry in classes) else ()
    columns = ("class", "boundary F1", "relaxed precision", "relaxed recall", "relaxed F1", *interval, *curve)
    return Table(title=f"Within {distance}", columns=columns, rows=tuple(map(row, classes)))


def confusion(matrix: npt.NDArray[np.int64], names: Sequence[str]) -> Table:
    """Pixels by reference class (rows) and predicted class (columns), of the classes that occur."""
    listed = occurring(matrix)
    return Table(
        title="Confusion matrix",
        columns=("reference \\ predicted", *(names[i] for i in listed)),
        rows=tuple((names[i], *(f"{matrix[i, j]:,}" for j in listed)) for i in listed),
    )


def occurring(matrix: npt.NDArray[np.int64]) -> list[int]:
    """Ids of the classes that have pixels in reference or prediction."""
    ids: list[int] = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1)).tolist()
    return ids


def images(entries: Sequence[ImageEvaluation]) -> Table:
    """One row for each image."""

    def row(image: ImageEvaluation) -> tuple[str, ...]:
        scores = image.scores
        values = (scores.overall_accuracy, scores.mean_iou, scores.mean_f1, scores.kappa, image.boundary_f1)
        return (image.name, f"{scores.pixels:,}", *map(number, values))

    columns = ("image", "pixels", "overall accuracy", "mean IoU", "mean F1", "kappa", "boundary F1")
    return Table(title="Images", columns=columns, rows=tuple(map(row, entries)))


def _interval(intervals: Mapping[str, Interval], score: str = "") -> tuple[str, ...]:
    """Return a cell for the interval of a score; nothing if the table has no such column."""
    if not intervals:
        return ()
    return (f"{number(intervals[score][0])} … {number(intervals[score][1])}" if score in intervals else "",)

"""An evaluation as tables of text, the same on the terminal, in Markdown and in HTML."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from geoseg.evaluation.pairing import some_of
from geoseg.evaluation.result import ClassEvaluation, Evaluation, Interval

UNDEFINED = "–"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; its first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(evaluation: Evaluation) -> list[Table]:
    """The tables that a terminal has room for; that of images where there are several."""
    shown = [overall(evaluation), by_class(evaluation), near(evaluation)]
    return [*shown, images(evaluation)] if len(evaluation.images) > 1 else shown


def overall(evaluation: Evaluation) -> Table:
    """One row for each score of all classes and images together."""
    scores, ends = evaluation.scores, evaluation.intervals
    values = {
        "overall accuracy": (scores.overall_accuracy, ends.get("overall_accuracy")),
        "mean IoU": (scores.mean_iou, ends.get("mean_iou")),
        "mean F1": (scores.mean_f1, ends.get("mean_f1")),
        "frequency-weighted IoU": (scores.frequency_weighted_iou, ends.get("frequency_weighted_iou")),
        "Cohen's kappa": (scores.kappa, ends.get("kappa")),
        "boundary F1": (evaluation.boundary_f1, ends.get("boundary_f1")),
    }
    rows = [(name, number(value), *_interval(end, ends)) for name, (value, end) in values.items()]
    if evaluation.calibration is not None:
        rows.append(("expected calibration error", number(evaluation.calibration.error), *_interval(None, ends)))
    rows.append(("pixels compared", f"{scores.pixels:,}", *_interval(None, ends)))
    columns = ("score", "value", *(("95 % interval",) if ends else ()))
    return Table(title="All classes", columns=columns, rows=tuple(rows))


def by_class(evaluation: Evaluation) -> Table:
    """One row for each class: counts and scores of its pixels."""
    with_intervals = bool(evaluation.intervals)

    def row(entry: ClassEvaluation) -> tuple[str, ...]:
        scores = entry.scores
        counts = (scores.support, scores.true_positives, scores.false_positives, scores.false_negatives)
        return (
            scores.name,
            *(f"{count:,}" for count in counts),
            number(scores.iou),
            *_interval(entry.intervals.get("iou"), entry.intervals),
            *(number(value) for value in (scores.f1, scores.precision, scores.recall)),
        )

    columns = ("class", "support", "TP", "FP", "FN", "IoU", *(("95 %",) if with_intervals else ()))
    return Table(
        title="Pixels",
        columns=(*columns, "F1", "precision", "recall"),
        rows=tuple(map(row, evaluation.classes)),
    )


def near(evaluation: Evaluation) -> Table:
    """One row for each class: scores that forgive a distance."""
    with_sweeps = any(entry.sweep is not None for entry in evaluation.classes)

    def row(entry: ClassEvaluation) -> tuple[str, ...]:
        found = (entry.boundary.f1, entry.relaxed.precision, entry.relaxed.recall, entry.relaxed.f1)
        curve = (entry.sweep.break_even, entry.sweep.threshold) if entry.sweep is not None else ()
        return (
            entry.scores.name,
            *(number(value) for value in found),
            *_interval(entry.intervals.get("relaxed_f1"), entry.intervals),
            *(number(value) for value in curve),
        )

    interval = ("95 %",) if evaluation.intervals else ()
    curve = ("break-even", "at probability") if with_sweeps else ()
    return Table(
        title=f"Within {evaluation.criteria.relax}",
        columns=("class", "boundary F1", "relaxed precision", "relaxed recall", "relaxed F1", *interval, *curve),
        rows=tuple(map(row, evaluation.classes)),
    )


def confusion(evaluation: Evaluation) -> Table:
    """Pixels by true class, down, and predicted class, across."""
    listed = [i for i, pixels in enumerate(evaluation.matrix.sum(axis=0) + evaluation.matrix.sum(axis=1)) if pixels]
    return Table(
        title="Confusion",
        columns=("true \\ predicted", *(evaluation.names[i] for i in listed)),
        rows=tuple((evaluation.names[i], *(f"{evaluation.matrix[i, j]:,}" for j in listed)) for i in listed),
    )


def images(evaluation: Evaluation) -> Table:
    """One row for each image."""
    return Table(
        title="Images",
        columns=("image", "pixels", "overall accuracy", "mean IoU", "mean F1", "kappa", "boundary F1"),
        rows=tuple(
            (
                image.name,
                f"{image.scores.pixels:,}",
                number(image.scores.overall_accuracy),
                number(image.scores.mean_iou),
                number(image.scores.mean_f1),
                number(image.scores.kappa),
                number(image.boundary_f1),
            )
            for image in evaluation.images
        ),
    )


def number(value: float) -> str:
    """A score in three decimals."""
    return UNDEFINED if math.isnan(value) else f"{value:.3f}"


def conditions(evaluation: Evaluation) -> tuple[str, ...]:
    """Sentences on what was compared and how, then all notes."""
    criteria = evaluation.criteria
    count = len(evaluation.images)
    found = [
        evaluation.subject.sentence(),
        f"{count} image{'s' if count > 1 else ''}, {evaluation.scores.pixels:,} pixels compared.",
    ]
    if criteria.single is not None:
        found.append(f"One class against all others: {criteria.single}.")
    if criteria.coding is not None:
        found.append(f"The truth is coded as {criteria.coding}.")
    if criteria.protocol is not None:
        found.append(f"Protocol {criteria.protocol}.")
    if str(criteria.erode) != "0 px":
        found.append(f"True pixels within {criteria.erode} of another class are not compared.")
    if criteria.ignore:
        found.append(f"Not compared: {', '.join(map(str, criteria.ignore))}.")
    if criteria.bootstrap:
        found.append(f"Intervals: 95 % of {criteria.bootstrap} resamples of the images, seed {criteria.seed}.")
    return (*found, *evaluation.notes, *_notes_of_images(evaluation))


def _notes_of_images(evaluation: Evaluation) -> Iterator[str]:
    """Each note once, with the images that it is about."""
    about: dict[str, list[str]] = {}
    for image in evaluation.images:
        for note in image.notes:
            about.setdefault(note, []).append(image.name)
    for note, names in about.items():
        if len(names) == 1:
            yield f"{names[0]}: {note}"
        elif len(names) == len(evaluation.images):
            yield f"All {len(names)} images: {note}"
        else:
            yield f"{len(names)} of {len(evaluation.images)} images ({some_of(names)}): {note}"


def _interval(ends: Interval | None, all_ends: Mapping[str, Interval]) -> tuple[str, ...]:
    """A cell for an interval, where the table has such a column."""
    if not all_ends:
        return ()
    return ("" if ends is None else f"{number(ends[0])} … {number(ends[1])}",)

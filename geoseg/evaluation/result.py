"""The result of an evaluation, as plain values, tables and a report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.sentences import counted

from . import tables
from .calibration import Calibration
from .criteria import Criteria
from .document import to_plain
from .pairing import some_of
from .report.plots import plot_confusion, plot_precision_recall, plot_reliability, require_plots
from .report.sections import Figure, Table
from .report.write import write_report
from .scores import ClassEvaluation, ImageEvaluation, Interval, Scores

_PLOTTED_CLASSES = 40
"""A confusion matrix of more classes is a table only."""


@dataclass(frozen=True, kw_only=True)
class Inference:
    """How a model was run on images."""

    bundle: str
    """Path of the model's bundle."""
    tta: str
    bands: tuple[int, ...] | None
    """Band numbers read from the images; None if chosen automatically."""
    nodata: tuple[float, ...]
    """Values without data that the images do not declare."""
    stretch: str
    """As in `geoseg.Settings`; a joint one is the range that was measured."""
    stretch_from: str | None
    """Scene whose percentiles stretched the images."""
    tile: int | None
    """Side of a tile in pixels; None for the model's own, as in the next two fields."""
    overlap: float | None
    """Overlap of tiles, as a fraction."""
    gsd_m: float | None
    """Ground sample distance that was predicted at."""
    image_gsd_m: float
    """Metres per pixel assumed for images without a georeference."""
    runtime: str | None
    """Engine, precision and device; None for a loader of the caller."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Files and models evaluated."""

    prediction: str
    """Path of the class rasters; for a model, of its images."""
    reference: str
    """Path of the reference data."""
    models: tuple[str, ...] = ()
    """Name and version of the models that made the predictions; empty if the rasters have no such tag."""
    inference: Inference | None = None
    """None for predictions that existed already."""

    def sentence(self) -> str:
        """Describe the subject in a sentence."""
        if self.inference is None:
            makers = f" (made by {', '.join(self.models)})" if self.models else ""
            return f"{self.prediction}{makers} against {self.reference}."
        run = self.inference
        read = "".join(
            f", {name} {value}"
            for name, value in (
                ("bands", ",".join(map(str, run.bands or ()))),
                ("nodata", ",".join(f"{value:g}" for value in run.nodata)),
                ("stretch", "" if run.stretch == "auto" else run.stretch),
                ("stretched as", run.stretch_from),
                ("tile", "" if run.tile is None else str(run.tile)),
                ("overlap", "" if run.overlap is None else f"{run.overlap:g}"),
                ("gsd", "" if run.gsd_m is None else f"{run.gsd_m:g} m"),
            )
            if value
        )
        runtime = "" if run.runtime is None else f"; {run.runtime}"
        return (
            f"Model {', '.join(self.models)} ({run.bundle}; tta {run.tta}{read}; images without a georeference at "
            f"{run.image_gsd_m:g} m{runtime}) on {self.prediction} against {self.reference}."
        )

    def made_by(self, model: str | None) -> "Subject":
        """Add a model unless it is listed already."""
        return self if model is None or model in self.models else replace(self, models=(*self.models, model))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well predictions agree with reference data: over all images together, and image by image."""

    subject: Subject
    criteria: Criteria
    scores: Scores
    boundary_f1: float
    """Mean over classes."""
    classes: tuple[ClassEvaluation, ...]
    """Scored classes."""
    matrix: npt.NDArray[np.int64]
    """`(classes, classes)`: pixels by reference class (rows) and predicted class (columns), ignored ones included."""
    names: tuple[str, ...]
    """Class names of the matrix."""
    calibration: Calibration | None
    """None without probabilities."""
    intervals: Mapping[str, Interval]
    """95 % intervals of the overall scores, by name; empty without bootstrap."""
    images: tuple[ImageEvaluation, ...]
    notes: tuple[str, ...]
    """Notes on the whole evaluation."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for undefined scores."""
        document: dict[str, Any] = to_plain(self)
        overall = document.pop("scores")
        del overall["classes"]
        classes = [{**entry.pop("scores"), **entry} for entry in document.pop("classes")]
        return {**overall, **document, "classes": classes}

    def write(self, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write `evaluation.json`, `evaluation.md` and `evaluation.html` to a folder; return their paths.

        Raises
        ------
        UsageError
            If Matplotlib is not installed.
        OutputError
            If one exists and `overwrite` is not set, or the folder cannot be written.
        """
        require_plots()
        return write_report(
            Path(folder),
            document=self.to_json(),
            sentences=self.sentences(),
            sections=self.sections,
            overwrite=overwrite,
        )

    def tables(self) -> tuple[Table, ...]:
        """Return the tables that fit a terminal; that of images if there are several."""
        shown = (
            tables.overall(self.scores, self.boundary_f1, self.calibration, self.intervals),
            tables.by_class(self.classes),
            tables.near(self.classes, str(self.criteria.relax)),
        )
        return (*shown, tables.images(self.images)) if len(self.images) > 1 else shown

    def sections(self) -> Iterator[Table | Figure]:
        """Yield all tables and figures of the report."""
        overall, *by_class = self.tables()[:3]
        yield overall
        occurring = tables.occurring(self.matrix)
        if len(occurring) <= _PLOTTED_CLASSES:
            yield Figure(
                title="Confusion",
                note="Share of each reference class predicted as each class; the diagonal is recall.",
                svg=plot_confusion(self.matrix[np.ix_(occurring, occurring)], [self.names[i] for i in occurring]),
            )
        yield from by_class
        if any(entry.sweep is not None for entry in self.classes):
            yield Figure(
                title="Relaxed precision and recall",
                note="At every threshold of the class's probability; dots are the break-even points.",
                svg=plot_precision_recall(self.classes),
            )
        if self.calibration is not None:
            yield Figure(
                title="Calibration",
                note="Calibrated probabilities follow the diagonal; stronger bars have more pixels.",
                svg=plot_reliability(self.calibration),
            )
        yield tables.confusion(self.matrix, self.names)
        yield tables.images(self.images)

    def sentences(self) -> tuple[str, ...]:
        """Describe the data and the criteria, then add all notes."""
        criteria = self.criteria
        sentences = [
            self.subject.sentence(),
            f"{counted(len(self.images), 'image')}, {counted(self.scores.pixels, 'pixel')} compared.",
        ]
        if criteria.single is not None:
            sentences.append(f"One class against all others: {criteria.single}.")
        if criteria.coding is not None:
            sentences.append(f"Reference coding: {criteria.coding}.")
        if criteria.protocol is not None:
            sentences.append(f"Protocol {criteria.protocol}.")
        if str(criteria.erode) != "0 px":
            sentences.append(f"Reference pixels within {criteria.erode} of another class are not compared.")
        if criteria.ignore:
            sentences.append(f"Not compared: {', '.join(map(str, criteria.ignore))}.")
        if criteria.bootstrap:
            sentences.append(f"Intervals: 95 % of {criteria.bootstrap} resamples of the images, seed {criteria.seed}.")
        return (*sentences, *self.notes, *self._notes_of_images())

    def _notes_of_images(self) -> Iterator[str]:
        """Yield each note once, with the names of its images."""
        images: dict[str, list[str]] = {}
        for image in self.images:
            for note in image.notes:
                images.setdefault(note, []).append(image.name)
        for note, names in images.items():
            if len(names) == 1:
                yield f"{names[0]}: {note}"
            elif len(names) == len(self.images):
                yield f"All {len(names)} images: {note}"
            else:
                yield f"{len(names)} of {len(self.images)} images ({some_of(names)}): {note}"

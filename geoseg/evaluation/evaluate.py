"""Evaluate predictions: rasters or folders of them against their truth."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import rasterio

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import Legend
from geoseg.rasters.georeference import known_as
from geoseg.rasters.open import GDAL, opened, unplaced
from geoseg.rasters.tags import legend_of, model_of

from .class_mapping import Meaning, meaning
from .counts import ComparedImage, Comparison
from .criteria import Criteria
from .pairing import Pair, pair_rasters
from .provenance import Subject
from .result import Evaluation, summarise
from .strips import open_pair, strips

Progress = Callable[[int, int, str], None]
"""Told how many images are done, of how many, and which one is next."""


def no_progress(done: int, count: int, name: str) -> None:
    """Tell nobody."""


def evaluate(
    prediction: str | Path,
    truth: str | Path,
    *,
    progress: Progress = no_progress,
    **choices: Any,  # noqa: ANN401
) -> Evaluation:
    """Compare a class raster, or a folder of them, with the truth, in memory that does not grow with their height.

    Truths on another grid are taken from the pixel that holds the centre of the prediction's; rasters without
    georeference must have one size. Probabilities are found beside the class raster, as `geoseg predict` names them.

    Parameters
    ----------
    prediction
        Raster of class ids, or a folder of such rasters.
    truth
        Raster or folder; in folders, files are matched by their names without `_classes` and ending.
    progress
        Called before each image.
    **choices
        Fields of `Criteria`.

    Raises
    ------
    SceneError, UsageError
        Each a sentence on what was found, what was expected, and what to do.
    """
    criteria = Criteria(**choices)
    pairs, notes = pair_rasters(Path(prediction), Path(truth))
    subject = Subject(prediction=str(prediction), truth=str(truth))
    return compare(pairs, criteria, subject, count=len(pairs), notes=tuple(notes), progress=progress)


def compare(
    pairs: Iterable[Pair],
    criteria: Criteria,
    subject: Subject,
    *,
    count: int,
    notes: tuple[str, ...],
    progress: Progress,
) -> Evaluation:
    """Evaluate `count` pairs, each used up before the next is asked for."""
    if criteria.bootstrap and count < 2:
        raise UsageError("confidence intervals are made by drawing among images: they need at least two.")
    images: list[ComparedImage] = []
    legends: list[Legend | None] = []
    for pair in pairs:
        progress(len(images), count, pair.name)
        with rasterio.Env(**GDAL), unplaced(), known_as(pair.source, made=str(pair.predicted)):
            legends.append(_legend_of(pair, criteria))
            if legends[-1] != legends[0]:
                raise SceneError(f"{pair.source} has another legend than {images[0].prediction}; evaluate them apart.")
            asked = meaning(legends[0], ignore=criteria.ignore, coding=criteria.coding, single=criteria.single)
            images.append(_compare(pair, asked, criteria))
            subject = subject.made_by(images[-1].model)
    progress(count, count, "")
    return summarise(images, criteria, subject, notes)


def _compare(pair: Pair, asked: Meaning, criteria: Criteria) -> ComparedImage:
    with open_pair(pair, asked) as rasters:
        rules = criteria.rules(asked, rasters.gsd_m)
        comparison = Comparison(rules)
        for strip in strips(rasters, rules.halo):
            comparison.add(
                strip.predicted,
                strip.truth,
                strip.core,
                confidence=strip.confidence,
                probabilities=strip.probabilities,
            )
        return ComparedImage(
            name=pair.name,
            prediction=pair.source,
            model=model_of(rasters.predicted),
            truth=str(pair.truth),
            meaning=asked,
            # What a legend does not bound is kept as small as it turned out.
            comparison=comparison if asked.names is not None else comparison.resized(comparison.highest + 1),
            met_in_prediction=frozenset(rasters.in_prediction.met),
            met_in_truth=frozenset(rasters.in_truth.met),
            notes=rasters.notes,
        )


def _legend_of(pair: Pair, criteria: Criteria) -> Legend | None:
    """Legend of a prediction, or else of a truth that needs no coding; None if neither says what its ids mean."""
    ours, theirs = read_legend(pair.predicted), read_legend(pair.truth)
    if criteria.coding is not None or criteria.single is not None:
        return ours
    if ours is not None and theirs is not None and ours.names != theirs.names:
        raise SceneError(
            f"{pair.source} has the classes {', '.join(ours.names)}, and {pair.truth} {', '.join(theirs.names)}; "
            "their ids cannot be compared."
        )
    return ours or theirs


def read_legend(raster: Path) -> Legend | None:
    """Legend in the tags of a class raster; None without one."""
    with opened(str(raster), overviews=True) as dataset:
        return legend_of(dataset)

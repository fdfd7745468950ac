"""Evaluate class rasters: files or folders of them against reference rasters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
import rasterio

from geoseg.errors import SceneError, UsageError
from geoseg.messages import known_as
from geoseg.models.legend import Legend
from geoseg.rasters.opening.open import GDAL, opened, unplaced
from geoseg.rasters.tags import check_same_classes, legend_of, model_of
from geoseg.tiling.progress import Progress, no_progress

from .class_mapping import ClassMapping, map_classes
from .counts import ComparedImage, Comparison, total
from .criteria import Criteria, CriteriaOptions
from .label_notes import note_alteration, note_hidden_class, note_names_of_two, note_other_names
from .pairing import Pair, pair_rasters
from .raster_pair import Rasters, open_pair
from .result import Evaluation, Subject
from .strips import STRIP_PIXELS, strips
from .summary import summarise


def evaluate(
    predicted: str | Path,
    reference: str | Path,
    *,
    progress: Progress = no_progress,
    **options: Unpack[CriteriaOptions],
) -> Evaluation:
    """Compare class rasters with reference rasters, in memory that does not grow with their height.

    A reference on another grid is sampled at the pixel centres of the prediction; rasters without a georeference must
    have the same size. Probabilities are found next to the class raster, as `geoseg predict` names them.

    Parameters
    ----------
    predicted
        Raster of class ids, or a folder or glob pattern of such rasters.
    reference
        Raster, folder or pattern; several files are matched by name, without `_classes` and extension.
    ignore
        Ids or names of reference classes that are not compared, or one name.
    erode
        Reference pixels this near to another reference class are not compared: pixels, or metres as in `"1.5m"`.
    relax
        Offset that relaxed and boundary scores tolerate: pixels, or metres as in `"1.5m"`.
    protocol
        `"isprs"` erodes by 3 pixels; `"isprs-no-clutter"` also ignores the clutter class.
    coding
        Built-in coding of the reference's colours or ids, such as `"potsdam"`; None if they are the prediction's ids.
    single
        `"NAME"` or `"NAME=VALUE"`: compare one class of the prediction, by name or id, with one value of the reference.
    bootstrap
        Resamples of the images for 95 % intervals; 0 for none.
    seed
        Seed of the resamples.
    progress
        Called before each image with the images done, all images, and its name; at the end with `""`.

    Raises
    ------
    SceneError
        If a raster cannot be read, or the two cannot be compared.
    DataError
        If files are missing, or none match.
    UsageError
        If an option does not fit them.
    """
    criteria = Criteria(**options)
    pairs, notes = pair_rasters(Path(predicted), Path(reference))
    subject = Subject(prediction=str(predicted), reference=str(reference))
    return compare(pairs, criteria, subject, count=len(pairs), notes=tuple(notes), progress=progress)


def compare(
    pairs: Iterable[Pair],
    criteria: Criteria,
    subject: Subject,
    *,
    count: int,
    notes: tuple[str, ...],
    progress: Progress = no_progress,
    strip_pixels: int = STRIP_PIXELS,
) -> Evaluation:
    """Evaluate `count` pairs one after another in strips of about `strip_pixels`.

    A pair is finished before the next is requested, so that its files may be temporary.
    """
    if criteria.bootstrap and count < 2:
        raise UsageError("confidence intervals resample the images: they need at least two.")
    images: list[ComparedImage] = []
    legends: list[Legend | None] = []
    named: list[bool] = []
    for pair in pairs:
        progress(len(images), count, pair.name)
        with rasterio.Env(**GDAL), unplaced(), known_as(pair.source, made=str(pair.predicted)):
            ours, theirs = _read_legend(pair.predicted), _read_legend(pair.reference)
            legends.append(_choose_legend(pair, criteria, ours, theirs))
            named.append(theirs is not None)
            if _classes_of(legends[-1]) != _classes_of(legends[0]):
                raise SceneError(
                    f"{pair.source} has a different legend from {images[0].prediction}; evaluate them separately."
                )
            mapping = map_classes(
                legends[-1],
                ignore=criteria.ignore,
                coding=criteria.coding,
                single=criteria.single,
                unlabelled=() if theirs is None or theirs.unknown is None else (len(theirs),),
            )
            images.append(_compare(pair, mapping, criteria, strip_pixels))
            subject = subject.made_by(images[-1].model)
    progress(count, count, "")
    if not any(image.comparison.overlapping for image in images):
        raise SceneError(
            f"no pixel of {images[0].prediction} has a class in {images[0].reference}: do they show the same ground?"
        )
    if criteria.coding is None and criteria.single is None and not any(named):
        notes = (*notes, *_note_mask(images))
    return summarise(images, criteria, subject, notes)


def _compare(pair: Pair, mapping: ClassMapping, criteria: Criteria, strip_pixels: int) -> ComparedImage:
    with open_pair(pair, mapping) as rasters:
        rules = criteria.rules(mapping, rasters.gsd_m if criteria.in_metres else None)
        comparison = Comparison(rules)
        for strip in strips(rasters, rules.halo, pixels=strip_pixels):
            comparison.add(
                strip.predicted,
                strip.reference,
                strip.core,
                confidence=strip.confidence,
                probabilities=strip.probabilities,
            )
        return ComparedImage(
            name=pair.name,
            prediction=pair.source,
            model=model_of(rasters.predicted),
            reference=str(pair.reference),
            mapping=mapping,
            # Without a legend, keep only as many classes as occur.
            comparison=comparison if mapping.names is not None else comparison.resized(comparison.highest + 1),
            expected_in_prediction=frozenset(rasters.in_prediction.expected),
            expected_in_reference=frozenset(rasters.in_reference.expected),
            notes=(
                *rasters.notes,
                *_note_unread(pair, mapping),
                *_note_swapped(pair, rasters),
                *_note_declared(rasters),
            ),
        )


def _note_unread(pair: Pair, mapping: ClassMapping) -> Iterator[str]:
    """Note probabilities that are left out for lack of a legend."""
    if pair.probabilities is not None and mapping.bands is None:
        yield "its probabilities are not read, as no legend of geoseg says which band is which class"


def _note_swapped(pair: Pair, rasters: Rasters) -> Iterator[str]:
    """Note a reference that a model made, if no model made the prediction."""
    maker = model_of(rasters.reference)
    if maker is not None and model_of(rasters.predicted) is None:
        yield (
            f"the reference {pair.reference} was made by {maker}, and {pair.source} was not made by geoseg: if they "
            "are swapped, so are precision and recall"
        )


def _note_declared(rasters: Rasters) -> Iterator[str]:
    """Note what the two declare of their values that contradicts how they are compared."""
    predicted, reference, mapping = rasters.predicted, rasters.reference, rasters.mapping
    if reference.nodata != predicted.nodata:
        yield from note_hidden_class(reference, "the reference", mapping)
    if mapping.names is None:
        yield from note_names_of_two(predicted, reference)
    yield from note_alteration(predicted, "the prediction", mapping.predicted)
    yield from note_alteration(reference, "the reference", mapping.reference)
    yield from note_other_names(predicted, "the prediction", mapping, mapping.predicted)
    yield from note_other_names(reference, "the reference", mapping, mapping.reference)


def _note_mask(images: Sequence[ComparedImage]) -> Iterator[str]:
    """Note references of the ids 0 and 1 alone, if the prediction has more classes."""
    names = images[0].mapping.names or ()
    pixels = total([image.comparison for image in images]).reference_pixels
    if len(names) > 2 and np.flatnonzero(pixels).tolist() == [0, 1]:
        yield (
            f"The reference has the values 0 and 1 only, and no class names: they were taken for {names[0]} and "
            f"{names[1]}. If it is a mask, compare its class alone, as NAME=1."
        )


def _choose_legend(pair: Pair, criteria: Criteria, ours: Legend | None, theirs: Legend | None) -> Legend | None:
    """Return the legend of a prediction, or else of a reference without coding; None if neither has one."""
    if criteria.coding is not None or criteria.single is not None:
        return ours
    check_same_classes(pair.source, ours, str(pair.reference), theirs)
    return ours or _classes_of(theirs)


def _classes_of(legend: Legend | None) -> Legend | None:
    """Return a legend without its entry for unknown pixels, which only some images of an evaluation may have."""
    return None if legend is None else replace(legend, unknown=None)


def _read_legend(raster: Path) -> Legend | None:
    with opened(str(raster), overviews=True) as dataset:
        return legend_of(dataset)

"""Pixel counts of predicted against reference classes, which add up over strips and images."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import NODATA

from .calibration import count_calibration
from .class_mapping import ClassMapping
from .confusion import Confusion
from .matrix_scores import Counts
from .relaxed import Radius, boundaries, count_near, count_sweep, half_axes, near_other_class, reach


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules for comparing pixels; distances are in pixels."""

    classes: int
    ignored: Collection[int] = ()
    """Ids of classes whose reference pixels are not compared."""
    erode: Radius = 0.0
    """Pixels this near to another reference class are excluded, except from relaxed and boundary scores."""
    relax: Radius = 3.0
    """Offset that relaxed and boundary scores tolerate."""
    unknown: int | None = None
    """Predicted id, after those of the classes, of pixels that are counted and not scored; None if there is none."""

    @property
    def halo(self) -> int:
        """Rows above and below a strip that its counts depend on."""
        return max(reach(self.erode), reach(self.relax) + 1)


class Comparison:
    """Counts of one image or several under the same rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.confusion = Confusion(rules.classes, ignored=rules.ignored, unknown=rules.unknown)
        self.relaxed: Counts = np.zeros((4, rules.classes), np.int64)
        """`(4, classes)`: see `count_near`."""
        self.boundary: Counts = np.zeros((4, rules.classes), np.int64)
        """`(4, classes)`: see `count_near`."""
        self.overlapping = 0
        """Pixels with a reference class, and a predicted one or `rules.unknown`."""
        self.unlabelled = 0
        """Pixels without a reference class, such as nodata."""
        self.sweeps: Counts | None = None
        """`(classes, 3, LEVELS + 1)`: see `count_sweep`; None without probabilities of every class."""
        self.calibration: Counts | None = None
        """`(2, LEVELS + 1)`: see `count_calibration`; None without probabilities."""

    def add(
        self,
        predicted: npt.NDArray[np.integer],
        reference: npt.NDArray[np.integer],
        core: slice = slice(None),
        *,
        confidence: npt.NDArray[np.uint8] | None = None,
        probabilities: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Count the rows `core` of a strip, which has `rules.halo` more rows on either side within the image.

        `predicted`, `reference` `(rows, columns)` are class ids, predicted ones also `rules.unknown`; other integers,
        such as `NODATA`, stand for no class. `confidence` `(rows, columns)` is the probability of the predicted class
        in `LEVELS`, and `probabilities` `(classes, rows, columns)` that of every class.
        """
        rules = self.rules
        predicted, reference = _known(predicted, rules.classes, rules.unknown), _known(reference, rules.classes)
        self.overlapping += int(np.count_nonzero((predicted[core] != NODATA) & (reference[core] != NODATA)))
        eroded = reference
        if any(half_axes(rules.erode)):
            eroded = np.where(near_other_class(reference, rules.erode), np.uint8(NODATA), reference)
        self.confusion.add(predicted[core], eroded[core])
        if rules.unknown is not None:
            predicted = np.where(predicted == rules.unknown, np.uint8(NODATA), predicted)
        self.unlabelled += int(np.count_nonzero(reference[core] == NODATA))
        unscored = np.isin(reference, [*rules.ignored, NODATA]) | (predicted == NODATA)
        found, true = (np.where(unscored, np.uint8(NODATA), ids) for ids in (predicted, reference))
        self.relaxed += count_near(found, true, rules.relax, core, rules.classes)
        self.boundary += count_near(boundaries(found), boundaries(true), rules.relax, core, rules.classes)
        if probabilities is not None:
            parts = [
                count_sweep(levels, true == number, ~unscored, rules.relax, core)
                for number, levels in enumerate(probabilities)
            ]
            self.sweeps = _sum([self.sweeps, np.stack(parts)])
            chosen = np.minimum(predicted, rules.classes - 1).astype(np.intp)
            confidence = np.take_along_axis(probabilities, chosen[None], axis=0)[0]
        if confidence is not None:
            compared = (~unscored & (eroded != NODATA) & (confidence != NODATA))[core]
            correct = (predicted == reference)[core][compared]
            self.calibration = _sum([self.calibration, count_calibration(confidence[core][compared], correct)])

    @property
    def highest(self) -> int:
        """Highest class id in reference or prediction; -1 without any."""
        confusion = self.confusion
        pixels = confusion.matrix.sum(axis=0) + confusion.unpredicted + self.reference_pixels
        return int(np.max(np.flatnonzero(pixels), initial=-1))

    @property
    def reference_pixels(self) -> npt.NDArray[np.int64]:
        """Reference pixels `(classes,)` with a predicted class, also those that erosion excludes."""
        return np.asarray(self.relaxed[2])

    def resized(self, classes: int) -> "Comparison":
        """Copy the counts, without sweeps, for more classes, or for fewer if the others are empty."""
        result = Comparison(replace(self.rules, classes=classes))
        both = min(classes, self.rules.classes)
        result.confusion.matrix[:both, :both] = self.confusion.matrix[:both, :both]
        result.confusion.unpredicted[:both] = self.confusion.unpredicted[:both]
        result.confusion.unclassified[:both] = self.confusion.unclassified[:both]
        result.relaxed[:, :both] = self.relaxed[:, :both]
        result.boundary[:, :both] = self.boundary[:, :both]
        result.overlapping, result.unlabelled = self.overlapping, self.unlabelled
        result.calibration = self.calibration
        return result


def _known(ids: npt.NDArray[np.integer], classes: int, unknown: int | None = None) -> npt.NDArray[np.uint8]:
    """Replace ids that are neither one of the classes nor `unknown` by `NODATA`."""
    return np.where((ids >= 0) & (ids < classes) | (ids == unknown), ids, NODATA).astype(np.uint8)


def total(comparisons: Sequence[Comparison]) -> Comparison:
    """Sum the counts of images; those of probabilities only if every image has them."""
    result = Comparison(comparisons[0].rules)
    result.confusion = reduce(Confusion.__add__, (each.confusion for each in comparisons))
    result.overlapping = sum(each.overlapping for each in comparisons)
    result.unlabelled = sum(each.unlabelled for each in comparisons)
    result.relaxed = np.sum([each.relaxed for each in comparisons], axis=0)
    result.boundary = np.sum([each.boundary for each in comparisons], axis=0)
    if all(each.sweeps is not None for each in comparisons):
        result.sweeps = _sum([each.sweeps for each in comparisons])
    if all(each.calibration is not None for each in comparisons):
        result.calibration = _sum([each.calibration for each in comparisons])
    return result


def _sum(counts: Iterable[Counts | None]) -> Counts:
    """Sum the counts that are not None."""
    return np.asarray(np.sum([part for part in counts if part is not None], axis=0))


@dataclass(frozen=True, kw_only=True)
class ComparedImage:
    """Counts of one image."""

    name: str
    prediction: str
    model: str | None
    """Name and version of the model that made the prediction, if known."""
    reference: str
    mapping: ClassMapping
    """The same for all images of an evaluation."""
    comparison: Comparison
    expected_in_prediction: frozenset[int]
    """Expected values that occur in the prediction."""
    expected_in_reference: frozenset[int]
    """Expected values that occur in the reference."""
    notes: tuple[str, ...]

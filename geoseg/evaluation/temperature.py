"""Fit the temperature that calibrates a network's probabilities (C. Guo et al., 2017, arXiv:1706.04599)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.sparse.csgraph import connected_components

from geoseg.errors import DataError
from geoseg.models.legend import LEVELS

from .calibration import Calibration, count_calibration, measure_calibration
from .document import to_plain
from .probability_samples import SampledImage

LIMITS = (0.1, 10.0)
"""Temperatures from which the best is chosen."""

Allows = npt.NDArray[np.bool_]
"""Whether a label value allows a class, `(label values, classes)`."""
_Values = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A temperature, and what it does to the calibration error."""

    temperature: float
    """Of all images."""
    before: Calibration
    """Of the original probabilities."""
    after: Calibration
    """Of images that had no part in the fit."""
    pixels: int
    """Labelled pixels, thinned evenly."""
    images: int
    """Images with such pixels."""
    checked: int | None
    """Other images, which both errors are of. If None they are of the same images, and the one after is cross-fitted:
    the temperature fitted on every second image is scored on the others, and vice versa."""

    def provenance(self) -> dict[str, Any]:
        """Figures for a model's card."""
        figures = {
            "temperature": round(self.temperature, 4),
            "ece_before": round(self.before.error, 4),
            "ece_after": round(self.after.error, 4),
            "pixels": self.pixels,
            "images": self.images,
        }
        if self.checked is not None:
            figures["checked_images"] = self.checked
        return {name: to_plain(figure) for name, figure in figures.items()}

    def to_json(self) -> dict[str, Any]:
        """Figures and bins as plain values."""
        bins = {"before": self.before, "after": self.after}
        return self.provenance() | {name: to_plain(found.bins) for name, found in bins.items()}

    @property
    def helps(self) -> bool:
        """Whether the calibration error falls on images other than those that a temperature is fitted on."""
        return self.after.error < self.before.error

    def unused_sentence(self) -> str:
        """Describe in a sentence a fit that does not help and is not used."""
        return (
            f"probabilities stay as they are: temperature {self.temperature:.3f}, fitted on {self.pixels:,} pixels of "
            f"{self.images} images, does not lower the expected calibration error of {self.before.error:.3f} "
            f"({self.after.error:.3f}, {self._where})."
        )

    @property
    def _where(self) -> str:
        if self.checked is None:
            return "cross-fitted"
        return f"on {self.checked} other image{'s' * (self.checked != 1)}"

    def sentence(self) -> str:
        """Describe the fit in a sentence."""
        doubt = "" if self.helps else ", no less: they were calibrated already, or the images differ too much"
        return (
            f"probabilities are calibrated with temperature {self.temperature:.3f}, fitted on {self.pixels:,} pixels "
            f"of {self.images} images: expected calibration error {self.before.error:.3f} before, "
            f"{self.after.error:.3f} after, {self._where}{doubt}."
        )


def fit_temperature(images: Iterable[SampledImage], allows: Allows, *, check_on: Iterable[SampledImage] = ()) -> Fit:
    """Fit the temperature with the least negative log-likelihood of the labels, over all pixels alike.

    The likelihood of a partial label is the total probability of the classes that it allows. The calibration error is
    measured on the images `check_on`, or if none of these has labels, cross-fitted. DataError if the labels do not
    determine a temperature: there is no image to fit or none to check, all labels are the same, or one of the `LIMITS`
    fits them best.
    """
    labelled, checked = (
        sorted((image for image in given if image.pixels), key=lambda image: (image.data_set, image.name))
        for given in (images, check_on)
    )
    if len(labelled) < (1 if checked else 2):
        raise DataError(
            f"the probabilities cannot be calibrated: {len(labelled) or 'no'} image{'s' * (not labelled)} with labels; "
            "two are needed, one to fit and one to check."
        )
    if len({value for image in labelled for value in image.values}) == 1:
        raise DataError("the probabilities cannot be calibrated: all labelled pixels have the same label.")
    temperature = _best([*labelled], allows)
    if not LIMITS[0] * 1.01 < temperature < LIMITS[1] / 1.01:
        raise DataError(
            f"the probabilities cannot be calibrated: no temperature from {LIMITS[0]:g} to {LIMITS[1]:g} fits these "
            "labels best; check that they belong to the images, and that the model knows such imagery."
        )
    halves = labelled[::2], labelled[1::2]
    crossed = ((half, _best(other, allows)) for half, other in (halves, halves[::-1]))
    groups = _group_classes(checked or labelled, allows)
    return Fit(
        temperature=temperature,
        before=_score([(checked or labelled, 1.0)], allows, groups),
        after=_score([(checked, temperature)] if checked else crossed, allows, groups),
        pixels=sum(image.pixels for image in labelled),
        images=len(labelled),
        checked=len(checked) or None,
    )


def _best(images: Sequence[SampledImage], allows: Allows) -> float:
    """Find the temperature with the least negative log-likelihood."""
    logs = np.concatenate([image.logs for image in images])
    allowed = allows[np.concatenate([image.labels for image in images])].astype(np.float32)

    def loss(log_temperature: float) -> float:
        powers = np.exp(logs * np.float32(np.exp(-log_temperature)))
        likelihood = np.maximum((powers * allowed).sum(axis=1), np.finfo(np.float32).tiny)
        return float(np.mean(np.log(powers.sum(axis=1)) - np.log(likelihood), dtype=np.float64))

    found = minimize_scalar(loss, bounds=np.log(LIMITS), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def _group_classes(images: Sequence[SampledImage], allows: Allows) -> Mapping[str, npt.NDArray[np.intp]]:
    """Number the classes `(classes,)` of each data set so that those its labels do not distinguish share a number.

    With labels of single classes each class is its own. Of "road" and "any other", the others are one: a label that
    only excludes road must count neither as right nor as wrong for land.
    """
    values: dict[str, set[int]] = {}
    for image in images:
        values.setdefault(image.data_set, set()).update(image.values)
    shared = {name: allows[sorted(found)].astype(int) for name, found in values.items()}
    return {name: connected_components(table.T @ table)[1] for name, table in shared.items()}


def _score(
    parts: Iterable[tuple[Sequence[SampledImage], float]], allows: Allows, groups: Mapping[str, npt.NDArray[np.intp]]
) -> Calibration:
    """Measure the calibration of images at the temperature of each part."""
    counts = np.zeros((2, LEVELS + 1), np.int64)
    for images, temperature in parts:
        for image in images:
            group = groups[image.data_set]
            if group.max() == 0:  # all classes merged into one
                continue
            merged = probabilities_at(image.logs, temperature) @ np.eye(group.max() + 1, dtype=np.float32)[group]
            right = merged.argmax(axis=1) == group[allows.argmax(axis=1)[image.labels]]
            levels = np.clip(np.rint(merged.max(axis=1) * LEVELS), 0, LEVELS).astype(np.uint8)
            counts += count_calibration(levels, right)
    return measure_calibration(counts)


def probabilities_at(logs: _Values, temperature: float) -> _Values:
    """Return the probabilities `(pixels, classes)` at another temperature, given their logarithms."""
    powers = np.exp(logs / np.float32(temperature))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

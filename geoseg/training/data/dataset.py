"""Labelled imagery of a run: training windows and validation images."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning

from geoseg.models.bundle import Scaling
from geoseg.models.legend import NODATA
from geoseg.rasters.read import scaled
from geoseg.training.recipe.resolve import Run

from .cache import Cache
from .pairs import Pair, open_pairs
from .read_pairs import Labelled, read_pair
from .rendered import Store, rendered_bands, rendered_labels, rendered_pixels, rendered_windows
from .splits import Sides, check_training, refuse_overlaps, split
from .windows import LabelCounts, count_labels, mixed, sampled_windows


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """A validation image."""

    name: str
    """Within its data set."""
    data_set: str
    shape: tuple[int, int]
    """Height and width at the model's GSD."""
    read: Callable[[], tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]]
    """Read pixels `(height, width, bands)`, scaled for the network if any image must be, and label values."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """Training windows and validation images of a run."""

    run: Run
    sides: tuple[Sides, ...]
    """Training and validation pairs of each data set, in the order of the recipe."""
    as_float: bool
    """Windows are float32, scaled for the network: some images are not plain bytes."""
    cache: Cache = field(repr=False)
    """Image chunks already read."""
    scenes: Store = field(repr=False)
    """Scenes already rendered."""

    @cached_property
    def label_counts(self) -> tuple[LabelCounts, ...]:
        """Label counts of each data set's training images; reads every label once, validation labels too.

        Raises
        ------
        SceneError, UsageError
            If a label cannot be read, or has a value that the recipe does not map.
        """
        values = len(self.run.labels.allowed)
        for side in self.sides:
            count_labels(side.validation, values)
        return tuple(count_labels(side.training, values) for side in self.sides)

    def class_pixels(self) -> npt.NDArray[np.float64]:
        """Pixels of each class `(classes,)` in the training images and the rendered scenes.

        A pixel whose label allows several classes is divided equally among them.
        """
        run = self.run
        counts = self._label_pixels().astype(np.float64)
        if run.rendered is not None:
            counts += rendered_pixels(run.rendered, run.card, run.labels, self.scenes)
        classes = np.zeros(len(run.labels.legend))
        for ids, count in zip(run.labels.allowed[:-1], counts[:-1], strict=True):
            classes[list(ids)] += count / len(ids)
        return classes

    def _label_pixels(self) -> npt.NDArray[np.int64]:
        """Pixels of each label value in the training images."""
        nothing = np.zeros(len(self.run.labels.allowed), np.int64)
        return sum((counted.counts.sum(axis=0) for counted in self.label_counts), nothing)

    def remarks(self) -> tuple[str, ...]:
        """Warnings about likely mistakes: a class without training pixels, nothing held out."""
        labels, rendered = self.run.labels, self.run.rendered
        shown = set(np.flatnonzero(self._label_pixels()[:-1]).tolist())
        if rendered is not None:
            shown |= set(rendered_labels(rendered, labels).tolist()) - {labels.ignored}
        taught = {number for value in shown for number in labels.allowed[value]}
        unseen = [name for number, name in enumerate(labels.legend.names) if number not in taught]
        remarks = []
        if unseen:
            remarks.append(
                f"no training pixel is labelled {' or '.join(unseen)}, so the network cannot learn it; among ids, "
                f"{NODATA} means unlabelled unless `values` maps it."
            )
        if not any(side.validation for side in self.sides):
            remarks.append("nothing is held out: there will be no scores, and the last epoch's weights are kept.")
        return tuple(remarks)

    def windows(self, seed: int, *, side: int | None = None) -> Iterator[Labelled]:
        """Draw training windows without end; the same seed gives the same windows.

        Parameters
        ----------
        seed
            Non-negative.
        side
            Pixels; the schedule's window if None.

        Yields
        ------
        pixels : NDArray[np.uint8] or NDArray[np.float32]
            Shape `(side, side, bands)`, 0 where the image has no data.
        labels : NDArray[np.uint8]
            Shape `(side, side)`: values of `labels`.
        """
        run = self.run
        side = side or run.schedule.window
        *seeds, last, mix = (int(number) for number in np.random.SeedSequence(seed).generate_state(len(self.sides) + 2))
        trained = [counted.parts != () for counted in self.label_counts]  # others are for validation alone
        shares = [entry.share for entry in compress(run.data, trained)]
        with ExitStack() as stack:
            streams = [
                sampled_windows(counted, self.cache, side=side, balanced=run.schedule.balanced, seed=own)
                for counted, own in compress(zip(self.label_counts, seeds, strict=True), trained)
            ]
            if run.rendered is not None:
                scenes = rendered_windows(run.rendered, run.card, run.labels, self.scenes, side=side, seed=last)
                stack.enter_context(closing(scenes))  # it has processes that would outlive it
                streams.append(self._as_windows(scenes))
                shares.append(run.rendered.share)
            yield from mixed(streams, shares, seed=mix)

    def _as_windows(self, scenes: Iterator[Labelled]) -> Iterator[Labelled]:
        for pixels, labels in scenes:
            yield pixels.astype(np.float32) if self.as_float else pixels, labels

    def validation_images(self) -> tuple[LabelledImage, ...]:
        """Held-out images, in the order of the recipe, then by name."""
        return tuple(
            LabelledImage(name=pair.name, data_set=pair.data_set, shape=pair.shape, read=partial(self._read, pair))
            for side in self.sides
            for pair in side.validation
        )

    def _read(self, pair: Pair) -> Labelled:
        pixels, labels = read_pair(pair, (slice(0, pair.shape[0]), slice(0, pair.shape[1])))
        return scaled(pixels, pair.scaling) if self.as_float else pixels, labels


def open_data(run: Run) -> Data:
    """Find the labelled imagery of a run and split it for training and validation, without reading pixels.

    Raises
    ------
    SceneError, UsageError
        If images or labels cannot be found, paired, opened, or split without leakage.
    """
    # Permanently: warning filters are shared by all threads, and windows are read in several.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    if run.rendered is not None:  # fail now rather than at the first window
        rendered_bands(run.card)
        rendered_labels(run.rendered, run.labels)
    sides = tuple(
        split(open_pairs(entry, run.card, run.labels), entry, gsd_m=run.card.gsd_m, seed=run.seed) for entry in run.data
    )
    if run.rendered is None:
        check_training(sides)
    refuse_overlaps(sides)
    pairs: list[Pair] = [pair for side in sides for pair in (*side.training, *side.validation)]
    as_float = any(pair.dtype != "uint8" or pair.scaling != Scaling() for pair in pairs)
    return Data(run=run, sides=sides, as_float=as_float, cache=Cache(as_float=as_float), scenes=Store())

"""The labelled imagery of a recipe: windows to train on, and images to validate on."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress

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
    """An image to validate on, read when it is wanted."""

    pair: Pair
    as_float: bool
    """Give pixels scaled for the network; otherwise as bytes."""

    @property
    def name(self) -> str:
        """Name of the image within its data set."""
        return self.pair.name

    @property
    def data_set(self) -> str:
        """Name of its data set."""
        return self.pair.data_set

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at the model's GSD."""
        return self.pair.shape

    def read(self) -> Labelled:
        """Pixels `(height, width, bands)` and label values `(height, width)` at the model's GSD.

        Raises
        ------
        SceneError
            If a file has become unreadable.
        """
        pixels, labels = read_pair(self.pair, (slice(0, self.shape[0]), slice(0, self.shape[1])))
        return scaled(pixels, self.pair.scaling) if self.as_float else pixels, labels


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a run trains on and validates on."""

    run: Run
    sides: tuple[Sides, ...]
    """Training and validation pairs of each data set, in the order of the recipe."""
    as_float: bool
    """Windows are float32, scaled for the network, since an image is not of bytes that are taken as they are."""
    cache: Cache = field(repr=False)
    """Parts of images that were read."""
    scenes: Store = field(repr=False)
    """Scenes that were rendered."""

    @cached_property
    def label_counts(self) -> tuple[LabelCounts, ...]:
        """Label counts of each data set's training images; every label is read once, those of validation too.

        Raises
        ------
        SceneError, UsageError
            If a label cannot be read, or has a value that the recipe does not explain.
        """
        values = len(self.run.labels.allowed)
        for side in self.sides:
            count_labels(side.validation, values)
        return tuple(count_labels(side.training, values) for side in self.sides)

    def class_pixels(self) -> npt.NDArray[np.float64]:
        """Pixels of each class `(classes,)` in the training images and the rendered scenes.

        A pixel that is labelled as one of several classes counts for each of them with its part.
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
        """Sentences on what a person may not have meant: a class that is never shown, nothing held out."""
        labels, rendered = self.run.labels, self.run.rendered
        shown = set(np.flatnonzero(self._label_pixels()[:-1]).tolist())
        if rendered is not None:
            shown |= set(rendered_labels(rendered, labels).tolist()) - {labels.ignored}
        taught = {number for value in shown for number in labels.allowed[value]}
        unseen = [name for number, name in enumerate(labels.legend.names) if number not in taught]
        remarks = []
        if unseen:
            remarks.append(
                f"no pixel to train on is labelled {' or '.join(unseen)}, which the network cannot learn; where labels "
                f"are ids, {NODATA} says nothing unless `values` maps it."
            )
        if not any(side.validation for side in self.sides):
            remarks.append("nothing is held out: there will be no scores, and the last epoch's weights are kept.")
        return tuple(remarks)

    def windows(self, seed: int, *, side: int | None = None) -> Iterator[Labelled]:
        """Endless windows to train on, in random order, the same for the same seed.

        Parameters
        ----------
        seed
            Non-negative; another one gives other windows.
        side
            Pixels; the recipe's window if None.

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
        trained = [counted.parts != () for counted in self.label_counts]  # other data sets are there to validate on
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
        """Images that are held out, in the order of the recipe and of their names."""
        return tuple(
            LabelledImage(pair=pair, as_float=self.as_float) for side in self.sides for pair in side.validation
        )


def open_data(run: Run) -> Data:
    """Find, describe and divide the labelled imagery of a run; no pixel is read yet.

    Raises
    ------
    SceneError, UsageError
        If images or labels cannot be found, paired, opened or divided without a leak.
    """
    # For good: windows are read in threads, where a filter that comes and goes would be another thread's, too.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    if run.rendered is not None:  # refused here rather than at the first window
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

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

from geoseg.errors import UsageError
from geoseg.models.legend import NODATA
from geoseg.rasters.read import scaled
from geoseg.training.recipe.recipe import Recipe, ScalingEntry

from .cache import Cache
from .label_values import LabelSets, label_sets
from .pairs import Pair, open_pairs
from .read import Labelled, read_pair
from .rendered import Store, rendered_bands, rendered_labels, rendered_pixels, rendered_windows
from .splits import Sides, check_training, refuse_overlaps, split
from .windows import Survey, mixed, sampled_windows, survey


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
    """What a recipe trains on and validates on."""

    recipe: Recipe
    labels: LabelSets
    sides: tuple[Sides, ...]
    """Training and validation pairs of each data set, in the order of the recipe."""
    as_float: bool
    """Windows are float32, scaled for the network, since an image is not of bytes that are taken as they are."""
    cache: Cache = field(repr=False)
    """Parts of images that were read."""
    scenes: Store = field(repr=False)
    """Scenes that were rendered."""

    @property
    def bands(self) -> int:
        """Number of bands of a window."""
        return len(self.recipe.card.bands)

    @cached_property
    def surveys(self) -> tuple[Survey, ...]:
        """Label counts of each data set's training images; every label is read once, those of validation too.

        Raises
        ------
        SceneError, UsageError
            If a label cannot be read, or has a value that the recipe does not explain.
        """
        values = len(self.labels.allowed)
        for side in self.sides:
            survey(side.validation, values)
        return tuple(survey(side.training, values) for side in self.sides)

    def class_pixels(self) -> npt.NDArray[np.float64]:
        """Pixels of each class `(classes,)` in the training images and the rendered scenes.

        A pixel that is labelled as one of several classes counts for each of them with its part.
        """
        counts = self._surveyed_pixels().astype(np.float64)
        if self.recipe.rendered is not None:
            counts += rendered_pixels(self.recipe.rendered, self.recipe.card, self.labels, self.scenes)
        classes = np.zeros(len(self.labels.legend))
        for ids, count in zip(self.labels.allowed[:-1], counts[:-1], strict=True):
            classes[list(ids)] += count / len(ids)
        return classes

    def _surveyed_pixels(self) -> npt.NDArray[np.int64]:
        """Pixels of each label value in the training images."""
        return sum(
            (surveyed.counts.sum(axis=0) for surveyed in self.surveys), np.zeros(len(self.labels.allowed), np.int64)
        )

    def remarks(self) -> tuple[str, ...]:
        """Sentences on what a person may not have meant: a class that is never shown, nothing held out."""
        shown = set(np.flatnonzero(self._surveyed_pixels()[:-1]).tolist())
        if self.recipe.rendered is not None:
            shown |= set(rendered_labels(self.recipe.rendered, self.labels).tolist()) - {self.labels.ignored}
        taught = {number for value in shown for number in self.labels.allowed[value]}
        unseen = [name for number, name in enumerate(self.labels.legend.names) if number not in taught]
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
        schedule, rendered = self.recipe.schedule, self.recipe.rendered
        side = side or schedule.window
        *seeds, last, mix = (int(number) for number in np.random.SeedSequence(seed).generate_state(len(self.sides) + 2))
        trained = [surveyed.parts != () for surveyed in self.surveys]  # other data sets are there to validate on
        shares = [entry.share for entry in compress(self.recipe.data, trained)]
        with ExitStack() as stack:
            streams = [
                sampled_windows(surveyed, self.cache, side=side, balanced=schedule.balanced, seed=own)
                for surveyed, own in compress(zip(self.surveys, seeds, strict=True), trained)
            ]
            if rendered is not None:
                scenes = rendered_windows(rendered, self.recipe.card, self.labels, self.scenes, side=side, seed=last)
                stack.enter_context(closing(scenes))  # it has processes that would outlive it
                streams.append(self._as_windows(scenes))
                shares.append(rendered.share)
            yield from mixed(streams, shares, seed=mix)

    def _as_windows(self, scenes: Iterator[Labelled]) -> Iterator[Labelled]:
        for pixels, labels in scenes:
            yield pixels.astype(np.float32) if self.as_float else pixels, labels

    def validation_images(self) -> tuple[LabelledImage, ...]:
        """Images that are held out, in the order of the recipe and of their names."""
        return tuple(
            LabelledImage(pair=pair, as_float=self.as_float) for side in self.sides for pair in side.validation
        )


def open_data(recipe: Recipe) -> Data:
    """Find, describe and divide the labelled imagery of a recipe; no pixel is read yet.

    Raises
    ------
    SceneError, UsageError
        If images or labels cannot be found, paired, opened or divided without a leak.
    """
    if not recipe.data and recipe.rendered is None:
        raise UsageError(f"recipe {recipe.name} has no data: name a data set, or rendered scenes.")
    names = [entry.name for entry in recipe.data]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(f"two data sets are named {repeated[0]!r}; give each a name of its own.")
    # For good: windows are read in threads, where a filter that comes and goes would be another thread's, too.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    sets = label_sets(recipe)
    if recipe.rendered is not None:  # refused here rather than at the first window
        rendered_bands(recipe.card)
        rendered_labels(recipe.rendered, sets)
    sides = tuple(
        split(open_pairs(entry, recipe.card, sets), entry, gsd_m=recipe.card.gsd_m, seed=recipe.seed)
        for entry in recipe.data
    )
    if recipe.rendered is None:
        check_training(sides)
    refuse_overlaps(sides)
    pairs: list[Pair] = [pair for side in sides for pair in (*side.training, *side.validation)]
    as_float = any(pair.dtype != "uint8" or pair.scaling != ScalingEntry() for pair in pairs)
    return Data(
        recipe=recipe, labels=sets, sides=sides, as_float=as_float, cache=Cache(as_float=as_float), scenes=Store()
    )

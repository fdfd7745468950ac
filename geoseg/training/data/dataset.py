"""Labelled imagery of a run: training windows, and images to predict and compare with their labels."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import chain, compress

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning

from geoseg.models.bundle import Scaling
from geoseg.prediction.holes import fill_holes
from geoseg.tiling import Roi
from geoseg.training.recipe.recipe import DataSet
from geoseg.training.recipe.resolve import Run

from .atlas import ATLAS_BYTES, Atlas, read_all
from .cache import Cache
from .label_checks import (
    check_labels,
    report_altered_ids,
    report_contradictions,
    report_hidden_classes,
    report_narrow_lines,
)
from .leakage import refuse_overlaps, report_copies
from .pairs import Pair, open_pairs
from .read_pairs import Labelled, Region, read_pair
from .rendered import (
    SceneStore,
    count_rendered_pixels,
    find_rendered_bands,
    map_rendered_classes,
    render_all,
    sample_rendered_places,
    sample_rendered_windows,
    scene_side,
)
from .splits import Sides, check_training, report_unused_shares, split
from .windows import LabelCounts, count_labels, mix_windows, refuse_unlabelled, sample_windows

KEPT_BYTES = 2**28
"""Validation images of at most this size in memory are read whole, and up to two are kept: about 54 Mpx of 8-bit red,
green and blue each."""


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """An image to predict and compare with its labels."""

    name: str
    data_set: str
    shape: tuple[int, int]
    """Height and width on the model's grid."""
    read_region: Callable[[Roi], Region]
    """Read a region, with pixels scaled if `Data.as_float`; the arrays may be used again, and must not be changed."""

    def read(self) -> Region:
        """Read the whole image."""
        return self.read_region((slice(0, self.shape[0]), slice(0, self.shape[1])))


@dataclass(frozen=True, kw_only=True)
class Data:
    """Training windows, validation and calibration images of a run."""

    run: Run
    sides: tuple[Sides, ...]
    """Pairs of each data set by side of its split, in the order of the recipe."""
    as_float: bool
    """Pixels are float32, scaled for the network, since some images are not plain bytes."""
    cache: Cache = field(repr=False)
    scenes: SceneStore = field(repr=False)

    @cached_property
    def label_counts(self) -> tuple[LabelCounts, ...]:
        """Label counts of each data set's training images, at each ground sample distance that they are drawn at."""
        values = len(self.run.labels.allowed)
        return tuple(count_labels(pairs, values) for side in self.sides for pairs in side.drawn)

    def class_pixels(self) -> npt.NDArray[np.float64]:
        """Count the pixels of each class `(classes,)` in training images and rendered scenes.

        Pixels with partial labels are divided equally among the classes.
        """
        run = self.run
        counts = self._label_pixels().astype(np.float64)
        if run.rendered is not None:
            counts += count_rendered_pixels(run.rendered, run.card, run.labels, self.scenes)
        classes = np.zeros(len(run.labels.legend))
        for ids, count in zip(run.labels.allowed[:-1], counts[:-1], strict=True):
            classes[list(ids)] += count / len(ids)
        return classes

    def _label_pixels(self) -> npt.NDArray[np.int64]:
        """Count the pixels of each label value in the training images."""
        nothing = np.zeros(len(self.run.labels.allowed), np.int64)
        return sum((counted.counts.sum(axis=0) for counted in self.label_counts), nothing)

    def check(self) -> None:
        """Read all labels, of held-out images too; errors and GeosegWarnings are those of `label_checks`."""
        self.report_mistakes()
        for counted in self.label_counts:
            refuse_unlabelled(counted)
        values = len(self.run.labels.allowed)
        count_labels([pair for side in self.sides for pair in side.calibration], values)
        validation = [pair for side in self.sides for pair in side.validation]
        scored = count_labels(validation, values).counts.sum(axis=0)
        check_labels(self.run, self._label_pixels(), scored, len(validation))

    def report_mistakes(self) -> None:
        """Warn of likely mistakes that labels show before their pixels are read."""
        drawn = [pair for side in self.sides for pair in chain.from_iterable(side.drawn)]
        pairs = [*drawn, *chain.from_iterable(side.predicted for side in self.sides)]
        report_narrow_lines(drawn)
        report_hidden_classes(pairs, self.run.labels)
        report_contradictions(pairs, self.run.labels)
        report_altered_ids(pairs)
        report_unused_shares(self.run.data, self.sides)
        report_copies(self.sides)

    def names(self) -> dict[str, dict[str, list[str]]]:
        """List the names of the training, validation and calibration images of each data set."""
        return {
            entry.name: {side: [pair.name for pair in pairs] for side, pairs in sides.named.items()}
            for entry, sides in zip(self.run.data, self.sides, strict=True)
        }

    def atlas(self, *, side: int, limit: int = ATLAS_BYTES) -> Atlas | None:
        """Read all training images for windows of a side; None if they would take more than `limit` bytes."""
        run = self.run
        pairs = {pair.key: pair for sides in self.sides for pair in chain.from_iterable(sides.drawn)}
        sizes = [(key, pair.shape) for key, pair in pairs.items()]
        if run.rendered is not None:
            scene = scene_side(run.rendered, side)
            sizes += [((run.rendered.seed + number,), (scene, scene)) for number in range(run.rendered.scenes)]
        dtype, bands = np.dtype(np.float32 if self.as_float else np.uint8), len(run.card.bands)
        if sum(height * width for _, (height, width) in sizes) * (bands * dtype.itemsize + 1) > limit:
            return None
        atlas = Atlas(sizes, bands=bands, dtype=dtype)
        read_all(atlas, pairs.values(), self._read_filled)
        if run.rendered is not None:
            for number, rendered in render_all(run.rendered, run.card, run.labels, self.scenes, side=side):
                atlas.put((number,), rendered)
        return atlas

    def windows(
        self, seed: int, *, side: int | None = None, margin: int = 0, atlas: Atlas | None = None
    ) -> Iterator[Labelled]:
        """Draw an endless, reproducible stream of training windows, by default of the schedule's side.

        Each has `margin` more pixels on all sides. Pixels `(rows, columns, bands)` are uint8 or float32, filled where
        there is no data as in prediction; label values `(rows, columns)` are uint8. From an atlas, whose images are
        filled as a whole, the same windows come as places.
        """
        run = self.run
        side = side or run.schedule.window
        shares = [
            entry.share / len(sides.drawn)
            for entry, sides in zip(run.data, self.sides, strict=True)
            for _ in sides.drawn
        ]
        *seeds, last, mix = (int(number) for number in np.random.SeedSequence(seed).generate_state(len(shares) + 2))
        trained = [counted.parts != () for counted in self.label_counts]  # other data sets are for validation only
        shares = list(compress(shares, trained))
        sample = partial(sample_windows, side=side, margin=margin, balanced=run.schedule.balanced)
        with ExitStack() as stack:
            streams = [
                sample(counted, atlas or self.cache, seed=own)
                for counted, own in compress(zip(self.label_counts, seeds, strict=True), trained)
            ]
            whole = side + 2 * margin
            if run.rendered is not None and atlas is not None:
                places = sample_rendered_places(run.rendered, side=whole, seed=last)
                unread = np.empty(0, np.uint8)
                streams.append((atlas.place((number,), top, left), unread) for number, top, left in places)
                shares.append(run.rendered.share)
            elif run.rendered is not None:
                rendered = sample_rendered_windows(
                    run.rendered, run.card, run.labels, self.scenes, side=whole, seed=last
                )
                stack.enter_context(closing(rendered))  # ends its processes
                dtype = np.float32 if self.as_float else np.uint8
                streams.append((pixels.astype(dtype, copy=False), labels) for pixels, labels in rendered)
                shares.append(run.rendered.share)
            yield from mix_windows(streams, shares, seed=mix)

    def validation_images(self) -> tuple[LabelledImage, ...]:
        """List the validation images in the order of the recipe, then by name."""
        return tuple(self._describe(pair) for side in self.sides for pair in side.validation)

    def calibration_images(self) -> tuple[LabelledImage, ...]:
        """List the calibration images in the order of the recipe, then by name."""
        return tuple(self._describe(pair) for side in self.sides for pair in side.calibration)

    def _describe(self, pair: Pair) -> LabelledImage:
        return LabelledImage(
            name=pair.name, data_set=pair.data_set, shape=pair.shape, read_region=partial(self._read_region, pair)
        )

    def _read_region(self, pair: Pair, roi: Roi) -> Region:
        """Read a region of an image to predict; one that is small, or has to be read whole, is kept for the next."""
        depth = 4 if self.as_float else 1
        if pair.chunk != pair.shape and math.prod(pair.shape) * (len(pair.bands) * depth + 2) > KEPT_BYTES:
            return read_pair(pair, roi, as_float=self.as_float)
        pixels, labels, valid = self._read_kept(_side_key(pair))
        return pixels[roi], labels[roi], valid[roi]

    @cached_property
    def _read_kept(self) -> Callable[[tuple[object, ...]], Region]:
        pairs = {_side_key(pair): pair for side in self.sides for pair in side.predicted}
        return lru_cache(2)(lambda key: self._read_whole(pairs[key]))  # a batch of tiles may span two images

    def _read_filled(self, pair: Pair) -> Labelled:
        """Read a whole image, with pixels without data filled, and its label values."""
        pixels, labels, valid = self._read_whole(pair)
        return fill_holes(pixels, valid), labels

    def _read_whole(self, pair: Pair) -> Region:
        return read_pair(pair, (slice(0, pair.shape[0]), slice(0, pair.shape[1])), as_float=self.as_float)


def _side_key(pair: Pair) -> tuple[object, ...]:
    """Identifies an image and its side of a split by blocks, which leaves other labels on each side."""
    return (*pair.key, None if pair.part is None else pair.part.side)


def open_data(run: Run) -> Data:
    """Find the labelled imagery of a run and split it for training and validation, without reading pixels.

    Raises DataError if images or labels cannot be found, paired or opened, UsageError if they cannot be split without
    leakage.
    """
    # Permanently: warning filters are shared by all threads, and windows are read in several.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    if run.rendered is not None:  # fail now rather than at the first window
        find_rendered_bands(run.card)
        map_rendered_classes(run.rendered, run.labels)
    sides = tuple(_open_sides(entry, run) for entry in run.data)
    if run.rendered is None:
        check_training(sides)
    refuse_overlaps(sides)
    pairs = (pair for side in sides for pair in (*chain.from_iterable(side.drawn), *side.predicted))
    as_float = any(pair.dtype != "uint8" or set(pair.scaling) != {Scaling()} for pair in pairs)
    return Data(run=run, sides=sides, as_float=as_float, cache=Cache(as_float=as_float), scenes=SceneStore())


def _open_sides(entry: DataSet, run: Run) -> Sides:
    """Open and split a data set as prediction sees it, and for training at each of its ground sample distances."""
    seen, *levels = open_pairs(entry, run.card, run.labels)
    sides = split(seen, entry, seed=run.seed)
    return replace(sides, levels=tuple(split(pairs, entry, seed=run.seed, as_in=sides).training for pairs in levels))

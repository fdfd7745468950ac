"""Validation: held-out images as batches of tiles while training, and blended as scenes are at its end."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from geoseg.evaluation import matrix_scores as metrics
from geoseg.evaluation.confusion import Confusion, Scores
from geoseg.models.legend import NODATA
from geoseg.tiling import Lattice, Tile, blend, reflect
from geoseg.training.recipe.label_sets import LabelSets

from .best_and_worst import Extremes

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Scorer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Class probabilities `(tiles, side, side, classes)` for pixels 0–255 `(tiles, side, side, bands)`."""


class Image(Protocol):
    """A labelled image, read when it is wanted."""

    @property
    def name(self) -> str:
        """Within its data set."""

    @property
    def data_set(self) -> str:
        """Name of its data set."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at the model's GSD."""

    def read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
        """Pixels `(height, width, bands)` and label values `(height, width)`."""


class ValidationTiles(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Tiles that cover the images without overlap, in batches of one size; what lies beyond an image is ignored.

    Parameters
    ----------
    images
        Images to validate on.
    tile
        Side of a tile, in pixels.
    size
        Tiles of a batch; the last one is filled up with ignored tiles.
    ignored
        Label value of pixels that do not count.
    """

    def __init__(self, images: Sequence[Image], *, tile: int, size: int, ignored: int) -> None:
        super().__init__()
        self.error: Exception | None = None
        """What reading raised; TensorFlow shows whoever validates another error in its place."""
        self._tile = tile
        self._size = size
        self._ignored = ignored
        self._places = [
            (number, place)
            for number, image in enumerate(images)
            for place in Lattice(shape=image.shape, tile=tile, overlap=0).tiles()
        ]
        # Tiles come image by image: the last one read is the one wanted, but for those of a batch's end.
        self._read = lru_cache(2)(lambda number: images[number].read())
        # Keras asks in threads that TensorFlow makes and ends. PROJ's objects, shared with these, corrupt the heap.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="validation")

    def __len__(self) -> int:
        return len(self._places) // self._size + (len(self._places) % self._size > 0)

    def __getitem__(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """A batch: pixels `(size, tile, tile, bands)` and label values `(size, tile, tile)`."""
        try:
            tiles = self._reader.submit(self._tiles, number).result()
        except Exception as error:
            self.error = error
            raise
        pixels, labels = tiles[0]
        nothing = (np.zeros_like(pixels), np.full_like(labels, self._ignored))
        tiles += [nothing] * (self._size - len(tiles))
        return np.stack([tile[0] for tile in tiles]), np.stack([tile[1] for tile in tiles])

    def _tiles(self, number: int) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
        return [self._cut(*place) for place in self._places[number * self._size : (number + 1) * self._size]]

    def _cut(self, number: int, place: Tile) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        image, labels = self._read(number)
        pixels, outside = reflected(image, place)
        cut = labels[_within(place, labels.shape)].copy()
        cut[outside] = self._ignored
        return pixels, cut


def reflected(image: Pixels, place: Tile) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Pixels of a tile, reflected at the image's borders, and where it lies beyond them."""
    rows, cols = np.ogrid[place.rows, place.cols]
    height, width = image.shape[:2]
    outside = (rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)
    return image[_within(place, (height, width))].astype(np.float32), outside


def _within(place: Tile, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], ...]:
    rows = reflect(place.rows.start, place.rows.stop, shape[0])
    cols = reflect(place.cols.start, place.cols.stop, shape[1])
    return np.ix_(rows, cols)


def class_map(score: Scorer, image: Pixels, *, tile: int, overlap: int, window: str) -> npt.NDArray[np.uint8]:
    """Most probable classes `(height, width)` of an image, blended as `geoseg predict` does."""
    lattice = Lattice(shape=image.shape[:2], tile=tile, overlap=overlap)
    scored = ((place, score(reflected(image, place)[0][None])[0]) for place in lattice.tiles())
    return np.concatenate([scores.argmax(axis=-1) for _, scores in blend(scored, lattice, window)]).astype(np.uint8)


def validate(
    classify: Callable[[Pixels], npt.NDArray[np.uint8]], images: Sequence[Image], labels: LabelSets, extremes: Extremes
) -> dict[str, Any]:
    """Compare class maps with labels.

    Parameters
    ----------
    classify
        Class ids `(height, width)` of an image's pixels.
    images
        What is held out.
    labels
        What label values mean.
    extremes
        Shown every image.

    Returns
    -------
    dict
        Plain values: the `class_scores`, and under `matrix` the pixels of one known class `(classes, classes)` by true
        and found class; under `partial_labels`, for each label of several classes that is shown, the names it allows
        and its pixels by found class; under `images` name, data set, accuracy and mean IoU of each; and under `partial`
        accuracy and mean Jaccard index as those of the history count: over all labelled pixels, and over the classes
        that labels show.
    """
    classes = len(labels.legend)
    whole = np.zeros((len(labels.allowed), classes), np.int64)
    entries = []
    for image in images:
        pixels, truth = image.read()
        found = classify(pixels)
        extremes.add(f"{image.name} ({image.data_set})", pixels, truth, found)
        pairs = truth.ravel().astype(np.int64) * classes + found.ravel()
        own = np.bincount(pairs, minlength=whole.size).reshape(whole.shape)
        whole += own
        scores = class_scores(own, labels).to_json()
        entries.append(
            {
                "name": image.name,
                "data_set": image.data_set,
                "pixels": scores["pixels"],
                "accuracy": scores["overall_accuracy"],
                "mean_iou": scores["mean_iou"],
            }
        )
    return class_scores(whole, labels).to_json() | {
        "matrix": whole[:classes].tolist(),
        "partial_labels": [
            {"allowed": [labels.legend.names[number] for number in ids], "found": found.tolist()}
            for ids, found in zip(labels.allowed, whole, strict=True)
            if 1 < len(ids) < classes and found.any()
        ],
        "partial": partial_scores(whole, labels),
        "images": entries,
    }


def class_scores(table: npt.NDArray[np.int64], labels: LabelSets) -> Scores:
    """Scores of pixels by label value and class found `(label values, classes)`.

    Of the pixels whose label allows several classes, those found as a class that it excludes are false positives of
    that class: in its IoU, F1 and precision, and in the means of these. Of the others nothing is known, and they count
    for nothing. Accuracy and kappa are those of the pixels of one known class.
    """
    classes = len(labels.legend)
    confusion = Confusion(classes)
    confusion.matrix = table[:classes]
    scores = confusion.scores(labels.legend.names)
    # One true class more, of all that is known not to be what was found there; nothing is ever found as it.
    matrix = np.pad(table[:classes], ((0, 1), (0, 1)))
    matrix[classes, :classes] = np.where(labels.allows, 0, table)[classes:].sum(axis=0)
    iou, f1 = metrics.iou(matrix)[:classes], metrics.f1(matrix)[:classes]
    columns = {
        "false_positives": metrics.false_positives(matrix),
        "iou": iou,
        "f1": f1,
        "precision": metrics.precision(matrix),
    }
    support = table[:classes].sum(axis=1)
    weighted = metrics.quotient((support * np.nan_to_num(iou)).sum(), support.sum())
    return replace(
        scores,
        classes=tuple(
            replace(entry, **{key: column[entry.id].item() for key, column in columns.items()})
            for entry in scores.classes
        ),
        mean_iou=float(metrics.mean_of_defined(iou)),
        mean_f1=float(metrics.mean_of_defined(f1)),
        frequency_weighted_iou=float(weighted),
    )


def partial_scores(table: npt.NDArray[np.int64], labels: LabelSets) -> dict[str, float | None]:
    """Accuracy and mean Jaccard index of pixels by label value and class found `(label values, classes)`."""
    classes = len(labels.legend)
    allowed = labels.allows
    labelled = table[~allowed.all(axis=1)]
    right = table[:classes].diagonal()
    shown = table[:classes].sum(axis=1)
    false = np.where(allowed, 0, table).sum(axis=0)
    jaccard = (right / np.maximum(shown + false, 1))[shown > 0]
    accuracy = labelled[allowed[~allowed.all(axis=1)]].sum() / max(int(labelled.sum()), 1)
    return {
        "accuracy": float(accuracy) if labelled.any() else None,
        "jaccard": float(jaccard.mean()) if jaccard.size else None,
    }


def known_classes(truth: npt.NDArray[np.uint8], labels: LabelSets) -> npt.NDArray[np.uint8]:
    """Class ids `(height, width)` of label values, nodata where a label is not of one class."""
    return np.where(truth < len(labels.legend), truth, NODATA).astype(np.uint8)

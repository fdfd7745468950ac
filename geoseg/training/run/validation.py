"""Validate on held-out images: on batches of tiles during training, and on blended scenes at its end."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.evaluation import matrix_scores
from geoseg.evaluation.confusion import Confusion
from geoseg.evaluation.scores import Scores
from geoseg.models.legend import NODATA
from geoseg.tiling import Lattice, Roi, Tile, blend
from geoseg.training.recipe.label_sets import LabelSets

from .best_and_worst import Extremes, Pixels
from .tile_reader import TileReader
from .validation_samples import Sampler

if TYPE_CHECKING:
    from geoseg.training.data.dataset import LabelledImage

ROWS = 512
"""Rows of an image to read, or count, at a time."""

Scorer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Class probabilities `(tiles, side, side, classes)` for pixels 0–255 `(tiles, side, side, bands)`."""
Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.float32]]
"""Pixels `(tiles, side, side, bands)`, label values and weights `(tiles, side, side)`."""


class ValidationTiles(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Tiles with labels, which cover the images without overlap, in batches of `size`; the last one is padded.

    Pixels outside an image, and tiles that pad a batch, get the label value `ignored`. Labelled pixels have one weight
    and others none, so that the mean loss of all batches is that of the labelled pixels.
    """

    def __init__(self, images: "Sequence[LabelledImage]", *, tile: int, size: int, ignored: int) -> None:
        super().__init__()
        self.error: Exception | None = None
        """Exception raised while reading, which TensorFlow replaces by its own."""
        self._images = TileReader(images)
        self._size = size
        self._ignored = ignored
        # Keras calls this from short-lived TensorFlow threads, and PROJ objects shared with them corrupt the heap.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="validation")
        self._places, self._labelled = self._reader.submit(
            self._find_places, [image.shape for image in images], tile
        ).result()

    def __len__(self) -> int:
        return len(self._places) // self._size + (len(self._places) % self._size > 0)

    def __getitem__(self, number: int) -> Batch:
        """Read a batch of `size` tiles."""
        try:
            tiles = self._reader.submit(self._tiles, number).result()
        except Exception as error:
            self.error = error
            raise
        pixels, labels = tiles[0]
        nothing = (np.zeros_like(pixels), np.full_like(labels, self._ignored))
        tiles += [nothing] * (self._size - len(tiles))
        batch = np.stack([tile[1] for tile in tiles])
        weight = len(self) * batch.size / max(self._labelled, 1)
        return np.stack([tile[0] for tile in tiles]), batch, np.float32(weight) * (batch != self._ignored)

    def _find_places(self, shapes: Sequence[tuple[int, int]], tile: int) -> tuple[list[tuple[int, Tile]], int]:
        """Find the tiles with labels, or if there are none, one without, and count the labelled pixels."""
        places = [
            (number, place)
            for number, shape in enumerate(shapes)
            for place in Lattice(shape=shape, tile=tile, overlap=0).tiles()
        ]
        counts = [int((self._images.labels(*place, self._ignored) != self._ignored).sum()) for place in places]
        return list(compress(places, counts)) or places[:1], sum(counts)

    def _tiles(self, number: int) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
        places = self._places[number * self._size : (number + 1) * self._size]
        return [(self._images.pixels(*place), self._images.labels(*place, self._ignored)) for place in places]


def map_classes(
    score: Scorer,
    image: "LabelledImage",
    *,
    tile: int,
    overlap: int,
    window: str,
    sampler: Sampler | None = None,
) -> npt.NDArray[np.uint8]:
    """Map the most probable classes `(height, width)` of an image, filled and blended as in `geoseg predict`."""
    lattice = Lattice(shape=image.shape, tile=tile, overlap=overlap)
    reader = TileReader([image])

    def scored() -> Iterator[tuple[Tile, npt.NDArray[np.float32]]]:
        for place in lattice.tiles():
            (scores,) = score(reader.pixels(0, place)[None])
            if sampler is not None:
                sampler.add_tile(lattice, place, scores)
            yield place, scores

    classes = np.empty(image.shape, np.uint8)  # strips that are joined at the end would be held twice
    for rows, scores in blend(scored(), lattice, window):
        classes[rows] = scores.argmax(axis=-1)
    return classes


def validate(
    classify: Callable[["LabelledImage"], npt.NDArray[np.uint8]],
    images: "Sequence[LabelledImage]",
    labels: LabelSets,
    extremes: Extremes,
    sampler: Sampler | None = None,
) -> dict[str, Any]:
    """Compare class ids `(height, width)` of images with their labels, and collect the best and worst tiles.

    A sampler that `classify` adds tiles to gets the labels.

    Returns plain values: the `class_scores`; `matrix`, the confusion matrix of pixels of a single class;
    `partial_labels`, for each partial label that occurs, its class names and its pixels by predicted class; `images`,
    with name, data set, accuracy and mean IoU of each; and `partial`, accuracy and mean Jaccard index as in the
    history: over all labelled pixels, and over the classes that occur in labels.
    """
    classes = len(labels.legend)
    total = np.zeros((len(labels.allowed), classes), np.int64)
    entries = []
    for image in images:
        predicted = classify(image)
        reference = read_all_labels(image)
        if sampler is not None:
            sampler.add_labels(image, reference)
        extremes.add(f"{image.name} ({image.data_set})", _pixel_reader(image), reference, predicted)
        own = _count(reference, predicted, total.shape)
        total += own
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
    return class_scores(total, labels).to_json() | {
        "matrix": total[:classes].tolist(),
        "partial_labels": [
            {"allowed": [labels.legend.names[number] for number in ids], "found": counts.tolist()}
            for ids, counts in zip(labels.allowed, total, strict=True)
            if 1 < len(ids) < classes and counts.any()
        ],
        "partial": partial_scores(total, labels),
        "images": entries,
    }


def read_all_labels(image: "LabelledImage") -> npt.NDArray[np.uint8]:
    """Read the label values `(height, width)` of an image, whose pixels may not fit into memory."""
    height, width = image.shape
    labels = np.empty((height, width), np.uint8)
    for row in range(0, height, ROWS):
        part = slice(row, min(row + ROWS, height)), slice(0, width)
        labels[part] = image.read_region(part)[1]
    return labels


def _pixel_reader(image: "LabelledImage") -> Callable[[Roi], Pixels]:
    return lambda roi: image.read_region(roi)[0]


def _count(
    reference: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """Count pixels by label value and predicted class, some rows at a time, as each takes 8 bytes."""
    table = np.zeros(shape, np.int64)
    for start in range(0, len(reference), ROWS):
        rows = slice(start, start + ROWS)
        pairs = reference[rows].ravel().astype(np.int64) * shape[1] + predicted[rows].ravel()
        table += np.bincount(pairs, minlength=table.size).reshape(shape)
    return table


def class_scores(table: npt.NDArray[np.int64], labels: LabelSets) -> Scores:
    """Score pixels by label value and predicted class `(label values, classes)`.

    A predicted class that a partial label excludes is a false positive: it counts in IoU, F1 and precision, and in
    their means. Other pixels with partial labels are not counted. Accuracy and kappa are over pixels of a single class.
    """
    classes = len(labels.legend)
    confusion = Confusion(classes)
    confusion.matrix = table[:classes]
    scores = confusion.scores(labels.legend.names)
    # One more reference class, never predicted: pixels known not to be of the predicted class.
    matrix = np.pad(table[:classes], ((0, 1), (0, 1)))
    matrix[classes, :classes] = np.where(labels.allows, 0, table)[classes:].sum(axis=0)
    iou, f1 = matrix_scores.iou(matrix)[:classes], matrix_scores.f1(matrix)[:classes]
    columns = {
        "false_positives": matrix_scores.false_positives(matrix),
        "iou": iou,
        "f1": f1,
        "precision": matrix_scores.precision(matrix),
    }
    support = table[:classes].sum(axis=1)
    weighted = matrix_scores.quotient((support * np.nan_to_num(iou)).sum(), support.sum())
    return replace(
        scores,
        classes=tuple(
            replace(entry, **{key: column[entry.id].item() for key, column in columns.items()})
            for entry in scores.classes
        ),
        mean_iou=float(matrix_scores.mean_of_defined(iou)),
        mean_f1=float(matrix_scores.mean_of_defined(f1)),
        frequency_weighted_iou=float(weighted),
    )


def partial_scores(table: npt.NDArray[np.int64], labels: LabelSets) -> dict[str, float | None]:
    """Accuracy and mean Jaccard index of pixels by label value and predicted class `(label values, classes)`."""
    classes = len(labels.legend)
    allowed = labels.allows
    labelled = table[~allowed.all(axis=1)]
    correct = table[:classes].diagonal()
    support = table[:classes].sum(axis=1)
    false_positives = np.where(allowed, 0, table).sum(axis=0)
    jaccard = (correct / np.maximum(support + false_positives, 1))[support > 0]
    accuracy = labelled[allowed[~allowed.all(axis=1)]].sum() / max(int(labelled.sum()), 1)
    return {
        "accuracy": float(accuracy) if labelled.any() else None,
        "jaccard": float(jaccard.mean()) if jaccard.size else None,
    }


def mask_unknown(reference: npt.NDArray[np.uint8], labels: LabelSets) -> npt.NDArray[np.uint8]:
    """Replace label values `(height, width)` that are not a single class by nodata."""
    return np.where(reference < len(labels.legend), reference, NODATA).astype(np.uint8)

"""Score a bundle on the held-out imagery: `python recipes/score.py BUNDLE DATA`, as JSON.

Class IoU on MBRSC Dubai; IoU and relaxed precision, recall and F1 (3 px, Mnih and Hinton, 2010) of roads on
Massachusetts.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from imagery import IGNORED, NOT_ROAD, LabelledImage, massachusetts_roads, mbrsc_dubai
from scipy.ndimage import distance_transform_edt

from geoseg.models.bundle import Card, read_card
from geoseg.models.engine import KerasEngine
from geoseg.tiling import Lattice, Tile, blend, reflect

RELAX_PX = 3


def main() -> None:
    """Parse the command line, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path, help="folder with mbrsc_dubai/ and massachusetts_roads/")
    parser.add_argument("--tta", choices=["none", "flips", "d4"], default="none")
    options = parser.parse_args()
    card = read_card(options.bundle)
    engine = KerasEngine(options.bundle, tta=options.tta)
    dubai = mbrsc_dubai(options.data / "mbrsc_dubai", validation=True)
    massachusetts = massachusetts_roads(options.data / "massachusetts_roads", validation=True)
    scores = {"mbrsc": class_scores(dubai, card, engine), "massachusetts": road_scores(massachusetts, card, engine)}
    print(json.dumps(scores, indent=2))


def predicted(item: LabelledImage, card: Card, engine: KerasEngine) -> npt.NDArray[np.intp]:
    """Class ids `(height, width)`, blended as `geoseg predict` does."""
    height, width = item.labels.shape
    lattice = Lattice(shape=(height, width), tile=card.tile, overlap=card.overlap)

    def scored() -> Iterator[tuple[Tile, npt.NDArray[np.float32]]]:
        for tile in lattice.tiles():
            rows = reflect(tile.rows.start, tile.rows.stop, height)
            cols = reflect(tile.cols.start, tile.cols.stop, width)
            yield tile, engine(item.image[np.ix_(rows, cols)][None].astype(np.float32))[0]

    return np.concatenate([scores.argmax(axis=-1) for _, scores in blend(scored(), lattice, card.window)])


def class_scores(items: Iterator[LabelledImage], card: Card, engine: KerasEngine) -> dict[str, float]:
    """IoU of each class over all images together, their mean, and the share of pixels that are right."""
    classes = len(card.legend)
    confusion = np.zeros((classes, classes), np.int64)
    for item in items:
        known = item.labels < classes
        pairs = item.labels[known].astype(np.int64) * classes + predicted(item, card, engine)[known]
        confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    right = np.diag(confusion)
    iou = right / (confusion.sum(axis=0) + confusion.sum(axis=1) - right)
    rounded = {name: round(float(value), 4) for name, value in zip(card.legend.names, iou, strict=True)}
    return rounded | {"mean": round(float(iou.mean()), 4), "accuracy": round(float(right.sum() / confusion.sum()), 4)}


def road_scores(items: Iterator[LabelledImage], card: Card, engine: KerasEngine) -> dict[str, float]:
    """IoU, and relaxed scores: a predicted pixel is right within `RELAX_PX` of a true one, and the other way round."""
    found = near_true = true = near_found = both = either = 0
    for item in items:
        known = item.labels != IGNORED
        road = (item.labels != NOT_ROAD) & known
        guess = (predicted(item, card, engine) == card.legend.road) & known
        both, either = both + int((road & guess).sum()), either + int((road | guess).sum())
        found, true = found + int(guess.sum()), true + int(road.sum())
        near_true += int((distance_transform_edt(~road)[guess] <= RELAX_PX).sum()) if road.any() else 0
        near_found += int((distance_transform_edt(~guess)[road] <= RELAX_PX).sum()) if guess.any() else 0
    precision, recall = near_true / max(found, 1), near_found / max(true, 1)
    scores = {
        "iou": both / max(either, 1),
        "relaxed_precision": precision,
        "relaxed_recall": recall,
        "relaxed_f1": 2 * precision * recall / max(precision + recall, 1e-9),
    }
    return {name: round(value, 4) for name, value in scores.items()}


if __name__ == "__main__":
    main()

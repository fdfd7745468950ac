"""Validation: every labelled pixel counts once, scored by the classes its label allows."""

import threading
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from geoseg.models.legend import AERIAL, NODATA
from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.run.best_and_worst import Extremes
from geoseg.training.run.validation import ValidationTiles, map_classes, mask_unknown, validate

SETS = LabelSets(legend=AERIAL, allowed=((0,), (1,), (2,), (3,), (4,), (0, 1, 3, 4), (0, 1, 2, 3, 4)))
ROAD, NOT_ROAD, IGNORED = 2, 5, 6


@dataclass
class Image:
    """An image whose first band is its label values."""

    name: str
    labels: np.ndarray
    data_set: str = "set"
    reads: int = 0

    @property
    def shape(self):
        return self.labels.shape

    def read(self):
        self.reads += 1
        return np.stack([self.labels, self.labels * 2, self.labels * 3], axis=-1), self.labels


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [
        Image(str(n), random.integers(0, 7, shape, dtype=np.uint8))
        for n, shape in enumerate([(20, 33), (7, 9), (16, 16)])
    ]


def test_tiles_show_every_pixel_once(images):
    """The tiles have each labelled pixel once; other pixels are ignored, and all batches have one size."""
    tiles = ValidationTiles(images, tile=16, size=4, ignored=IGNORED)
    batches = [tiles[number] for number in range(len(tiles))]
    assert {labels.shape for _, labels in batches} == {(4, 16, 16)}
    assert {(pixels.shape, pixels.dtype) for pixels, _ in batches} == {((4, 16, 16, 3), np.dtype(np.float32))}
    counts = np.bincount(np.concatenate([labels.ravel() for _, labels in batches]), minlength=7)
    expected = sum(np.bincount(image.labels.ravel(), minlength=7) for image in images)
    np.testing.assert_array_equal(counts[:IGNORED], expected[:IGNORED])
    for pixels, labels in batches:
        seen = labels != IGNORED
        np.testing.assert_array_equal(pixels[seen], labels[seen][:, None] * [1.0, 2.0, 3.0])


def test_images_are_read_once_in_a_pass(images):
    """Tiles are ordered by image: no image is read twice."""
    tiles = ValidationTiles(images, tile=16, size=4, ignored=IGNORED)
    _ = [tiles[number] for number in range(len(tiles))]
    assert [image.reads for image in images] == [1, 1, 1]


def test_images_are_read_in_a_thread_of_python(images, monkeypatch):
    """Keras reads batches in TensorFlow's threads, which must not open files themselves."""
    read, readers = Image.read, []

    def noted(image):
        readers.append(threading.current_thread())
        return read(image)

    monkeypatch.setattr(Image, "read", noted)
    network = keras.Sequential([keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(7, 1, activation="softmax")])
    network.compile(loss="sparse_categorical_crossentropy")
    network.evaluate(ValidationTiles(images, tile=16, size=4, ignored=IGNORED), verbose=0)
    assert {thread.name for thread in readers} == {"validation_0"}
    assert len(set(readers)) == 1


@pytest.mark.parametrize(("overlap", "window"), [(0, "flat"), (4, "hann")])
def test_the_map_of_a_network_that_sees_one_pixel_is_its_own(overlap, window):
    """If scores depend only on the pixel, maps are the same tile by tile, blended, or whole."""
    random = np.random.default_rng(1)
    image = random.integers(0, 255, (37, 21, 5), dtype=np.uint8)
    found = map_classes(lambda tiles: tiles / 255, image, tile=16, overlap=overlap, window=window)
    np.testing.assert_array_equal(found, image.argmax(axis=-1))


def classify(pixels):
    """Predict every class correctly, except roads as land."""
    return np.where(pixels[..., 0] == ROAD, 1, pixels[..., 0] % 5).astype(np.uint8)


def guess(pixels):
    """Predict random classes, water least often."""
    return np.random.default_rng(pixels.shape[0]).integers(0, 9, pixels.shape[:2], dtype=np.uint8) // 2


def test_accuracy_is_that_of_fully_labelled_pixels(images):
    """Accuracy is scikit-learn's over pixels of a single class, in total and for each image."""
    document = validate(classify, images, SETS, Extremes(SETS, tile=16))
    truth = np.concatenate([image.labels.ravel() for image in images])
    found = np.concatenate([classify(image.read()[0]).ravel() for image in images])
    known = truth < 5
    assert document["overall_accuracy"] == pytest.approx(accuracy_score(truth[known], found[known]))
    assert [entry["name"] for entry in document["images"]] == ["0", "1", "2"]
    own = images[1].labels.ravel()
    assert document["images"][1]["accuracy"] == pytest.approx(accuracy_score(own[own < 5], found[660:723][own < 5]))
    assert [entry["name"] for entry in document["classes"]] == list(AERIAL.names)


def test_a_class_is_scored_wherever_it_is_known_whether_a_pixel_is_of_it(images):
    """IoU, F1 and precision are scikit-learn's over pixels whose label is the class or excludes it."""
    truth = np.concatenate([image.labels.ravel() for image in images])
    found = np.concatenate([guess(image.labels).ravel() for image in images])
    document = validate(guess, images, SETS, Extremes(SETS, tile=16))
    means = {"iou": [], "f1": []}
    for entry in document["classes"]:
        number = entry["id"]
        known = (truth == number) | np.array([number not in ids for ids in SETS.allowed])[truth]
        is_of_it, taken_for_it = truth[known] == number, found[known] == number
        scorers = {"iou": jaccard_score, "f1": f1_score, "precision": precision_score, "recall": recall_score}
        for key, scorer in scorers.items():
            assert entry[key] == pytest.approx(scorer(is_of_it, taken_for_it))
        assert entry["false_positives"] == (taken_for_it & ~is_of_it).sum()
        for key, scores in means.items():
            scores.append(entry[key])
    assert document["mean_iou"] == pytest.approx(np.mean(means["iou"])) == document["partial"]["jaccard"]
    assert document["mean_f1"] == pytest.approx(np.mean(means["f1"]))
    weights = [entry["support"] for entry in document["classes"]]
    assert document["frequency_weighted_iou"] == pytest.approx(np.average(means["iou"], weights=weights))


def test_a_false_road_costs_where_it_is_only_known_that_there_is_none():
    """Roads predicted on ground labelled "not road" lower the IoU of roads, in total and for the image."""
    labels = np.array([[ROAD] * 6 + [NOT_ROAD] * 4 + [IGNORED] * 5], np.uint8)
    document = validate(
        lambda pixels: np.full(pixels.shape[:2], ROAD, np.uint8), [Image("a", labels)], SETS, Extremes(SETS, tile=16)
    )
    road = document["classes"][ROAD]
    assert (road["true_positives"], road["false_positives"], road["false_negatives"]) == (6, 4, 0)
    assert road["iou"] == road["precision"] == document["mean_iou"] == document["images"][0]["mean_iou"] == 0.6
    assert document["overall_accuracy"] == 1  # of the six pixels of one class


def test_every_labelled_pixel_is_in_a_table(images):
    """Matrix and partial labels together have each labelled pixel; only labels that occur are listed."""
    document = validate(guess, images, SETS, Extremes(SETS, tile=16))
    truth = np.concatenate([image.labels.ravel() for image in images])
    [partial] = document["partial_labels"]
    assert partial["allowed"] == ["building", "land", "vegetation", "water"]
    assert sum(partial["found"]) == (truth == NOT_ROAD).sum()
    assert np.sum(document["matrix"]) == document["pixels"] == (truth < NOT_ROAD).sum()
    for number, entry in enumerate(document["classes"]):
        found = np.array(document["matrix"])[:, number]
        excluded = partial["found"][number] if number == ROAD else 0
        assert entry["false_positives"] == found.sum() - found[number] + excluded
    roads = Image("roads", np.full((8, 8), ROAD, np.uint8))
    assert validate(guess, [roads], SETS, Extremes(SETS, tile=8))["partial_labels"] == []


def test_partial_scores_are_those_of_training(images):
    """Partial scores of a map equal the metrics of `fit` for the same pixels."""
    document = validate(guess, images, SETS, Extremes(SETS, tile=16))
    for metric, name in ((LabelAccuracy, "accuracy"), (LabelJaccard, "jaccard")):
        counted = metric(SETS.allowed, classes=5)
        for image in images:
            counted.update_state(image.labels[None], np.eye(5, dtype=np.float32)[guess(image.labels)][None])
        assert document["partial"][name] == pytest.approx(float(counted.result()), rel=1e-5)


def test_a_picture_shows_no_partial_label():
    """Labels that are not a single class become nodata."""
    truth = np.array([[0, 4, NOT_ROAD, IGNORED]], np.uint8)
    np.testing.assert_array_equal(mask_unknown(truth, SETS), [[0, 4, NODATA, NODATA]])


def test_the_best_and_worst_tiles_are_kept():
    """The tiles with the best and worst accuracy are kept in order, none as both."""
    random = np.random.default_rng(3)
    extremes, shares = Extremes(SETS, tile=8, count=3), {}
    for number in range(5):
        truth = random.integers(0, 7, (16, 24), dtype=np.uint8)
        found = np.where(random.random(truth.shape) < random.random(), truth % 5, 2).astype(np.uint8)
        extremes.add(str(number), truth[..., None], truth, found)
        allowed = np.array([[c in SETS.allowed[v] for c in range(5)] for v in range(7)])
        for row in range(0, 16, 8):
            for col in range(0, 24, 8):
                t, f = truth[row : row + 8, col : col + 8].ravel(), found[row : row + 8, col : col + 8].ravel()
                shares[str(number), row, col] = allowed[t, f][t != IGNORED].mean()
    ranked = sorted(shares, key=lambda place: shares[place])
    assert [(tile.source, tile.row, tile.column) for tile in extremes.worst] == ranked[:3]
    assert [(tile.source, tile.row, tile.column) for tile in extremes.best] == ranked[::-1][:3]
    assert extremes.worst[0].accuracy == pytest.approx(shares[ranked[0]])


def test_tiles_without_labels_do_not_count():
    """A mostly ignored tile is neither best nor worst; a single tile is only worst."""
    extremes = Extremes(SETS, tile=8)
    truth = np.full((8, 16), IGNORED, np.uint8)
    truth[:, 8:] = 1
    extremes.add("a", truth[..., None], truth, np.ones_like(truth))
    assert [(tile.source, tile.row, tile.column) for tile in extremes.worst] == [("a", 0, 8)]
    assert extremes.best == []

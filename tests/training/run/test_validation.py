"""Validation: every labelled pixel counts once, scored by the classes its label allows."""

import threading
import tracemalloc
from dataclasses import dataclass
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from geoseg.models.legend import AERIAL, NODATA
from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard
from geoseg.models.losses.pixels import MarginalCrossEntropy
from geoseg.prediction.conversion.sample_tiles import read_samples
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
    rows_read: int = 0

    @property
    def shape(self):
        return self.labels.shape

    def read_region(self, roi):
        labels = self.labels[roi]
        self.rows_read += len(labels)
        return np.stack([labels, labels * 2, labels * 3], axis=-1), labels, np.ones(labels.shape, bool)

    def read(self):
        return self.read_region((slice(0, self.shape[0]), slice(0, self.shape[1])))


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
    assert {labels.shape for _, labels, _ in batches} == {(4, 16, 16)}
    assert {(pixels.shape, pixels.dtype) for pixels, *_ in batches} == {((4, 16, 16, 3), np.dtype(np.float32))}
    counts = np.bincount(np.concatenate([labels.ravel() for _, labels, _ in batches]), minlength=7)
    expected = sum(np.bincount(image.labels.ravel(), minlength=7) for image in images)
    np.testing.assert_array_equal(counts[:IGNORED], expected[:IGNORED])
    for pixels, labels, _ in batches:
        seen = labels != IGNORED
        np.testing.assert_array_equal(pixels[seen], labels[seen][:, None] * [1.0, 2.0, 3.0])


def test_images_are_read_once_in_a_pass(images):
    """Tiles are ordered by image and row: no row is read twice."""
    tiles = ValidationTiles(images, tile=16, size=4, ignored=IGNORED)
    before = [image.rows_read for image in images]
    _ = [tiles[number] for number in range(len(tiles))]
    assert [image.rows_read - found for image, found in zip(images, before, strict=True)] == [10 + 10, 7, 16]


def test_tiles_are_mirrored_at_the_edges(images):
    """A tile is the image's own pixels, reflected at its edges."""
    tiles = ValidationTiles(images[:1], tile=16, size=6, ignored=IGNORED)
    mirrored = np.pad(images[0].labels, ((6, 6), (7, 8)), mode="reflect")
    expected = [mirrored[row : row + 16, col : col + 16] for row in (0, 16) for col in (0, 16, 32)]
    np.testing.assert_array_equal(tiles[0][0][..., 0], expected)


def test_tiles_without_labels_are_left_out(images):
    """A tile without a label is in no batch, unless no tile has one."""
    images[0].labels[:, 9:] = IGNORED
    tiles = ValidationTiles(images[:1], tile=16, size=2, ignored=IGNORED)
    assert len(tiles) == 1
    assert (tiles[0][1] != IGNORED).sum() == (images[0].labels != IGNORED).sum()
    images[0].labels[:] = IGNORED
    (_, labels, weights) = ValidationTiles(images[:1], tile=16, size=2, ignored=IGNORED)[0]
    assert (labels == IGNORED).all()
    assert not weights.any()


def test_an_image_need_not_fit_into_memory():
    """Validation holds a byte for each label and each predicted class of an image, and of its pixels only some rows."""
    shape = (16000, 250)

    def read_region(roi):
        rows, cols = roi
        some = (rows.stop - rows.start, cols.stop - cols.start)
        return np.zeros((*some, 3), np.float32), np.zeros(some, np.uint8), np.ones(some, bool)

    image = SimpleNamespace(name="a", data_set="set", shape=shape, read_region=read_region)

    def classify(image):
        return map_classes(lambda tiles: tiles, image, tile=64, overlap=16, window="hann")

    tracemalloc.start()
    validate(classify, [image], SETS, Extremes(SETS, tile=64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / np.prod(shape) < 2.9


def test_the_loss_is_that_of_the_labelled_pixels(images):
    """Pixels without a label, in an image or outside it, change the loss no more than the scores."""
    network = keras.Sequential([keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(5, 1, activation="softmax")])
    keras.utils.set_random_seed(0)
    metrics = [LabelAccuracy(SETS.allowed, classes=5), LabelJaccard(SETS.allowed, classes=5)]
    network.compile(loss=MarginalCrossEntropy(SETS.allowed, classes=5), metrics=metrics)
    images[0].labels[5:] = IGNORED
    found = network.evaluate(ValidationTiles(images, tile=16, size=4, ignored=IGNORED), verbose=0)
    labels = np.concatenate([image.labels.ravel() for image in images])
    pixels = labels[labels != IGNORED][None, None, :, None] * np.float32([1, 2, 3])
    scores = np.asarray(network.layers[-1](pixels))
    expected = network.loss.call(labels[labels != IGNORED][None, None], scores)
    assert found[0] == pytest.approx(float(np.mean(expected)), rel=1e-5)
    for metric, score in zip(metrics, found[1:], strict=True):
        metric.reset_state()
        metric.update_state(labels[labels != IGNORED][None, None], scores)
        assert score == pytest.approx(float(metric.result()), rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, -25.0])
def test_holes_are_filled_as_in_prediction(write_raster, open_recipe, tmp_path, offset):
    """The network sees the same tile in validation and final scoring as in prediction."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(10, 2, (1, 40, 40)).astype(np.float32)
    pixels[:, 9:20, 25:] = -9999
    pixels[:, 30:, :7] = -9999
    write_raster("set/images/a.tif", pixels, nodata=-9999)
    write_raster("set/labels/a.tif", np.ones((1, 40, 40), np.uint8))
    rendered = {"scenes": 1, "values": {"*": "land"}}
    card = {"tile": 48, "overlap": 0, "bands": ["red"], "scaling": {"float32": {"offset": offset, "gain": 4.0}}}
    data = open_recipe({"name": "set", "images": "set", "split": {"validation": 1.0}}, card=card, rendered=rendered)
    images, card, seen = data.validation_images(), data.run.card, []
    (sample,) = read_samples(str(tmp_path / "set/images/a.tif"), card, 48)
    tiles = ValidationTiles(images, tile=48, size=1, ignored=data.run.labels.ignored)
    np.testing.assert_allclose(tiles[0][0][0], sample.pixels, rtol=1e-6)

    def score(batch):
        seen.append(batch[0])
        return batch

    map_classes(score, images[0], tile=48, overlap=0, window="flat")
    np.testing.assert_allclose(seen, sample.pixels[None], rtol=1e-6)


def test_images_are_read_in_a_thread_of_python(images, monkeypatch):
    """Keras reads batches in TensorFlow's threads, which must not open files themselves."""
    read, readers = Image.read_region, []

    def noted(image, roi):
        readers.append(threading.current_thread())
        return read(image, roi)

    monkeypatch.setattr(Image, "read_region", noted)
    network = keras.Sequential([keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(7, 1, activation="softmax")])
    network.compile(loss="sparse_categorical_crossentropy")
    network.evaluate(ValidationTiles(images, tile=16, size=4, ignored=IGNORED), verbose=0)
    assert {thread.name for thread in readers} == {"validation_0"}
    assert len(set(readers)) == 1


@pytest.mark.parametrize(("overlap", "window"), [(0, "flat"), (4, "hann")])
def test_the_map_of_a_network_that_sees_one_pixel_is_its_own(overlap, window):
    """If scores depend only on the pixel, maps are the same tile by tile, blended, or whole."""
    random = np.random.default_rng(1)
    image = Image("a", random.integers(0, 80, (37, 21), dtype=np.uint8))
    found = map_classes(np.sin, image, tile=16, overlap=overlap, window=window)
    np.testing.assert_array_equal(found, np.sin(image.read()[0].astype(np.float32)).argmax(axis=-1))


def classify(image):
    """Predict every class correctly, except roads as land."""
    return np.where(image.labels == ROAD, 1, image.labels % 5).astype(np.uint8)


def guess(image):
    """Predict random classes, water least often."""
    return np.random.default_rng(image.shape[0]).integers(0, 9, image.shape, dtype=np.uint8) // 2


def test_accuracy_is_that_of_fully_labelled_pixels(images):
    """Accuracy is scikit-learn's over pixels of a single class, in total and for each image."""
    document = validate(classify, images, SETS, Extremes(SETS, tile=16))
    truth = np.concatenate([image.labels.ravel() for image in images])
    found = np.concatenate([classify(image).ravel() for image in images])
    known = truth < 5
    assert document["overall_accuracy"] == pytest.approx(accuracy_score(truth[known], found[known]))
    assert [entry["name"] for entry in document["images"]] == ["0", "1", "2"]
    own = images[1].labels.ravel()
    assert document["images"][1]["accuracy"] == pytest.approx(accuracy_score(own[own < 5], found[660:723][own < 5]))
    assert [entry["name"] for entry in document["classes"]] == list(AERIAL.names)


def test_a_class_is_scored_wherever_it_is_known_whether_a_pixel_is_of_it(images):
    """IoU, F1 and precision are scikit-learn's over pixels whose label is the class or excludes it."""
    truth = np.concatenate([image.labels.ravel() for image in images])
    found = np.concatenate([guess(image).ravel() for image in images])
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
        lambda image: np.full(image.shape, ROAD, np.uint8),
        [Image("a", labels)],
        SETS,
        Extremes(SETS, tile=16),
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
            counted.update_state(image.labels[None], np.eye(5, dtype=np.float32)[guess(image)][None])
        assert document["partial"][name] == pytest.approx(float(counted.result()), rel=1e-5)


def test_a_picture_shows_no_partial_label():
    """Labels that are not a single class become nodata."""
    truth = np.array([[0, 4, NOT_ROAD, IGNORED]], np.uint8)
    np.testing.assert_array_equal(mask_unknown(truth, SETS), [[0, 4, NODATA, NODATA]])


def reads(labels):
    """Read pixels whose only band is the label values."""
    return lambda roi: labels[roi][..., None]


def test_the_best_and_worst_tiles_are_kept():
    """The tiles with the best and worst accuracy are kept in order, none as both."""
    random = np.random.default_rng(3)
    extremes, shares = Extremes(SETS, tile=8, count=3), {}
    for number in range(5):
        truth = random.integers(0, 7, (16, 24), dtype=np.uint8)
        found = np.where(random.random(truth.shape) < random.random(), truth % 5, 2).astype(np.uint8)
        extremes.add(str(number), reads(truth), truth, found)
        allowed = np.array([[c in SETS.allowed[v] for c in range(5)] for v in range(7)])
        for row in range(0, 16, 8):
            for col in range(0, 24, 8):
                t, f = truth[row : row + 8, col : col + 8].ravel(), found[row : row + 8, col : col + 8].ravel()
                shares[str(number), row, col] = allowed[t, f][t != IGNORED].mean()
    ranked = sorted(shares, key=lambda place: shares[place])
    assert [(tile.source, tile.row, tile.column) for tile in extremes.worst] == ranked[:3]
    assert [(tile.source, tile.row, tile.column) for tile in extremes.best] == ranked[::-1][:3]
    assert extremes.worst[0].accuracy == pytest.approx(shares[ranked[0]])
    for tile in (*extremes.worst, *extremes.best):
        np.testing.assert_array_equal(tile.image[..., 0], tile.reference)


def test_tiles_without_labels_do_not_count():
    """A mostly ignored tile is neither best nor worst; a single tile is only worst."""
    extremes = Extremes(SETS, tile=8)
    truth = np.full((8, 16), IGNORED, np.uint8)
    truth[:, 8:] = 1
    extremes.add("a", reads(truth), truth, np.ones_like(truth))
    assert [(tile.source, tile.row, tile.column) for tile in extremes.worst] == [("a", 0, 8)]
    assert extremes.best == []

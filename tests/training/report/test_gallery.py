import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import jaccard_score

from geoseg.models.legend import AERIAL
from geoseg.training.report import TileGallery


def drawn(shape, seed=0, values=5):
    return np.random.default_rng(seed).integers(0, values, shape, dtype=np.uint8)


@pytest.fixture
def scored():
    """Two images of 6 tiles each, predicted better and better from tile to tile, and scikit-learn's score of each."""
    scores, images = {}, []
    for number in range(2):
        image, truth = drawn((40, 60, 3), number, 255), drawn((45, 61), number)
        prediction = truth.copy()
        for index in range(6):
            top, left = 20 * (index // 3), 20 * (index % 3)
            part = prediction[top : top + 20, left : left + 20]
            wrong = np.random.default_rng(index).random(part.shape) < 0.9 - 0.12 * index - 0.05 * number
            part[wrong] = (part[wrong] + 1) % 5
            known = truth[top : top + 20, left : left + 20]
            mean = jaccard_score(known.ravel(), part.ravel(), average="macro")
            scores[f"iou_{mean:.3f}_{number}_y{top}_x{left}.png"] = mean
        images.append((str(number), np.pad(image, ((0, 5), (0, 1), (0, 0))), truth, prediction))
    return images, scores


def test_extremes(scored, tmp_path):
    """Of all tiles of all images those of the highest and lowest mean IoU are shown, by scikit-learn's count."""
    images, scores = scored
    gallery = TileGallery(AERIAL, side=20, most=3)
    for image in images:
        gallery.add(*image)
    found = gallery.write(tmp_path)
    ranked = sorted(scores, key=scores.__getitem__)
    assert found == {"worst": ranked[:3], "best": ranked[::-1][:3]}
    for name in found["worst"] + found["best"]:
        with Image.open(tmp_path / "tiles" / name) as picture:
            assert picture.height == 20


@pytest.mark.parametrize(("tiles", "expected"), [(0, (0, 0)), (1, (0, 1)), (5, (2, 3)), (6, (3, 3))])
def test_few_tiles(scored, tmp_path, tiles, expected):
    """Of few tiles none is shown as both good and bad."""
    gallery = TileGallery(AERIAL, side=20, most=3)
    _, image, truth, prediction = scored[0][0]
    for number in range(tiles):
        gallery.add(str(number), *(part[20:40, :20] for part in (image, truth, prediction)))
    found = gallery.write(tmp_path)
    assert (len(found["worst"]), len(found["best"])) == expected
    assert not set(found["worst"]) & set(found["best"])


def test_tiles_that_say_little(tmp_path):
    """Tiles of one class, and those of which hardly anything is known, are not ranked; small images are one tile."""
    gallery = TileGallery(AERIAL, side=50)
    image, one = drawn((30, 30, 3)), np.full((30, 30), 3, np.uint8)
    gallery.add("one class", image, one, one)
    unknown = np.full((30, 30), 9, np.uint8)
    unknown[0, :2] = (1, 2)
    gallery.add("unknown", image, unknown, one)
    assert gallery.write(tmp_path) == {"worst": [], "best": []}
    gallery.add("small", image, drawn((30, 30)), one)
    assert len(gallery.write(tmp_path)["best"]) == 1

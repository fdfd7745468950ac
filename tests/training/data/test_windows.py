from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from rasterio import Affine

from geoseg.errors import UsageError
from geoseg.training.data.cache import Cache
from geoseg.training.data.windows import count_labels, mix_windows, sample_windows

# Images of one value.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.* (in all bands, as in|are nearly one colour):geoseg.errors.GeosegWarning"
)

IGNORED = 3


@pytest.fixture
def town(write_raster, coordinates):
    """A tiled image of 600 × 500 m whose pixels encode their position; class 2 is rare, the east unlabelled."""
    labels = np.zeros((1, 600, 500), np.uint8)
    labels[0, 100:140] = 1
    labels[0, 300:306, 40:46] = 2
    labels[0, :, 380:] = 255
    tiled = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    write_raster("town/images/a.tif", coordinates(600, 500), **tiled)
    write_raster("town/labels/a.tif", labels, **tiled)
    return np.where(labels[0] == 255, IGNORED, labels[0])


def entry(name="town", **values):
    return {"name": name, "images": name, "split": {"validation": 0.0}, **values}


@pytest.fixture
def windows(open_recipe):
    """Sample windows of the town, with chunks and a cache of given sizes."""

    def sample(count, *, side=32, chunk=(100, 90), limit=2**20, balanced=False, seed=5):
        data = open_recipe(entry())
        pairs = [replace(pair, chunk=chunk) for pair in data.sides[0].training]
        cache = Cache(as_float=False, limit=limit)
        stream = sample_windows(count_labels(pairs, 4), cache, side=side, balanced=balanced, seed=seed)
        return list(islice(stream, count)), cache

    return sample


def place(pixels):
    """Row and column of a window's first pixel, decoded from its values."""
    row, col, both = (int(value) for value in pixels[0, 0])
    return row + both // 16 * 251, col + both % 16 * 241


def test_windows_are_cut_from_the_image(town, coordinates, windows):
    """Pixels and labels of a window are of one place, across all chunks of the image."""
    image = np.moveaxis(coordinates(600, 500), 0, -1)
    for pixels, labels in windows(60)[0]:
        top, left = place(pixels)
        np.testing.assert_array_equal(pixels, image[top : top + 32, left : left + 32])
        np.testing.assert_array_equal(labels, town[top : top + 32, left : left + 32])


def test_the_cache_takes_a_quarter_of_the_memory(town, windows, monkeypatch):
    """Images are read once where there is memory for them; on a small machine, as many as always are kept."""
    part = 100 * 90 * 4
    monkeypatch.setattr("geoseg.training.data.cache.LEAST_BYTES", part)
    for available, kept in ((0, 1), (16 * part, 4)):
        monkeypatch.setattr("geoseg.training.data.cache.available_memory", lambda available=available: available)
        _, cache = windows(40, limit=None)
        assert (kept - 1) * part < cache.bytes <= kept * part


@pytest.mark.parametrize("balanced", [False, True])
def test_windows_depend_on_the_seed_alone(town, windows, balanced):
    """The same seed draws the same windows with any cache; another seed draws others."""
    first, small = windows(40, limit=1, balanced=balanced)
    again, large = windows(40, limit=2**24, balanced=balanced)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert len({place(pixels) for pixels, _ in first} & {place(pixels) for pixels, _ in windows(40, seed=6)[0]}) < 20
    part = 100 * 90 * 4
    assert small.bytes <= part < large.bytes <= 600 * 500 * 4


def test_windows_are_everywhere(town, windows):
    """Every labelled place is sampled, evenly in the middle, and no mostly unlabelled window."""
    seen = np.zeros((600, 500))
    for pixels, labels in windows(3000)[0]:
        top, left = place(pixels)
        seen[top : top + 32, left : left + 32] += 1
        assert (labels == IGNORED).mean() <= 0.5
    assert (seen[:, :380] > 0).mean() > 0.995
    middle = seen[64:-64, 64:300].reshape(8, 59, 4, 59).mean(axis=(1, 3))
    expected = 3000 * 32**2 / (600 * 380)
    assert abs(middle / expected - 1).max() < 0.3
    assert not seen[:, 396:].any()


def test_balanced_windows(town, windows):
    """Classes are balanced: the 36 pixels of class 2 are in a third of the windows."""
    plain, _ = windows(300)
    balanced, _ = windows(300, balanced=True)
    shares = [np.mean([(labels == 2).any() for _, labels in drawn]) for drawn in (plain, balanced)]
    assert shares[0] < 0.03
    assert 0.25 < shares[1] < 0.45


def test_images_smaller_than_a_window(write_raster, open_recipe):
    """Small images are reflected together with their labels."""
    rows, cols = np.mgrid[:20, :90]
    write_raster("town/images/a.tif", np.stack([rows, cols, rows]).astype(np.uint8))
    write_raster("town/labels/a.tif", ((rows // 3 + cols) % 3)[None].astype(np.uint8))
    data = open_recipe(entry())
    for pixels, labels in islice(data.windows(0, side=64), 20):
        assert pixels.shape == (64, 64, 3)
        np.testing.assert_array_equal(labels, (pixels[..., 0] // 3 + pixels[..., 1]) % 3)
        steps = np.abs(np.diff(pixels[..., 0].astype(int), axis=0))
        assert (steps == 1).all()


def test_shares(write_raster, open_recipe):
    """Data sets are sampled by their shares, and images by their labelled area."""
    for name, value in (("a", 10), ("b", 20)):
        write_raster(f"{name}/images/x.tif", np.full((3, 64, 64), value, np.uint8))
        write_raster(f"{name}/labels/x.tif", np.zeros((1, 64, 64), np.uint8))
    far = Affine(1, 0, 600_000, 0, -1, 5_400_000)
    write_raster("b/images/y.tif", np.full((3, 64, 192), 21, np.uint8), transform=far)
    write_raster("b/labels/y.tif", np.zeros((1, 64, 192), np.uint8), transform=far)
    data = open_recipe(entry("a", share=3.0), entry("b", share=1.0))
    values = np.array([pixels[0, 0, 0] for pixels, _ in islice(data.windows(1, side=32), 2000)])
    assert np.mean(values == 10) == pytest.approx(0.75, abs=0.04)
    assert np.mean(values == 21) == pytest.approx(0.25 * 0.75, abs=0.04)


def test_mixture_is_drawn_by_chance():
    """Data sets are drawn independently."""
    drawn = "".join(islice(mix_windows([iter(lambda: "a", None), iter(lambda: "b", None)], [1, 1], seed=0), 2000))
    assert drawn.count("ab") == pytest.approx(500, abs=70)


def test_nothing_to_train_on(write_raster, open_recipe):
    """A data set with no or hardly any labels is refused instead of being searched without end."""
    labels = np.full((1, 200, 200), 255, np.uint8)
    write_raster("town/images/a.tif", np.zeros((3, 200, 200), np.uint8))
    write_raster("town/labels/a.tif", labels)
    with pytest.raises(UsageError, match="data set town has no labelled pixel"):
        next(open_recipe(entry()).windows(0, side=64))
    labels[0, 5, 5] = 1
    write_raster("town/labels/a.tif", labels)
    with pytest.raises(UsageError, match=r"1000 windows of 64 pixels .* more than half of their pixels have no label"):
        next(open_recipe(entry()).windows(0, side=64))

"""An atlas gives the windows that a cache gives, by their places."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from geoseg.errors import SceneError
from geoseg.tiling import reflect
from geoseg.training.data.rendered import SceneStore

SIDE = 48
# Images of random values; Python's filters are those of all threads at once.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* in all bands, as in:geoseg.errors.GeosegWarning"),
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]


@pytest.fixture
def data(open_recipe, write_raster):
    """Two data sets with images large and small, one at two ground sample distances, and rendered scenes."""
    random = np.random.default_rng(0)
    for name, size in (("town/images/a", (150, 200)), ("town/images/b", (60, 40)), ("village/images/c", (90, 300))):
        write_raster(f"{name}.tif", random.integers(0, 256, (3, *size), dtype=np.uint8), transform=None)
        labels = random.integers(0, 3, (1, *size), dtype=np.uint8)
        write_raster(f"{name.replace('images', 'labels')}.tif", labels, transform=None)
    split = {"validation": 0.0}
    opened = open_recipe(
        {"name": "town", "images": "town", "split": split, "gsd_m": 1.0, "train_gsd_m": [1.0, 0.5]},
        {"name": "village", "images": "village", "split": split, "gsd_m": 1.0},
        rendered={"scenes": 3, "side": 64, "values": {"*": "land"}},
        schedule={"window": 32},
    )
    return replace(opened, scenes=SceneStore(executor=ThreadPoolExecutor))


def cut(atlas, pixels, place):
    """Cut pixels and labels of a window from copies of the atlas's arrays."""
    start, height, width, top, left = place
    rows, cols = reflect(top, top + SIDE, height), reflect(left, left + SIDE, width)
    inside = start + rows[:, None] * width + cols
    return pixels[inside], atlas.labels[inside]


@pytest.mark.parametrize("balanced", [False, True])
def test_places_are_those_of_the_windows(data, balanced):
    """From one seed, places in the atlas hold the pixels and labels of the windows that are read one by one."""
    schedule = data.run.schedule.model_copy(update={"balanced": balanced})
    data = replace(data, run=replace(data.run, schedule=schedule))
    atlas = data.atlas(side=SIDE)
    pixels = atlas.pixels
    atlas.release_pixels()
    with closing(data.windows(5, side=SIDE)) as windows, closing(data.windows(5, side=SIDE, atlas=atlas)) as places:
        for (image, labels), (place, _) in islice(zip(windows, places, strict=True), 60):
            found = cut(atlas, pixels, place)
            np.testing.assert_array_equal(found[0], image)
            np.testing.assert_array_equal(found[1], labels)


def test_too_many_images_have_no_atlas(data):
    """The limit counts pixels and labels of every image at each ground sample distance, and of each scene."""
    count = len(data.atlas(side=SIDE).labels)
    assert count >= 150 * 200 + 60 * 40 + 90 * 300 + 3 * 64 * 64
    assert data.atlas(side=SIDE, limit=4 * count) is not None
    assert data.atlas(side=SIDE, limit=4 * count - 1) is None


def test_errors_of_images_are_raised(data, tmp_path):
    """An image that cannot be read is an error, not a part of the atlas that was never filled."""
    (tmp_path / "town" / "images" / "b.tif").write_bytes(b"no longer an image")
    with pytest.raises(SceneError, match=r"b\.tif"):
        data.atlas(side=SIDE)

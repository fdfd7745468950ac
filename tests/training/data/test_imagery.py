"""Training reads images as prediction reads scenes: bands, nodata values, stretch, and what is reported."""

import numpy as np
import pytest
import rasterio
from standins import make_card, warned

from geoseg.errors import GeosegWarning, MismatchError, SceneError
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.read import scaled
from geoseg.rasters.scene import open_scene
from geoseg.training.data.read_pairs import read_image
from geoseg.training.survey.recipe_template import describe_data

SIDE = 64
RGBN = ("red", "green", "blue", "nir")


@pytest.fixture
def ground():
    """Values `(bands, height, width)` that differ everywhere."""

    def make(bands=4, dtype=np.uint8, seed=0):
        high = 250 if dtype == np.uint8 else 2000
        return np.random.default_rng(seed).integers(1, high, (bands, SIDE, SIDE)).astype(dtype)

    return make


@pytest.fixture
def write_set(write_raster):
    """Write images of a data set, with descriptions, and labels of three classes."""

    def write(*images, descriptions=(), **profile):
        ids = np.random.default_rng(1).integers(0, 3, (1, SIDE, SIDE), dtype=np.uint8)
        for number, pixels in enumerate(images):
            path = write_raster(f"set/images/{number}.tif", pixels, photometric="minisblack", **profile)
            if descriptions:
                with rasterio.open(path, "r+") as image:
                    image.descriptions = descriptions
            write_raster(f"set/labels/{number}.tif", ids)
        return path

    return write


@pytest.fixture
def pairs(open_recipe):
    """Open the training pairs of the data set."""

    def open_(card=None, **entry):
        data = open_recipe({"name": "set", "images": "set", "split": {"validation": 0.0}, **entry}, card=card)
        return data.sides[0].training

    return open_


@pytest.mark.parametrize(
    ("descriptions", "dtype", "recipe", "choices"),
    [
        (("blue", "green", "red", "nir"), np.uint8, {}, {}),
        ((), np.uint8, {"bands": [4, 3, 1]}, {"bands": (4, 3, 1)}),
        (RGBN, np.uint8, {"nodata": 77}, {"nodata": 77}),
        (RGBN, np.int16, {"nodata": [77, 77, 78], "stretch": "auto"}, {"nodata": (77, 77, 78)}),
        (("nir", "red", "green", "blue"), np.uint16, {"stretch": "auto"}, {}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*holds u?int16 values")
def test_as_prediction(write_set, ground, pairs, descriptions, dtype, recipe, choices):
    """Bands, valid pixels and network inputs of a training image are those of a planned prediction of it."""
    pixels = ground(dtype=dtype)
    pixels[:3, 5:20, 7:30] = np.array([77, 77, 78 if "stretch" in recipe else 77])[:, None, None]
    path = write_set(pixels, descriptions=descriptions)
    (pair,) = pairs(**recipe)
    planned = plan(open_scene(path), make_card(tile=SIDE, multiple=2), Settings(**choices))
    assert pair.bands == planned.bands
    assert pair.validity == planned.validity
    assert pair.scaling == planned.scaling
    found, valid = read_image(pair, (slice(0, SIDE), slice(0, SIDE)))
    taken = np.moveaxis(pixels[np.array(planned.bands) - 1], 0, -1)
    missing = np.zeros((SIDE, SIDE), bool)
    missing[5:20, 7:30] = "nodata" in recipe
    np.testing.assert_array_equal(valid, ~missing)
    np.testing.assert_array_equal(scaled(found, pair.scaling)[valid], scaled(taken, planned.scaling)[valid])


def test_bands_that_nothing_tells(write_set, ground, pairs):
    """Four bands without a name are refused with what to write, three are taken in order; that is said once."""
    write_set(ground())
    with pytest.raises(SceneError, match=r"4 bands .*Choose them: `bands=\(3, 2, 1\)`"):
        pairs()
    write_set(*(ground(3, seed=seed) for seed in range(3)))
    with pytest.warns(UserWarning, match="taken as red, green, blue.*The same holds for 2 more images") as caught:
        pairs()
    assert len(caught) == 1


def test_undeclared_collars(write_set, ground, pairs):
    """A collar in several images is reported once, and not with the value that masks it."""
    images = [ground(seed=seed) for seed in range(4)]
    for image in images[1:]:
        image[:, :9] = 0
    write_set(*images, descriptions=RGBN)
    with pytest.warns(UserWarning, match=r"1.tif are 0 in all bands.*`nodata=0`.*for 2 more images") as caught:
        pairs()
    assert len(caught) == 1
    _, with_collar, *_ = pairs(nodata=0)
    assert not read_image(with_collar, (slice(0, SIDE), slice(0, SIDE)))[1][:9].any()


def test_collars_of_lossy_compression(ground, write_set, pairs):
    """A collar that compression has changed is reported once."""
    images = [ground(seed=seed) // 2 + 20 for seed in range(3)]
    for image in images[1:]:
        image[:, :9] = ground(seed=9)[:, :9] % 4
    write_set(*images, descriptions=RGBN)
    with pytest.warns(GeosegWarning, match=r"1.tif are nearly black or white.*for 1 more image\.") as caught:
        pairs()
    assert len(caught) == 1


def test_masks_that_are_not_declared(ground, write_set, pairs):
    """A spare band like a mask is reported once."""
    images = [ground(seed=seed) for seed in range(3)]
    for image in images:
        image[3] = np.arange(SIDE) % 2 * 255
    write_set(*images, descriptions=(*RGBN[:3], ""))
    with pytest.warns(GeosegWarning, match=r"^band 4 of .* like a mask .*for 2 more images\.") as caught:
        pairs(bands=[1, 2, 3])
    assert len(caught) == 1


def test_a_first_recipe_speaks_of_collars(write_set, ground, tmp_path):
    """`train --init` reports a collar, and writes the line that declares it."""
    image = ground()
    image[:, :9] = 0
    write_set(image, descriptions=RGBN)
    with warned("are 0 in all bands"):
        recipe = describe_data(tmp_path / "set")
    assert "\n# nodata = 0  #" in recipe


def test_values_without_a_scaling(write_set, ground, pairs):
    """They are refused with both ways out, or stretched, and that is said; so is a nodata value that none can be."""
    write_set(ground(dtype=np.uint16), descriptions=RGBN)
    with pytest.raises(SceneError, match=r"`scaling.uint16 = .*`stretch='auto'`"):
        pairs()
    with pytest.warns(UserWarning, match=r"0.tif holds uint16 values; each band is stretched from its percentiles 2"):
        pairs(stretch="auto")
    with pytest.raises(MismatchError, match="none can be the -1 of `nodata`"):
        pairs(nodata=-1)


def test_images_of_one_colour(ground, write_set, pairs):
    """Masks in place of all images are noticed, and a single image of one surface is not."""
    mask = (ground(3) > 99).astype(np.uint8)
    write_set(mask, mask)
    with pytest.warns(GeosegWarning, match=r"images of data set set are nearly one colour .*/0\.tif are (0,1;?){3};"):
        pairs(bands=[1, 2, 3])
    write_set(mask, ground(3))
    pairs(bands=[1, 2, 3])  # warnings are errors


def test_images_beyond_their_scaling(ground, write_set, pairs):
    """Values in larger units than the scaling is for are noticed, unless one of the images has others."""
    bright = np.float32(ground(3) - 1)
    write_set(bright, bright)
    card = {"scaling": {"float32": {"offset": 0, "gain": 255}}}
    with pytest.warns(
        GeosegWarning, match=r"99% of the values of .*/0\.tif are outside of the 0,1;.*; check card.scaling"
    ):
        pairs(card=card, bands=[1, 2, 3])
    write_set(bright, bright / 250)
    pairs(card=card, bands=[1, 2, 3])  # warnings are errors

"""What is said of a raster whose values cannot be what was stated, or hold no road."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from standins import warned

import geoseg
from geoseg.errors import GeosegWarning, SceneError, UsageError
from geoseg.models.legend import AERIAL

LEGEND = {"GEOSEG_LEGEND": json.dumps(AERIAL.to_json())}


@pytest.fixture
def mask():
    """A mask of 0 and 1 with a road, `(1, rows, columns)`."""
    pixels = np.zeros((1, 60, 200), np.uint8)
    pixels[0, 27:33] = 1
    return pixels


def test_an_image(write, mask):
    """The red of an image is traced as stated, with a warning, but not a band that its file describes."""
    image = write(np.repeat(mask * 250, 3, axis=0), photometric="rgb", nodata=None)
    with warned("looks like an image, whose band is red; roads are traced in class rasters and probabilities"):
        geoseg.trace_roads(image, threshold=0.5, band=1)
    with rasterio.open(image, "r+") as raster:
        raster.descriptions = ["road", "building", "land"]
    geoseg.trace_roads(image, threshold=0.5)


@pytest.fixture
def write(write_ids):
    """Write a raster `(bands, rows, columns)` with a nodata value of 255."""

    def written(pixels, scale=None, **options):
        path = write_ids(pixels, **{"nodata": 255, **options})
        if scale is not None:
            with rasterio.open(path, "r+") as raster:
                raster.scales = [scale]
        return path

    return written


def test_a_class_that_no_pixel_has(write, mask):
    """The values that the raster has are listed, without nodata; the network is empty."""
    mask[0, 0] = 255
    with warned(r"no pixel of .*\.tif has the class 7, its values are 0 and 1; check"):
        assert len(geoseg.trace_roads(write(mask), road_class=7)) == 0
    with warned("has the class 7, its only value is 0; check `road_class`"):
        geoseg.trace_roads(write(mask * 0), road_class=7)


def test_a_mask_is_no_probability(write, mask):
    """A mask of 0 and 1 is refused where it is stated to be probabilities; a mask of 0 and 255 is certain of both."""
    with pytest.raises(UsageError, match=r"it is a mask; state its class id \(`road_class=1`\) in place"):
        geoseg.trace_roads(write(mask), threshold=0.5)
    assert len(geoseg.trace_roads(write(mask * 255, nodata=None), threshold=0.5)) == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_nodata_that_is_the_surest_road(write, mask, dtype):
    """The value that stands for a probability of 1, declared as nodata as some tools do with masks, is reported.

    Where no pixel has it, or a scale says that another value stands for 1, nothing is said.
    """
    largest = np.iinfo(dtype).max
    path = write(mask.astype(dtype) * np.array(largest, dtype), nodata=largest)
    with warned(rf"tif declares {largest}, which stands for a probability of 1, as its nodata value.*-a_nodata none "):
        assert len(geoseg.trace_roads(path, threshold=0.5)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        geoseg.trace_roads(write(mask.astype(dtype) * np.array(largest - 1, dtype), nodata=largest), threshold=0.5)
        geoseg.trace_roads(write(mask * 255, scale=1 / 254), threshold=0.5)


@pytest.mark.parametrize(
    ("dtype", "highest", "share", "edges"),
    [("uint16", 10_000, 0.15, 0), ("uint8", 120, 0.47, 1), ("uint8", 4, 0.016, 0)],
)
def test_integers_that_stand_for_other_shares(write, mask, dtype, highest, share, edges):
    """Integers far below the largest of their type are reported, with the probability that they are taken for."""
    path = write(mask.astype(dtype) * np.array(highest, dtype))
    with warned(rf"tif, {highest}, is taken for a probability of {share}, since"):
        network = geoseg.trace_roads(path, threshold=0.3)
    assert len(network) == edges


def test_stated_scales_are_silent(write, mask):
    """With a scale that makes them probabilities, the same integers need no word; nor does a raster without roads."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        assert len(geoseg.trace_roads(write(mask * np.uint8(100), scale=0.01), threshold=0.3)) == 1
        assert len(geoseg.trace_roads(write(mask * 0), threshold=0.3)) == 0
        assert len(geoseg.trace_roads(write(mask * 0, tags=LEGEND))) == 0


def test_classes_are_no_probabilities(write, mask):
    """A raster with a legend holds classes, and one with a scale, or with fractions, holds probabilities."""
    with pytest.raises(UsageError, match=r"holds the classes of its legend \(building, .*\); leave out `threshold`"):
        geoseg.trace_roads(write(mask, tags=LEGEND), threshold=0.5)
    with pytest.raises(UsageError, match=r"has the scale 0\.5 and the offset 0, so that it holds probabilities"):
        geoseg.trace_roads(write(mask, scale=0.5), road_class=1)


def test_a_legend_without_roads(write, mask):
    """A class raster whose legend calls no class road needs the id of one."""
    tags = {"GEOSEG_LEGEND": json.dumps(replace(AERIAL, road=None).to_json())}
    with pytest.raises(UsageError, match=r"holds the classes building, .*, none of which its legend calls road"):
        geoseg.trace_roads(write(mask, tags=tags))
    assert len(geoseg.trace_roads(write(mask, tags=tags), road_class=1)) == 1
    with pytest.raises(SceneError, match=r"holds 0\.25, which is not a class id"):
        geoseg.trace_roads(write(mask.astype(np.float32) / 4), road_class=1)
    assert len(geoseg.trace_roads(write(mask.astype(np.float32)), road_class=1)) == 1


def test_values_outside_the_legend(write, mask):
    """Values that the legend does not list are reported."""
    mask[0, 27:33] = AERIAL.road
    mask[0, :2] = 255
    mask[0, 5] = 9
    with warned(r"holds the values 9 and 255, which its legend \(0 to 4\) does not list"):
        assert len(geoseg.trace_roads(write(mask, tags=LEGEND, nodata=None))) == 1


def test_nodata_is_no_road(write, mask):
    """The declared nodata value is no class of roads; without the declaration it may be."""
    with pytest.raises(UsageError, match="declares 255 as its nodata value, so it cannot be a class; choose another"):
        geoseg.trace_roads(write(mask * 255), road_class=255)
    assert len(geoseg.trace_roads(write(mask * 255, nodata=None), road_class=255)) == 1


@pytest.mark.parametrize("choice", [{"road_class": 1}, {"threshold": 0.5}])
def test_nodata_everywhere(write, mask, choice):
    """A raster without data is reported."""
    with warned("has no data anywhere"):
        geoseg.trace_roads(write(np.full_like(mask, 255)), **choice)


@pytest.mark.parametrize(
    ("easting", "gsd_m", "refused"), [(500_000, 10, False), (750_000, 10, False), (500_000, 11, True)]
)
def test_ten_metres_in_every_zone(write, mask, easting, gsd_m, refused):
    """Pixels of 10 m on the map are traced wherever they are in their zone; 11 m are refused."""
    path = write(mask, transform=Affine(1, 0, easting, 0, -1, 5_000_000), gsd_m=gsd_m)
    if refused:
        with pytest.raises(SceneError, match="pixels of 11"):
            geoseg.trace_roads(path, road_class=1)
    else:
        assert len(geoseg.trace_roads(path, road_class=1)) == 1

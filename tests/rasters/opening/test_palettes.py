"""VRTs of files with different colour tables, of which GDAL shows the first."""

import warnings

import numpy as np
import pytest
from standins import write_mosaic

from geoseg.errors import GeosegWarning, SceneError
from geoseg.rasters.opening.open import opened
from geoseg.rasters.opening.palettes import refuse_mixed_palettes

RED, GREEN, BLUE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)


@pytest.fixture
def mosaic(write_ids, tmp_path):
    """Write a VRT of two class rasters with these colours."""

    def write(first, other, **how):
        ids = np.zeros((8, 8), np.uint8)
        names = [write_ids(ids, f"{name}.tif", colours=each) for name, each in (("a", first), ("b", other))]
        return write_mosaic(tmp_path / "mosaic.vrt", *names, **how)

    return write


def warnings_of(raster):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        with opened(str(raster), overviews=True) as dataset:
            assert dataset.read(1).max() == 0
    return [str(each.message) for each in caught]


def refuses(raster):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeosegWarning)
        for overviews in (False, True):
            with opened(str(raster), overviews=overviews) as dataset, pytest.raises(SceneError, match="colour tables"):
                refuse_mixed_palettes(dataset)


def test_contradictory_colours(mosaic):
    """An id with two colours may be two classes: whatever reads the VRT warns; where colours are read, it is refused.

    So does a VRT of such a VRT.
    """
    (text,) = warnings_of(mosaic({0: RED, 1: GREEN}, {0: RED, 1: BLUE}))
    inner = mosaic({0: RED, 1: GREEN}, {0: RED, 1: BLUE})
    assert "the value 1 is #00ff00 in " in text
    assert "a.tif and #0000ff in " in text
    refuses(inner)
    outer = write_mosaic(inner.with_name("outer.vrt"), inner)
    assert len(warnings_of(outer)) == 1
    refuses(outer)


def test_a_class_without_a_colour(mosaic):
    """A class that one file does not list, which GDAL makes black, is no contradiction, but has the wrong colour."""
    raster = mosaic({0: RED}, {0: RED, 1: GREEN})
    assert not warnings_of(raster)
    refuses(raster)


def test_the_same_colours(mosaic):
    """Files with the same colours are silent."""
    raster = mosaic({0: RED, 1: GREEN}, {0: RED, 1: GREEN})
    assert not warnings_of(raster)
    with opened(str(raster)) as dataset:
        refuse_mixed_palettes(dataset)


def test_translated_values(mosaic):
    """A VRT that translates the values of its files shows those of its own table."""
    raster = mosaic({0: RED}, {0: GREEN}, element="ComplexSource", inside="<LUT>0:0,1:1</LUT>")
    assert not warnings_of(raster)


def test_a_missing_file(mosaic):
    """A file that is missing is GDAL's to report."""
    raster = mosaic({0: RED}, {0: GREEN})
    raster.with_name("b.tif").unlink()
    with pytest.raises(SceneError, match=r"cannot be read as a raster: .*No such file"):
        warnings_of(raster)

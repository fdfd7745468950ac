"""Colours that rasters give their class ids; names of the same tables are tested with `test_names`."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from standins import name_ids, write_attribute_table

from geoseg.rasters.classes.colours import class_colours_of
from geoseg.rasters.opening.open import opened

COLOURS = {0: (1, 128, 255), 5: (0, 200, 0)}


@pytest.fixture
def raster(write_ids):
    return write_ids(np.zeros((8, 8), np.uint8))


def colours(path):
    with opened(str(path), overviews=True) as dataset:
        return class_colours_of(dataset)


@pytest.mark.parametrize("driver", ["GTiff", "VRT"])
def test_attribute_tables(raster, tmp_path, driver):
    """The colours of an attribute table are found in any format that GDAL reads one from."""
    name_ids(raster, {0: "sea", 5: "wood"}, colours=COLOURS)
    if driver != "GTiff":
        rasterio.shutil.copy(raster, tmp_path / "copy", driver=driver)
    assert colours(raster if driver == "GTiff" else tmp_path / "copy") == COLOURS


@pytest.mark.parametrize(
    ("kind", "columns", "cells", "found"),
    [
        (
            1,
            [("Red", 0), ("Green", 0), ("Blue", 0)],
            [("1", "0.5", "0"), ("0", "0", "0.2")],
            {0: (255, 128, 0), 1: (0, 0, 51)},
        ),
        (0, [("Value", 5), ("a", 6), ("b", 7), ("c", 8)], [("3", "1", "1", "0")], {3: (1, 1, 0)}),
        (1, [("Value", 5), ("a", 6), ("b", 7), ("c", 8)], [("3", "200", "1", "0")], {3: (200, 1, 0)}),
        (
            1,
            [("r", 0), ("g", 0), ("b", 0), ("Opacity", 0)],
            [("1", "1", "1", "0"), ("1", "1", "1", "1")],
            {1: (255,) * 3},
        ),
        (0, [("Value", 5), ("a", 6), ("b", 7), ("c", 8)], [("3", "900", "1", "0")], {}),
        (0, [("Value", 5), ("a", 6), ("b", 7), ("c", 8)], [("4", "0", "0", "0")], {}),
        (0, [("Value", 5), ("Red", 6), ("Green", 7)], [("3", "1", "1")], {}),
    ],
)
def test_other_tables(raster, kind, columns, cells, found):
    """Colours are bytes, or fractions in columns of floats; black, transparent and impossible ones are none."""
    write_attribute_table(raster, [(name, kind, use) for name, use in columns], cells)
    assert colours(raster) == found


def test_colour_tables(write_ids):
    """Opaque colours of a colour table, without its padding; a raster may have no colours."""
    ids = np.zeros((8, 8), np.uint8)
    assert colours(write_ids(ids, colours={3: (1, 128, 255, 255), 5: (9, 9, 9, 255)}, nodata=5)) == {3: (1, 128, 255)}
    assert colours(write_ids(ids, "bare.tif")) == {}

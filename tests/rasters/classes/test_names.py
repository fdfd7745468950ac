"""Names that rasters give their class ids, wherever GDAL finds them, and which of them contradict a legend."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from standins import name_ids, write_attribute_table

from geoseg.rasters.classes.names import class_names_of, contradictions
from geoseg.rasters.opening.open import opened

NAMES = {0: "land", 1: "lake & sea", 5: "road"}
MEANT = {0: ("land",), 1: ("road",), 2: ("water", "land")}
LEGEND = ("land", "road", "water")


@pytest.fixture
def raster(write_ids):
    return write_ids(np.zeros((8, 8), np.uint8))


def names(path):
    with opened(str(path), overviews=True) as dataset:
        return class_names_of(dataset)


@pytest.mark.parametrize("driver", ["GTiff", "VRT", "HFA"])
def test_attribute_tables(raster, tmp_path, driver):
    """The names of an attribute table are found in any format that GDAL reads one from."""
    name_ids(raster, NAMES)
    copy = tmp_path / "copy"
    if driver != "GTiff":
        rasterio.shutil.copy(raster, copy, driver=driver)
    assert names(raster if driver == "GTiff" else copy) == NAMES


def test_categories(raster):
    """So are GDAL's categories, whose numbers are the ids."""
    assert names(name_ids(raster, NAMES, table=False)) == {2: "", 3: "", 4: ""} | NAMES


@pytest.mark.parametrize(
    ("columns", "cells", "found"),
    [
        ([("Red", 0), ("Class_Names", 0)], [("1", "land"), ("2", "road")], {0: "land", 1: "road"}),
        (
            [("VALUE", 0), ("Name", 0)],
            [("3", "land"), ("4.0", "road"), ("4.5", "-"), ("?", "-")],
            {3: "land", 4: "road"},
        ),
        ([("Value", 5), ("Count", 1)], [("3", "8")], {}),
    ],
)
def test_other_tables(raster, columns, cells, found):
    """Without uses, columns are known by customary names; without values, rows count, as in files of ERDAS Imagine."""
    write_attribute_table(raster, [(name, 2, use) for name, use in columns], cells)
    assert names(raster) == found


def test_tags(write_ids):
    """Tags `class_<id>` of the band, and those of the chips that `geoseg tile` writes, are names."""
    ids = np.zeros((8, 8), np.uint8)
    assert names(write_ids(ids, tags={"CLASS_0": "land"}, band_tags={"class_1": "road"})) == {0: "land", 1: "road"}
    assert names(write_ids(ids, "bare.tif")) == {}


@pytest.mark.parametrize(
    ("found", "number"),
    [
        ({0: "Land", 1: "roads", 2: "Water"}, None),
        ({0: " land ", 1: "ROAD", 2: "land"}, None),
        ({1: "Class 1", 2: "2", 0: ""}, None),
        ({9: "water"}, None),
        ({1: "water"}, 1),
        ({0: "land", 1: "Straße"}, 1),
    ],
)
def test_contradictions(found, number):
    """Names in other words contradict; case, plural, numbers and unused ids do not."""
    assert [each.number for each in contradictions(found, MEANT, LEGEND)] == [number] * (number is not None)


@pytest.mark.parametrize(("name", "count"), [("motorway", 0), ("water", 1), ("road", 0)])
def test_contradictions_of_mapped_ids(name, count):
    """Where the user maps ids, other names are expected, but for those of other classes."""
    assert len(contradictions({1: name}, MEANT, LEGEND, mapped=True)) == count

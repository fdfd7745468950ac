import numpy as np
import pytest
import rasterio
from standins import DAMAGED_LEGENDS, name_ids, warned

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import AERIAL
from geoseg.polygons import polygonise
from geoseg.polygons.classes import Classes, classes_of

SMALL = np.zeros((4, 4), np.uint8)


@pytest.fixture
def read(write_ids):
    """Return a function that writes a raster with given metadata and reads its classes back."""

    def make(**description):
        with rasterio.open(write_ids(SMALL, **description)) as raster:
            return classes_of(raster)

    return make


def test_legend_of_geoseg(read):
    """Names and colours come from the legend that geoseg writes."""
    classes = read(legend=AERIAL)
    assert [classes.name(number) for number in range(5)] == list(AERIAL.names)
    assert [classes.colour(number) for number in range(5)] == [entry.colour for entry in AERIAL.classes]


def test_tags_and_colour_table(read):
    """Without a legend, names come from the band's tags and colours from its colour table."""
    tags = {"class_3": "wood", "classified": "yes", "class_70000": "no id"}
    classes = read(band_tags=tags, colours={3: (1, 128, 255, 255), 5: (9, 9, 9, 255)}, nodata=5)
    assert classes.names == {3: "wood"}
    assert classes.colours == {3: "#0180ff"}
    assert classes.name(4) == "4"


@pytest.mark.parametrize("table", [True, False])
def test_names_of_gdal(write_ids, table):
    """Names of an attribute table, or GDAL's categories, are those of polygons; empty ones are none."""
    path = write_ids(np.repeat(np.uint8([[0, 3, 5, 7]]), 4, axis=0))
    name_ids(path, {0: "sea", 3: " ", 5: "wood"}, table=table)
    assert {number: total.name for number, total in polygonise(path).totals.items()} == {
        0: "sea", 3: "3", 5: "wood", 7: "7",
    }  # fmt: skip
    assert polygonise(path, classes=["wood"]).totals.keys() == {5}


def test_colours_of_an_attribute_table(write_ids):
    """Colours come with the names of an attribute table; a colour table outranks them."""
    colours = {0: (1, 128, 255), 5: (0, 200, 0)}
    path = name_ids(write_ids(SMALL), {0: "sea", 5: "wood"}, colours=colours)
    with rasterio.open(path) as raster:
        assert classes_of(raster).colours == {0: "#0180ff", 5: "#00c800"}
    path = name_ids(write_ids(SMALL, colours={5: (9, 9, 9, 255)}), {0: "sea", 5: "wood"}, colours=colours)
    with rasterio.open(path) as raster:
        assert classes_of(raster).colours == {5: "#090909"}


def test_names_that_contradict_the_legend(write_ids):
    """A legend outranks an attribute table, and other names in that are reported; the same ones are not."""
    path = write_ids(np.repeat(np.uint8([[0, 1]]), 4, axis=0), legend=AERIAL)
    name_ids(path, {0: AERIAL.names[0].upper(), 1: "tundra"})
    with warned(rf"names its id 1 'tundra', but it is taken for {AERIAL.names[1]}"):
        assert [total.name for total in polygonise(path).totals.values()] == list(AERIAL.names[:2])
    polygonise(name_ids(path, dict(enumerate(AERIAL.names))))


def test_colours_without_any(read):
    """Without a colour table, each class has a colour of its own."""
    colours = [read().colour(number) for number in range(12)]
    assert len(set(colours)) == 12
    assert all(len(bytes.fromhex(colour[1:])) == 3 for colour in colours)


@pytest.mark.parametrize("text", DAMAGED_LEGENDS)
def test_damaged_legend(read, text):
    """A damaged legend is refused, not ignored."""
    with pytest.raises(SceneError, match=r"classes\.tif has a GEOSEG_LEGEND tag that is not a legend"):
        read(tags={"GEOSEG_LEGEND": text})


def test_choice():
    """Classes are selected by name or id; an empty selection is all of them, without nodata."""
    classes = Classes(names={0: "water", 7: "wood", 9: "7", 12: "wood"}, colours={})
    assert np.flatnonzero(classes.select(["water", "9"])).tolist() == [0, 9]
    assert np.flatnonzero(classes.select(["wood"])).tolist() == [7, 12]
    assert np.flatnonzero(classes.select([0])).tolist() == [0]
    assert np.flatnonzero(classes.select(["7"])).tolist() == [9]  # names take precedence over ids
    assert np.flatnonzero(classes.select([7])).tolist() == [7]  # an integer is no name
    assert np.flatnonzero(classes.select(["5"])).tolist() == [5]  # an id that has none
    assert classes.select([])[:-1].all()
    assert not classes.select([])[-1]
    assert np.flatnonzero(Classes(names={}, colours={}).select(["12"])).tolist() == [12]


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        ({0: "water", 7: "wood"}, "tundra", r"'tundra' is not in the raster's legend: water \(0\), wood \(7\)"),
        ({0: "water"}, "65535", "'65535' is not in the raster's legend"),
        ({}, "water", "'water' is not an integer below 65535, and the raster names no classes"),
        ({}, "65535", "is not an integer below 65535"),
        ({}, "-1", "is not an integer"),
    ],
)
def test_unknown_class(names, wanted, message):
    """A class missing from the legend is refused, and the message lists the legend."""
    with pytest.raises(UsageError, match=message):
        Classes(names=names, colours={}).select([wanted])

"""Likely mistakes in labels are reported."""

import warnings

import geopandas
import numpy as np
import pytest
import shapely
from rasterio import Affine
from standins import name_ids

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import GeosegWarning


@pytest.mark.parametrize(
    ("shape", "width_m", "reported"),
    [
        (shapely.LineString([(10, 20), (70, 75)]), 0.8, True),
        (shapely.LineString([(10, 20), (70, 75)]), 1.0, False),
        (shapely.box(10, 10, 60, 50), 0.8, False),
    ],
)
def test_lines_narrower_than_pixels(write_raster, coordinates, open_recipe, tmp_path, shape, width_m, reported):
    """Lines that cover some of the pixels that they cross, and not others, are reported."""
    write_raster("image.tif", coordinates(100, 120))
    placed = shapely.transform([shape], lambda points: points * (1, -1) + (500_000, 5_400_000))
    geopandas.GeoSeries(placed, crs="EPSG:32633").to_file(tmp_path / "labels.gpkg")
    values = {"*": "road", "background": "land"}
    entry = {"name": "set", "images": "image.tif", "labels": "labels.gpkg", "coding": "vector", "values": values}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        open_recipe(entry | {"width_m": width_m}).check()
    texts = [str(each.message) for each in caught if "width_m" in str(each.message)]
    assert len(texts) == reported
    assert all("lines of data set set are 0.8 m wide, and its pixels 1 m" in text for text in texts)


def told(data, words):
    """Warnings with these words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        data.check()
    return [str(each.message) for each in caught if words in str(each.message)]


def hidden(data):
    """Warnings of nodata values that stand for a class."""
    return told(data, "as nodata")


@pytest.mark.parametrize("split", [{"validation": 0.0}, {"validation": ["b"]}])
def test_ids_that_are_nodata(write_raster, coordinates, open_recipe, split):
    """A nodata value that is a class is reported once for all labels, unless `values` say that it is none."""
    entry = {"name": "set", "images": "images", "labels": "labels", "split": split}
    labels = (np.arange(2400).reshape(1, 40, 60) % 3).astype(np.uint8)
    places = {name: Affine(1, 0, 500_000 + 100 * number, 0, -1, 5_400_000) for number, name in enumerate("abc")}
    for name, transform in places.items():
        write_raster(f"images/{name}.tif", coordinates(40, 60), transform=transform)
        write_raster(f"labels/{name}.tif", labels, transform=transform, nodata=0)
    (text,) = hidden(open_recipe(entry))
    assert "a.tif declares its value 0 (land) as nodata, as do 2 more, so that those pixels are unlabelled" in text
    assert not hidden(open_recipe(entry | {"values": {"0": "ignore", "1": "road", "2": "water"}}))
    (text,) = hidden(open_recipe(entry | {"values": {"0": ["land", "water"], "1": "road", "2": "water"}}))
    assert "declares its value 0 (land or water) as nodata" in text
    for name, transform in places.items():
        write_raster(f"labels/{name}.tif", labels, transform=transform, nodata=9)
    assert not hidden(open_recipe(entry))


@pytest.mark.parametrize("nodata", [255, 0, None])
@pytest.mark.parametrize("palette", [False, True])
def test_colours_that_are_nodata(write_raster, coordinates, open_recipe, palette, nodata):
    """White as nodata, as `gdalwarp -dstnodata 255` declares it, is a class of Potsdam; black is none."""
    write_raster("image.tif", coordinates(40, 60))
    ids = np.arange(2400).reshape(1, 40, 60) % 6
    colours = np.array([entry.rgb for entry in LEGENDS["potsdam"].classes], np.uint8)
    if palette:
        table = dict(enumerate(map(tuple, [*colours.tolist(), (0, 0, 0)])))
        write_raster("label.tif", ids.astype(np.uint8), palette=table, nodata={255: 0, 0: 6}.get(nodata))
    else:
        write_raster("label.tif", colours[ids[0]].transpose(2, 0, 1), nodata=nodata)
    entry = {"name": "set", "images": "image.tif", "labels": "label.tif", "coding": "potsdam"}
    found = hidden(open_recipe(entry, legend="potsdam"))
    assert [f"its value {0 if palette else 255} (impervious surface) as nodata" in text for text in found] == [True] * (
        nodata == 255
    )


@pytest.mark.parametrize("table", [False, True])
def test_labels_that_name_other_classes(write_raster, coordinates, open_recipe, table):
    """Names in labels that contradict the legend are reported once for all labels; those that agree are silent."""
    entry = {"name": "set", "images": "images", "labels": "labels", "split": {"validation": ["b"]}}
    labels = (np.arange(2400).reshape(1, 40, 60) % 3).astype(np.uint8)
    for number, name in enumerate("abc"):
        place = {"transform": Affine(1, 0, 500_000, 0, -1, 5_400_000) @ Affine.translation(200 * number, 0)}
        write_raster(f"images/{name}.tif", coordinates(40, 60), **place)
        name_ids(write_raster(f"labels/{name}.tif", labels, **place), {0: "land", 1: "water", 2: "road"}, table=table)
    data = open_recipe(entry)
    (text,) = told(data, "names its id")
    assert "a.tif names its id 1 'water' (and 1 more id), as do 2 more, but it is taken for road" in text
    assert not told(open_recipe(entry | {"values": {"0": "land", "1": "water", "2": "road"}}), "names its id")
    (text,) = told(open_recipe(entry | {"values": {"0": "ignore", "1": "land", "2": "road"}}), "names its id")
    assert "a.tif names its id 1 'water', as do 2 more, but it is taken for land" in text


def test_labels_that_name_the_same_classes(write_raster, coordinates, open_recipe):
    """Names that agree, and those of ids that the recipe maps to classes of other names, are silent."""
    labels = (np.arange(2400).reshape(1, 40, 60) % 3).astype(np.uint8)
    write_raster("image.tif", coordinates(40, 60))
    entry = {"name": "set", "images": "image.tif", "labels": "label.tif", "split": {"validation": 0.0}}
    name_ids(write_raster("label.tif", labels), {0: "Land", 1: "roads", 2: "water"})
    assert not told(open_recipe(entry), "names its id")
    name_ids(write_raster("label.tif", labels), {0: "fields", 1: "motorway", 2: "lake"})
    mapped = {"values": {"0": "land", "1": "road", "2": "water"}}
    assert not told(open_recipe(entry | mapped), "names its id")
    assert len(told(open_recipe(entry), "names its id 0 'fields' (and 2 more ids)")) == 1


def test_ids_compressed_with_loss(write_raster, coordinates, open_recipe):
    """Ids that JPEG has changed are reported once for all labels."""
    entry = {"name": "set", "images": "images", "labels": "labels", "split": {"validation": ["b"]}}
    labels = np.repeat(np.repeat(np.arange(3, dtype=np.uint8), 20)[None, None], 40, axis=1)
    for number, name in enumerate("abc"):
        place = {"transform": Affine(1, 0, 500_000, 0, -1, 5_400_000) @ Affine.translation(200 * number, 0)}
        write_raster(f"images/{name}.tif", coordinates(40, 60), **place)
        write_raster(f"labels/{name}.tif", labels, compress="jpeg", jpeg_quality=100, **place)
    (text,) = told(open_recipe(entry), "compressed with loss")
    assert "the class ids of " in text
    assert "a.tif are compressed with loss, as are those of 2 more, so that" in text

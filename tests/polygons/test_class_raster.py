"""What is said of values that no class or too many stand for, and which areas are small."""

import warnings

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.enums import ColorInterp
from standins import warned

from geoseg.errors import GeosegWarning, SceneError, UsageError
from geoseg.models.legend import AERIAL
from geoseg.polygons import polygonise

HALVES = np.repeat(np.uint8([[0, 3]]), 20, axis=1).repeat(20, axis=0)


@pytest.mark.parametrize("legend", [None, AERIAL])
def test_a_class_that_no_pixel_has(write_ids, legend):
    """Chosen classes that do not occur are reported with the values that do, and no polygon is made."""
    path = write_ids(HALVES, nodata=255, legend=legend)
    with warned(r"no pixel of .*tif has the class 2, its values are 0 and 3"):
        assert polygonise(path, classes=["2"]).totals == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        assert polygonise(path, classes=["3"], min_area_m2=1e6).totals.keys() <= {3}
        assert polygonise(path).totals.keys() == {0, 3}


def test_a_class_without_a_name(write_ids, tmp_path):
    """Where other classes have names, an id without one is written if the raster has it, and else refused."""
    path = write_ids(HALVES, nodata=255, band_tags={"class_0": "water"})
    totals = polygonise(path, classes=["water", 3]).totals
    assert [(number, total.name) for number, total in totals.items()] == [(0, "water"), (3, "3")]
    with pytest.raises(UsageError, match=r"no pixel of .*tif has the class 4, its values are 0 and 3"):
        polygonise(path, tmp_path / "areas.gpkg", classes=["3", "4"])
    assert list(tmp_path.iterdir()) == [path]
    with warned(r"no pixel of .*tif has the class 0, its only value is 3"):
        polygonise(write_ids(np.full_like(HALVES, 3), nodata=255, band_tags={"class_0": "water"}), classes=["water"])


@pytest.mark.parametrize("choice", ["classes", "regularise"])
def test_one_class(write_ids, choice):
    """A class may be given without a list: its characters are not ids."""
    assert polygonise(write_ids(HALVES, legend=AERIAL), **{choice: "vegetation"}).totals.keys() == {3}
    with warned("has the class 30"):
        assert polygonise(write_ids(HALVES), **{choice: "30"}).totals == {}


def test_values_outside_the_legend(write_ids):
    """Values that the legend does not list are reported."""
    values = HALVES.copy()
    values[0, :9] = 9, 9, 9, 12, 12, 12, 17, 17, 17
    with warned(r"holds the values 9, 12 and 17, which its legend \(0 to 4\) does not list"):
        polygonise(write_ids(values, nodata=255, legend=AERIAL))


def test_ids_with_an_offset(write_ids):
    """Ids that stand for others by a scale and offset, which QGIS shows, are refused."""
    path = write_ids(HALVES, nodata=255)
    with rasterio.open(path, "r+") as raster:
        raster.offsets = [1]
    with pytest.raises(SceneError, match=r"tif declares scale 1 and offset 1 for its class ids"):
        polygonise(path)


def test_undeclared_nodata(write_ids):
    """255 among several classes is reported unless it is declared; in a mask it is a class."""
    values = HALVES.copy()
    values[:5] = 255
    with warned(r"declares no nodata value, and its value 255 becomes polygons"):
        polygonise(write_ids(values))
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        polygonise(write_ids(values), classes=["0"])
        polygonise(write_ids(values, nodata=255))
        polygonise(write_ids(np.where(values == 3, np.uint8(0), values)))


def test_a_class_that_nodata_hides(write_ids):
    """A nodata value that the legend calls a class is reported: its pixels are of no polygon."""
    with warned(rf"tif declares its value 3 \({AERIAL.names[3]}\) as nodata"):
        assert polygonise(write_ids(HALVES, nodata=3, legend=AERIAL)).totals.keys() == {0}


def test_nodata_everywhere(write_ids):
    """A raster without data is reported."""
    with warned("has no data anywhere"):
        polygonise(write_ids(np.full_like(HALVES, 255), nodata=255))


def test_nodata_values_of_all_bands(write_ids):
    """GDAL's tag `NODATA_VALUES` masks as a nodata value does, and is none of the band."""
    values = HALVES.copy()
    values[:5] = 255
    assert polygonise(write_ids(values, tags={"NODATA_VALUES": "255"})).totals.keys() == {0, 3}


@pytest.mark.parametrize("easting", [500_000, 680_000, 830_000])
@pytest.mark.parametrize(("pixels", "kept"), [(12, True), (11, False)])
def test_least_area_in_every_place(write_ids, easting, pixels, kept):
    """12 pixels of 1 m on the map are 12 m², wherever they are in their zone, and 11 are not."""
    values = np.zeros((20, 30), np.uint8)
    values[5, 5 : 5 + pixels] = 1
    path = write_ids(values, transform=Affine(1, 0, easting, 0, -1, 5_400_000))
    assert (1 in polygonise(path, min_area_m2=12).totals) is kept


def test_ids_with_an_alpha_band(write_ids):
    """Pixels under alpha 0 are of no polygon."""
    alpha = np.full_like(HALVES, 255)
    alpha[:10] = 0
    path = write_ids(np.stack([HALVES, alpha]))
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    assert {number: total.area_m2 for number, total in polygonise(path).totals.items()} == pytest.approx(
        {0: 200, 3: 200}, rel=1e-3
    )


def test_ids_compressed_with_loss(write_ids, blobs):
    """Ids that JPEG has changed become polygons of wrong classes, which is reported."""
    with warned(r"the class ids of .*classes\.tif are compressed with loss, so that some pixels have"):
        polygonise(write_ids(blobs(64, 64), compress="jpeg"))

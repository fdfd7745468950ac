"""Ids and colours of labels, and where they have data."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

import geoseg
from geoseg.errors import SceneError
from geoseg.rasters.classes.labels import code_bands, count_bands, hidden_value, read_codes
from geoseg.rasters.missing_data.validity import is_unmasked
from geoseg.rasters.opening.open import opened

REGION = slice(0, 8), slice(0, 8)


@pytest.fixture
def with_alpha(write_ids):
    """Write ids with an alpha band, 0 in the first row, before or after them."""

    def write(dtype, order, **profile):
        ids = np.arange(64, dtype=dtype).reshape(8, 8)
        alpha = np.full((8, 8), 255, dtype)
        alpha[0] = 0
        bands = {"ids": ids, "alpha": alpha}
        path = write_ids(np.stack([bands[name] for name in order]), **profile)
        with rasterio.open(path, "r+") as raster:
            colours = {"ids": ColorInterp.gray, "alpha": ColorInterp.alpha}
            raster.colorinterp = [colours[name] for name in order]
        return path

    return write


@pytest.mark.parametrize("order", [("ids", "alpha"), ("alpha", "ids")])
@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", None), ("uint8", 20), ("int32", None)])
def test_ids_with_alpha(with_alpha, dtype, nodata, order):
    """Ids are labels where alpha is not 0, whatever their type, order and nodata value."""
    with opened(str(with_alpha(dtype, order, nodata=nodata))) as raster:
        ids, labelled = read_codes(raster, REGION, coloured=False)
        assert count_bands(raster) == 1
        assert [order[number - 1] for number in code_bands(raster, coloured=False)] == ["ids"]
    np.testing.assert_array_equal(ids, np.arange(64).reshape(8, 8))
    np.testing.assert_array_equal(labelled, (ids >= 8) & (ids != nodata))


@pytest.mark.parametrize("nodata", [9, -1, 300, None])
def test_nodata_of_ids(write_ids, nodata):
    """Ids of the nodata value are no labels; one that the type does not have hides none."""
    ids = np.arange(64, dtype=np.int16).reshape(8, 8)
    with opened(str(write_ids(ids, nodata=nodata))) as raster:
        np.testing.assert_array_equal(read_codes(raster, REGION, coloured=False)[1], ids != nodata)
        found = hidden_value(raster, coloured=False)
        assert found == (None if nodata is None else (nodata, nodata))


@pytest.mark.parametrize("nodata", ["9.5", "-0.5", "1e40"])
def test_nodata_between_ids(write_ids, nodata):
    """GDAL's mask of integers takes a fractional nodata value for the integer below, which has data."""
    ids = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = write_ids(ids)
    band = f'<PAMRasterBand band="1"><NoDataValue>{nodata}</NoDataValue></PAMRasterBand>'
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{band}</PAMDataset>")
    with opened(str(path)) as raster:
        assert read_codes(raster, REGION, coloured=False)[1].all()
        assert is_unmasked(raster, 1)
    assert sum(total.count for total in geoseg.polygonise(path).totals.values()) == 64


def test_what_has_no_hidden_value(write_ids):
    """Floats, and one band without a palette where colours are expected, are refused elsewhere."""
    for values, coloured in ((np.zeros((8, 8), np.float32), False), (np.zeros((8, 8), np.uint8), True)):
        path = write_ids(values, f"{values.dtype}.tif", nodata=np.nan if values.dtype == np.float32 else 0)
        with opened(str(path)) as raster:
            assert hidden_value(raster, coloured=coloured) is None


def test_complex_integers(write_ids, tmp_path):
    """A raster of a type that NumPy lacks is refused in a sentence by whatever reads labels or class rasters."""
    path = tmp_path / "complex.tif"
    with rasterio.open(write_ids(np.zeros((8, 8), np.uint8))) as raster:
        profile = raster.profile | {"dtype": "complex_int16", "nodata": 0}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(np.zeros((1, 8, 8), np.complex64))
    with opened(str(path)) as raster:
        assert hidden_value(raster, coloured=False) is None
    with pytest.raises(SceneError, match="holds complex_int16 values"):
        geoseg.polygonise(path)
    with pytest.raises(SceneError, match="holds complex_int16 values"):
        geoseg.trace_roads(path, road_class=1)
    with pytest.raises(SceneError, match="1 band of complex_int16"):
        geoseg.evaluate(path, path)

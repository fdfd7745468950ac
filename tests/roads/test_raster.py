import json

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.enums import ColorInterp
from standins import DAMAGED_LEGENDS

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import AERIAL
from geoseg.roads import road_raster

WHOLE = slice(0, 40), slice(0, 50)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes bands `(bands, rows, columns)` as a raster and returns its path."""

    def written(bands, *, tags=None, scale=None, descriptions=(), **profile):
        path = tmp_path / "raster.tif"
        shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
        place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 500_000, 0, -1, 5_400_000)}
        with rasterio.open(path, "w", driver="GTiff", **shape, **{**place, **profile}) as dataset:
            dataset.write(bands)
            dataset.update_tags(**(tags or {}))
            if scale is not None:
                dataset.scales = [scale] * len(bands)
            for number, description in enumerate(descriptions, 1):
                dataset.set_band_description(number, description)
        return path

    return written


@pytest.fixture
def values():
    """Return random bytes."""
    return np.random.default_rng(3).integers(0, 7, (1, 40, 50), dtype=np.uint8)


def levels(path, **choices):
    with road_raster(path, **choices) as raster:
        assert raster.grid.shape.yx == (40, 50)
        return raster.read(*WHOLE)


def test_our_class_rasters_record_the_road_class(write, values):
    """A raster with our legend needs no option; any other class can be chosen."""
    path = write(values, tags={"GEOSEG_LEGEND": json.dumps(AERIAL.to_json())})
    np.testing.assert_array_equal(levels(path), np.where(values[0] == AERIAL.road, 254, 0))
    np.testing.assert_array_equal(levels(path, road_class=5), np.where(values[0] == 5, 254, 0))


def test_our_probabilities_are_levels(write, values):
    """uint8 values with the scale 1/254 and nodata 255 are levels; the band named road is read."""
    bands = np.concatenate([values, values * 40, values])
    bands[1, :5] = 255
    path = write(bands, scale=1 / 254, nodata=255, descriptions=("land", "road", "water"))
    np.testing.assert_array_equal(levels(path), bands[1])
    np.testing.assert_array_equal(levels(path, band=3), bands[2])


@pytest.mark.parametrize("described", ["probability of the class", "disagreement of tiles", "building"])
def test_our_other_probabilities_are_refused(write, values, described):
    """Confidence, disagreement and another class's probability are not traced as roads, unless the band is chosen."""
    tags = {"GEOSEG_LEGEND": json.dumps(AERIAL.to_json())}
    path = write(values, tags=tags, scale=1 / 254, nodata=255, descriptions=[described])
    with pytest.raises(SceneError, match=f"holds '{described}', not the probability of roads; trace the class"):
        levels(path)
    np.testing.assert_array_equal(levels(path, band=1), values[0])
    np.testing.assert_array_equal(levels(write(values, tags=tags, scale=1 / 254, descriptions=["Road"])), values[0])


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("uint16", 65_535), ("float32", 1.0), ("float64", 1.0)])
def test_foreign_probabilities(write, dtype, largest):
    """Integers as shares of the largest of their type, and floats from 0 to 1, become levels; NaN is nodata."""
    share = np.random.default_rng(0).random((1, 40, 50))
    share[0, 0, :2] = 0, 1
    stored = (share * largest).astype(dtype)
    expected = np.rint(stored[0].astype(np.float64) / largest * 254)
    if dtype.startswith("float"):
        stored[0, 7] = np.nan
        expected[7] = 255
    found = levels(write(stored), probability=True).astype(float)
    np.testing.assert_allclose(found, expected, atol=1 if dtype == "uint16" else 0.51)


def test_nodata_of_probabilities(write):
    """The nodata value of a band is nodata, not a probability."""
    stored = np.full((1, 40, 50), 0.75, np.float32)
    stored[0, 3] = -9999
    found = levels(write(stored, nodata=-9999))
    assert (found[3] == 255).all()
    assert (np.delete(found, 3, axis=0) == round(0.75 * 254)).all()


def test_values_of_unknown_meaning_are_refused(write, values):
    """Integers without a legend or scale need an option; a missing band is refused."""
    path = write(values)
    with pytest.raises(UsageError, match=r"`road_class`.*`threshold`"):
        levels(path)
    with pytest.raises(UsageError, match="there is no band 2"):
        levels(path, band=2, road_class=1)


def test_scale_and_offset_of_a_band(write):
    """Percentages with a scale and an offset are probabilities."""
    stored = np.full((1, 40, 50), 30, np.float32)
    path = write(stored, scale=0.01)
    with rasterio.open(path, "r+") as dataset:
        dataset.offsets = [0.25]
    assert (levels(path) == round(0.55 * 254)).all()


@pytest.mark.parametrize("value", [-3.0, 1.5, 740.0])
def test_values_far_from_probabilities_are_refused(write, value):
    """Heights, percentages and class ids stored as floats are not mistaken for probabilities."""
    stored = np.full((1, 40, 50), 0.5, np.float32)
    stored[0, 7, 9] = value
    with pytest.raises(SceneError, match=f"holds {value:g}, which is not a probability"):
        levels(write(stored))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_heights_with_a_scale_are_refused(write, dtype):
    """Integers that their scale turns into heights are no probabilities; what is missing is not looked at."""
    stored = np.full((1, 40, 50), 9, dtype)
    stored[0, :5] = 200
    assert (levels(write(stored, scale=0.1, nodata=200))[5:] == round(0.9 * 254)).all()
    with pytest.raises(SceneError, match="holds 20, which is not a probability"):
        levels(write(stored, scale=0.1))


def test_impossible_class_is_refused(write, values):
    """A class id outside the range of the data type is refused."""
    with pytest.raises(UsageError, match="`road_class` cannot be 300"):
        levels(write(values), road_class=300)


def test_complex_values_are_refused(write, values):
    """Complex numbers are neither classes nor probabilities."""
    with pytest.raises(SceneError, match="holds complex64 values"):
        levels(write(values.astype(np.complex64)), road_class=1)


def test_truncated_raster_is_an_error(write, values):
    """The error of a truncated raster names the file."""
    path = write(np.random.default_rng(0).integers(0, 9, (1, 40, 50), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-1200])
    with pytest.raises(SceneError, match=r"raster\.tif cannot be read as a raster: raster\.tif: TIFF"):
        levels(path, road_class=1)


@pytest.mark.parametrize("text", DAMAGED_LEGENDS)
def test_damaged_legend_is_refused(write, values, text):
    """The error of a damaged legend names the file; with an explicit class the legend is not read."""
    path = write(values, tags={"GEOSEG_LEGEND": text})
    with pytest.raises(SceneError, match=r"raster\.tif has a GEOSEG_LEGEND tag that is not a legend"):
        levels(path)
    np.testing.assert_array_equal(levels(path, road_class=5), np.where(values[0] == 5, 254, 0))


def test_images_are_no_roads(write, values):
    """Of several bands, one must be named road or chosen; alpha is none of them."""
    with pytest.raises(UsageError, match=r"has 3 bands \(red, green, blue\), none of them named road; .* with `band`"):
        levels(write(np.repeat(values, 3, axis=0), photometric="RGB"), road_class=1)
    opaque = np.concatenate([values, np.full_like(values, 255)])
    np.testing.assert_array_equal(levels(write(opaque, alpha="YES"), road_class=1), np.where(values[0] == 1, 254, 0))


@pytest.mark.parametrize("sure", [False, True])
@pytest.mark.parametrize("described", [False, True])
def test_a_class_that_gdal_calls_alpha(write, described, sure):
    """The fourth of four classes, which GDAL calls alpha, hides nothing of the others, also where it has 0 or 255."""
    road = np.zeros((40, 50), np.uint8)
    road[10:14], road[:, 30:34] = 250, 230
    trees = np.full(road.shape, 255) if sure else np.random.default_rng(0).integers(1, 200, road.shape)
    last = np.where(road > 0, 0, trees).astype(np.uint8)
    bands = np.stack([255 - road - np.minimum(last, 255 - road), road, np.zeros_like(road), last])
    path = write(bands, descriptions=("land", "road", "water", "trees") if described else ())
    with rasterio.open(path) as raster:
        assert raster.colorinterp[3] == ColorInterp.alpha
    np.testing.assert_array_equal(levels(path, band=2, probability=True), np.rint(road / 255 * 254))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("others", [1, 4])
def test_probabilities_beside_alpha(write, dtype, others):
    """Alpha hides probabilities, whether or not GDAL takes it for a mask."""
    shown = np.tri(40, 50, dtype=bool)
    band = np.where(shown, dtype(1 if dtype == np.float32 else 255), dtype(0))
    path = write(np.stack([*[band] * others, shown * dtype(255)]), photometric="minisblack")
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = (*[ColorInterp.gray] * others, ColorInterp.alpha)
    np.testing.assert_array_equal(levels(path, band=1, probability=True), np.where(shown, 254, 255))


@pytest.mark.parametrize("tags", [{}, {"GEOSEG_LEGEND": json.dumps(AERIAL.to_json())}])
@pytest.mark.parametrize("alpha", [False, True])
def test_masked_classes_are_no_road(write, values, tags, alpha):
    """Under a mask or alpha, a class raster has no roads, whatever its values there."""
    shown = np.tri(40, 50, dtype=bool)
    bands = np.concatenate([values, shown[None] * np.uint8(255)]) if alpha else values
    path = write(bands, tags=tags)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as raster:
        if alpha:
            raster.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
        else:
            raster.write_mask(shown)
    expected = np.where(shown, np.where(values[0] == 2, 254, 0), 255)
    np.testing.assert_array_equal(levels(path, road_class=None if tags else 2), expected)

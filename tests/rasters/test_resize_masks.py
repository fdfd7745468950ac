"""Pixels without data stay so in a resized raster, and do not bleed into others."""

from contextlib import nullcontext

import numpy as np
import pytest
import rasterio
from processes import finish, shipped
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from resizing import UTM, photo
from standins import warned

from geoseg.errors import SceneError
from geoseg.rasters.resize import resize

pytestmark = pytest.mark.usefixtures("small_blocks")


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha"])
def test_masked_pixels_stay_masked_and_do_not_bleed(make_raster, tmp_path, kind):
    """The mask is nearest-exact and keeps its kind; next to it a constant scene stays constant."""
    valid = np.ones((80, 90), bool)
    valid[20:40, 30:60] = False
    valid[np.random.default_rng(1).random(valid.shape) < 0.05] = False
    values = np.where(valid, np.uint8(90), np.uint8(0))[None]
    if kind == "nodata":
        scene = make_raster(values, nodata=0, **UTM)
    elif kind == "mask":
        scene = make_raster(values, mask=valid, **UTM)
    else:
        scene = make_raster(np.stack([*[values[0]] * 3, valid * np.uint8(255)]), photometric="RGB", alpha="YES", **UTM)
    target = resize(scene, tmp_path / "out.tif", size=(131, 67))
    with rasterio.open(scene) as before, rasterio.open(target) as after:
        assert after.mask_flag_enums == before.mask_flag_enums
        expected = before.dataset_mask(out_shape=(67, 131), resampling=Resampling.nearest)
        np.testing.assert_array_equal(after.dataset_mask(), expected)
        assert set(after.read(1)[expected > 0].tolist()) == {90}
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


@pytest.mark.parametrize("nodata", [None, -9999])
def test_fill_that_is_not_declared(make_raster, tmp_path, nodata):
    """A value that no other is near, repeated and negative, is mixed with its neighbours: that is reported."""
    values = photo(2, 80, 90, np.float32)
    values[:, :20] = -9999
    with warned(r"25\.0% of the pixels of .*tif are -9999, and .*-a_nodata -9999 ") if not nodata else nullcontext():
        resize(make_raster(values, nodata=nodata, **UTM), tmp_path / "out.tif", scale=0.5)
    with rasterio.open(tmp_path / "out.tif") as resized:
        assert (resized.read(masked=True).min() < -1000) is np.bool_(not nodata)


def test_values_around_zero_are_no_fill(make_raster, tmp_path):
    """Heights below zero, the lowest of them repeated, are measured."""
    heights = np.maximum(photo(1, 80, 90, np.int16) - 128, -30)
    resize(make_raster(heights, **UTM), tmp_path / "out.tif", scale=0.5)


def test_a_mask_file_becomes_an_internal_mask(make_raster, tmp_path):
    """A mask in a sidecar is read, and written into the output."""
    scene = make_raster(photo(1, 30, 30), **UTM)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(scene, "r+") as written:
        written.write_mask(np.tri(30, dtype=bool))
    assert scene.with_name("scene.tif.msk").exists()
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=2)) as resized:
        assert resized.mask_flag_enums == ([MaskFlags.per_dataset],)
        np.testing.assert_array_equal(resized.dataset_mask() > 0, np.kron(np.tri(30), np.ones((2, 2))) > 0)
    assert not (tmp_path / "out.tif.msk").exists()


@pytest.mark.parametrize("where", [1, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_alpha_that_gdal_takes_for_no_mask(make_raster, tmp_path, dtype, where):
    """Alpha among other than two or four bands of integers, or not in the last, keeps what is transparent out, too."""
    valid = np.ones((60, 70), bool)
    valid[:, :23] = False
    bands = np.where(valid, dtype(200), dtype(0))[None].repeat(6, axis=0)
    bands[where] = valid * dtype(255)
    scene = make_raster(bands, photometric="minisblack", **UTM)
    with rasterio.open(scene, "r+") as written:
        written.colorinterp = [ColorInterp.alpha if band == where else ColorInterp.undefined for band in range(6)]
        assert MaskFlags.alpha not in written.mask_flag_enums[0]
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=0.31)) as resized:
        found = np.rint(resized.read())
    assert set(found[:, found[where] > 0].ravel().tolist()) == {200, 255}
    assert set(found[:, found[where] == 0].ravel().tolist()) == {0}


def test_masks_of_single_bands_become_one(make_raster, tmp_path):
    """A VRT may have a mask for each band, a GeoTIFF has one: a pixel needs data in all bands."""
    make_raster(np.full((2, 40, 40), 90), **UTM)
    masks = np.ones((2, 40, 40), bool)
    masks[0, :, :12] = masks[1, :8] = False
    make_raster(masks.astype(np.uint8) * np.uint8(255), "masks.tif", **UTM)

    def band(name, number):
        return (
            f'<VRTRasterBand dataType="Byte" band="{number}"><SimpleSource><SourceFilename relativeToVRT="1">{name}.tif'
            f"</SourceFilename><SourceBand>{number}</SourceBand></SimpleSource>"
        )

    bands = "".join(
        f"{band('scene', number)}<MaskBand>{band('masks', number)}</VRTRasterBand></MaskBand></VRTRasterBand>"
        for number in (1, 2)
    )
    scene = tmp_path / "scene.vrt"
    scene.write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="40"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 0.5, 0, 5400000, 0, -0.5</GeoTransform>{bands}</VRTDataset>"
    )
    with rasterio.open(scene) as source:
        assert source.mask_flag_enums == ([], [])
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=0.5)) as resized:
        assert resized.mask_flag_enums == ([MaskFlags.per_dataset],) * 2
        np.testing.assert_array_equal(resized.dataset_mask() > 0, masks.all(axis=0)[1::2, 1::2])


def test_band_called_alpha_by_mistake(write_scene, noise, tmp_path):
    """Near infrared that GDAL calls alpha is filtered like other bands, and does not mask them."""
    pixels = noise(60, 80, bands=4)
    pixels[3, :30] = 0
    expected, found = tmp_path / "expected.tif", tmp_path / "found.tif"
    resize(write_scene(pixels, "plain.tif", photometric="minisblack"), expected, scale=0.4)
    resize(write_scene(pixels, "called.tif"), found, scale=0.4)
    with rasterio.open(expected) as plain, rasterio.open(found) as called:
        np.testing.assert_array_equal(called.read(), plain.read())


@pytest.mark.parametrize(
    ("values", "listed"), [((0, 255, 7), "0.0, 255.0, 7.0"), ((None, 255, 255), "none, 255.0, 255.0")]
)
def test_nodata_that_differs_by_band_is_refused(make_raster, tmp_path, values, listed):
    """A GeoTIFF has one nodata value: the others would become data, and data of the other bands nodata."""
    bands = ""
    for number, value in enumerate(values, 1):
        make_raster(photo(1, 8, 8, seed=number), f"band{number}.tif", **UTM)
        declared = "" if value is None else f"<NoDataValue>{value}</NoDataValue>"
        bands += (
            f'<VRTRasterBand dataType="Byte" band="{number}">{declared}<SimpleSource><SourceFilename '
            f'relativeToVRT="1">band{number}.tif</SourceFilename></SimpleSource></VRTRasterBand>'
        )
    scene = tmp_path / "scene.vrt"
    scene.write_text(f'<VRTDataset rasterXSize="8" rasterYSize="8">{bands}</VRTDataset>')
    with pytest.raises(SceneError, match=f"different nodata values \\({listed}\\).*gdalwarp -dstnodata"):
        resize(scene, tmp_path / "out.tif", scale=2)
    assert not (tmp_path / "out.tif").exists()


def test_threads_of_gdal(make_raster, tmp_path):
    """The bytes are the same whatever the environment says: with threads, GDAL would write a mask elsewhere."""
    scene = make_raster(photo(3, 260, 300, np.uint8), mask=np.tri(260, 300, dtype=bool), **UTM)
    made = []
    for threads in ("1", "4"):
        target = tmp_path / f"{threads}.tif"
        assert finish(shipped("resize", scene, target, "--scale", ".5"), GDAL_NUM_THREADS=threads) == (0, "")
        made.append(target.read_bytes())
    assert made[0] == made[1]

import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import Geod
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.rpc import RPC
from rasterio.transform import Affine
from standins import files_of_at_most, name_ids, warned, write_warped

import geoseg.rasters.resize
from geoseg.cli.resize import command
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.rasters.class_names import class_names_of
from geoseg.rasters.resize import resize

UTM = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Resize scenes of a few hundred pixels in many blocks, as large ones are."""
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 64 * 64)


@pytest.fixture
def make(tmp_path):
    """Write a raster and return its path."""

    def write(values, name="scene.tif", mask=None, **profile):
        values = np.asarray(values)
        profile = {
            "driver": "GTiff",
            "dtype": values.dtype,
            "tiled": True,
            "blockxsize": 64,
            "blockysize": 64,
        } | profile
        count, height, width = values.shape
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(tmp_path / name, "w", count=count, height=height, width=width, **profile) as written,
        ):
            written.write(values)
            if mask is not None:
                written.write_mask(mask)
        return tmp_path / name

    return write


def photo(bands, height, width, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(dtype)


def opened(path):
    return rasterio.open(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(101, 87), (400, 300), (211, 300)])
@pytest.mark.parametrize("tiled", [True, False], ids=["tiles", "strips"])
def test_imagery_is_gdals_whole_scene_read(make, tmp_path, dtype, size, tiled):
    """Resampled in blocks, imagery equals GDAL's read of the whole scene up to rounding (docs/resampling.md)."""
    layout = {} if tiled else {"tiled": False, "blockxsize": None, "blockysize": 3}
    scene = make(photo(2, 200, 211, dtype), **UTM, **layout)
    with opened(scene) as source:
        expected = source.read(out_shape=(2, size[1], size[0]), resampling=Resampling.lanczos)
    with opened(resize(scene, tmp_path / "out.tif", size=size)) as resized:
        found = resized.read()
    assert found.dtype == dtype
    difference = np.abs(found.astype(float) - expected)
    if dtype == np.float32:
        assert difference.max() < 1e-3
    else:
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.001


@pytest.mark.parametrize("size", [(101, 87), (500, 301)])
def test_labels_are_gdals_nearest_and_gain_no_value(make, tmp_path, size):
    """Labels keep values, colours and nodata, and equal GDAL's nearest-neighbour read of the whole scene."""
    ids = np.random.default_rng(0).choice(np.array([0, 3, 7, 200, 255], np.uint8), (1, 200, 211))
    colours = {3: (10, 20, 30, 255), 7: (200, 0, 0, 255)}
    scene = make(ids, nodata=255, **UTM)
    with rasterio.open(scene, "r+") as written:
        written.write_colormap(1, colours)
    with opened(scene) as source:
        expected = source.read(out_shape=(1, size[1], size[0]), resampling=Resampling.nearest)
    with opened(resize(scene, tmp_path / "out.tif", size=size, labels=True)) as resized:
        np.testing.assert_array_equal(resized.read(), expected)
        assert resized.nodata == 255
        assert resized.colorinterp == (ColorInterp.palette,)
        assert {value: resized.colormap(1)[value] for value in colours} == colours


def test_a_colour_table_is_not_mixed(make, tmp_path):
    """A raster with a colour table is refused as imagery; the error names `labels`."""
    scene = make(photo(1, 8, 8), **UTM)
    with rasterio.open(scene, "r+") as written:
        written.write_colormap(1, {1: (1, 2, 3, 255)})
    with pytest.raises(UsageError, match=r"scene\.tif has a colour table.*set `labels=True`"):
        resize(scene, tmp_path / "out.tif", scale=2)


@pytest.mark.parametrize("table", [True, False])
def test_names_of_classes_are_kept(make, tmp_path, table):
    """Attribute tables, without their counts of pixels, and category names of labels are kept, and no one else's."""
    scene, names = make(photo(1, 40, 40) % 6, **UTM), {0: "land", 1: "lake & sea", 5: "road"}
    name_ids(scene, names, table=table)
    for output in (tmp_path / "out.tif", scene):
        resize(scene, output, scale=2, labels=True, overwrite=True)
        with rasterio.open(output) as resized:
            assert {number: name for number, name in class_names_of(resized).items() if name} == names
        assert "Count" not in output.with_name(f"{output.name}.aux.xml").read_text()
    resize(make(photo(1, 40, 40), "other.tif", **UTM), scene, scale=2, labels=True, overwrite=True)
    with rasterio.open(scene) as resized:
        assert class_names_of(resized) == {}


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000),
        Affine(0.5, 0, 500_000, 0, 0.5, 5_300_000),
        Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_400_000),
    ],
    ids=["north up", "south up", "rotated"],
)
def test_the_outer_corners_stay_where_they_are(make, tmp_path, transform):
    """The outer corners are kept to the last digit, in any orientation."""
    scene = make(photo(1, 50, 70), crs="EPSG:32633", transform=transform)
    with opened(resize(scene, tmp_path / "out.tif", size=(33, 41))) as resized:
        assert resized.crs == "EPSG:32633"
        for share in ((0, 0), (1, 0), (0, 1), (1, 1)):
            before = transform @ (share[0] * 70, share[1] * 50)
            after = resized.transform @ (share[0] * 33, share[1] * 41)
            np.testing.assert_allclose(after, before, rtol=0, atol=1e-8)


def test_meaning_of_bands_is_kept(make, tmp_path):
    """Names, units, scales, tags and colour interpretation are copied; statistics are not."""
    scene = make(photo(4, 20, 20, np.uint16), photometric="RGB", **UTM)
    with rasterio.open(scene, "r+") as written:
        written.descriptions = ("red", "green", "blue", "near infrared")
        written.units = ("a", "b", "c", "d")
        written.scales, written.offsets = (0.1, 0.2, 0.3, 0.4), (1, 2, 3, 4)
        written.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
        written.update_tags(FLIGHT="7")
        written.update_tags(2, WAVELENGTH="550 nm", STATISTICS_MEAN="1")
    target = resize(scene, tmp_path / "out.tif", scale=1.5)
    with opened(scene) as before, opened(target) as after:
        for name in ("descriptions", "units", "scales", "offsets", "colorinterp", "dtypes"):
            assert getattr(after, name) == getattr(before, name), name
        assert after.tags()["FLIGHT"] == "7"
        assert after.tags(2) == {"WAVELENGTH": "550 nm"}
        assert after.profile["tiled"]
        assert after.compression.name == "deflate"
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha"])
def test_masked_pixels_stay_masked_and_do_not_bleed(make, tmp_path, kind):
    """The mask is nearest-exact and keeps its kind; next to it a constant scene stays constant."""
    valid = np.ones((80, 90), bool)
    valid[20:40, 30:60] = False
    valid[np.random.default_rng(1).random(valid.shape) < 0.05] = False
    values = np.where(valid, np.uint8(90), np.uint8(0))[None]
    if kind == "nodata":
        scene = make(values, nodata=0, **UTM)
    elif kind == "mask":
        scene = make(values, mask=valid, **UTM)
    else:
        scene = make(np.stack([*[values[0]] * 3, valid * np.uint8(255)]), photometric="RGB", alpha="YES", **UTM)
    target = resize(scene, tmp_path / "out.tif", size=(131, 67))
    with opened(scene) as before, opened(target) as after:
        assert after.mask_flag_enums == before.mask_flag_enums
        expected = before.dataset_mask(out_shape=(67, 131), resampling=Resampling.nearest)
        np.testing.assert_array_equal(after.dataset_mask(), expected)
        assert set(after.read(1)[expected > 0].tolist()) == {90}
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


@pytest.mark.parametrize("nodata", [None, -9999])
def test_fill_that_is_not_declared(make, tmp_path, nodata):
    """A value that no other is near, repeated and negative, is mixed with its neighbours: that is reported."""
    values = photo(2, 80, 90, np.float32)
    values[:, :20] = -9999
    with warned(r"25\.0% of the pixels of .*tif are -9999, and .*-a_nodata -9999 ") if not nodata else nullcontext():
        resize(make(values, nodata=nodata, **UTM), tmp_path / "out.tif", scale=0.5)
    with opened(tmp_path / "out.tif") as resized:
        assert (resized.read(masked=True).min() < -1000) is np.bool_(not nodata)


def test_values_around_zero_are_no_fill(make, tmp_path):
    """Heights below zero, the lowest of them repeated, are measured."""
    heights = np.maximum(photo(1, 80, 90, np.int16) - 128, -30)
    resize(make(heights, **UTM), tmp_path / "out.tif", scale=0.5)


def test_a_mask_file_becomes_an_internal_mask(make, tmp_path):
    """A mask in a sidecar is read, and written into the output."""
    scene = make(photo(1, 30, 30), **UTM)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(scene, "r+") as written:
        written.write_mask(np.tri(30, dtype=bool))
    assert scene.with_name("scene.tif.msk").exists()
    with opened(resize(scene, tmp_path / "out.tif", scale=2)) as resized:
        assert resized.mask_flag_enums == ([MaskFlags.per_dataset],)
        np.testing.assert_array_equal(resized.dataset_mask() > 0, np.kron(np.tri(30), np.ones((2, 2))) > 0)
    assert not (tmp_path / "out.tif.msk").exists()


@pytest.mark.parametrize("where", [1, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_alpha_that_gdal_takes_for_no_mask(make, tmp_path, dtype, where):
    """Alpha among other than two or four bands of integers, or not in the last, keeps what is transparent out, too."""
    valid = np.ones((60, 70), bool)
    valid[:, :23] = False
    bands = np.where(valid, dtype(200), dtype(0))[None].repeat(6, axis=0)
    bands[where] = valid * dtype(255)
    scene = make(bands, photometric="minisblack", **UTM)
    with rasterio.open(scene, "r+") as written:
        written.colorinterp = [ColorInterp.alpha if band == where else ColorInterp.undefined for band in range(6)]
        assert MaskFlags.alpha not in written.mask_flag_enums[0]
    with opened(resize(scene, tmp_path / "out.tif", scale=0.31)) as resized:
        found = np.rint(resized.read())
    assert set(found[:, found[where] > 0].ravel().tolist()) == {200, 255}
    assert set(found[:, found[where] == 0].ravel().tolist()) == {0}


def test_masks_of_single_bands_become_one(make, tmp_path):
    """A VRT may have a mask for each band, a GeoTIFF has one: a pixel needs data in all bands."""
    make(np.full((2, 40, 40), 90), **UTM)
    masks = np.ones((2, 40, 40), bool)
    masks[0, :, :12] = masks[1, :8] = False
    make(masks.astype(np.uint8) * np.uint8(255), "masks.tif", **UTM)

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
    with opened(scene) as source:
        assert source.mask_flag_enums == ([], [])
    with opened(resize(scene, tmp_path / "out.tif", scale=0.5)) as resized:
        assert resized.mask_flag_enums == ([MaskFlags.per_dataset],) * 2
        np.testing.assert_array_equal(resized.dataset_mask() > 0, masks.all(axis=0)[1::2, 1::2])


@pytest.mark.parametrize(
    ("crs", "pixel", "gsd", "expected"),
    [
        ("EPSG:32633", 0.5, 0.25, (120, 80)),
        ("EPSG:32633", 0.5, 1.5, (20, 13)),
        ("EPSG:2263", 1.0, 0.3048, (60, 40)),
    ],
    ids=["enlarge", "reduce", "US feet"],
)
def test_gsd_is_metres_on_the_ground(make, tmp_path, crs, pixel, gsd, expected):
    """The size follows from pixel size and unit of the CRS, feet included."""
    origin = {"EPSG:32633": (500_000, 5_400_000), "EPSG:2263": (980_000, 200_000)}[crs]
    scene = make(photo(1, 40, 60), crs=crs, transform=Affine(pixel, 0, origin[0], 0, -pixel, origin[1]))
    with opened(resize(scene, tmp_path / "out.tif", gsd_m=gsd)) as resized:
        assert (resized.width, resized.height) == expected


def test_gsd_of_a_geographic_scene_is_that_of_its_centre(make, tmp_path):
    """At 60° north a degree of longitude is half as long: pixels square in degrees become square in metres."""
    step = 1e-5
    scene = make(photo(1, 200, 200), crs="EPSG:4326", transform=Affine(step, 0, 10, 0, -step, 60))
    geod = Geod(ellps="WGS84")
    width_m = geod.line_length([10, 10 + 200 * step], [60 - 100 * step] * 2)
    height_m = geod.line_length([10, 10], [60, 60 - 200 * step])
    with opened(resize(scene, tmp_path / "out.tif", gsd_m=1.0)) as resized:
        assert (resized.width, resized.height) == (round(width_m), round(height_m))


def test_a_strong_reduction_of_strips_holds_a_part_of_them(make, tmp_path, monkeypatch):
    """Where kernels span all rows, not all of their pixels are held at once; the result is the same."""
    scene = make(photo(1, 500, 20_000), **UTM, tiled=False, blockxsize=None, blockysize=3)

    def peak(name, held):
        monkeypatch.setattr(geoseg.rasters.resize, "KERNEL_PIXELS", held)
        tracemalloc.start()
        resize(scene, tmp_path / name, size=(80, 2))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak("parts.tif", 2**20) < 0.5 * peak("whole.tif", 2**30)
    with opened(tmp_path / "parts.tif") as parts, opened(tmp_path / "whole.tif") as whole:
        np.testing.assert_array_equal(parts.read(), whole.read())


def test_many_bands_are_held_in_smaller_blocks(make, tmp_path, monkeypatch):
    """Sixteen times as many bands take little more memory, and give the same pixels."""
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 512 * 512)

    def peak(bands):
        scene = make(photo(bands, 512, 512), f"{bands}.tif", **UTM)
        tracemalloc.start()
        resize(scene, tmp_path / f"half_{bands}.tif", scale=0.5)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(64) < 2 * peak(4)
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 2**30)
    resize(tmp_path / "64.tif", tmp_path / "at_once.tif", scale=0.5)
    with opened(tmp_path / "half_64.tif") as parts, opened(tmp_path / "at_once.tif") as whole:
        np.testing.assert_array_equal(parts.read(), whole.read())


def test_progress_is_reported(make, tmp_path):
    """Progress counts finished blocks up to all of them."""
    reported = []
    resize(
        make(photo(1, 200, 200), **UTM), tmp_path / "out.tif", scale=0.7, progress=lambda *found: reported.append(found)
    )
    assert len(reported) > 1
    assert reported == [(done, len(reported), "") for done in range(1, len(reported) + 1)]


def test_ground_control_points_move_with_the_pixels(make, tmp_path):
    """Ground control points are scaled with the pixels."""
    points = [GroundControlPoint(r, c, 10 + c / 1e4, 50 - r / 1e4) for r, c in ((0, 0), (0, 40), (20, 0), (20, 40))]
    scene = make(photo(1, 20, 40), gcps=points, crs="EPSG:4326")
    with opened(resize(scene, tmp_path / "out.tif", size=(20, 30))) as resized:
        moved, crs = resized.gcps
        assert crs == "EPSG:4326"
        assert [(p.row, p.col, p.x, p.y) for p in moved] == [(p.row * 1.5, p.col / 2, p.x, p.y) for p in points]


def test_a_geotransform_outranks_ground_control_points(make, tmp_path):
    """A VRT that has both lies where its geotransform says, as in prediction."""
    make(photo(1, 20, 40), **UTM)
    scene = tmp_path / "scene.vrt"
    scene.write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="20"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000, 0.5, 0, 5400000, 0, -0.5</GeoTransform>"
        '<GCPList Projection="EPSG:4326"><GCP Id="1" Pixel="0" Line="0" X="10" Y="50"/>'
        '<GCP Id="2" Pixel="40" Line="0" X="11" Y="50"/><GCP Id="3" Pixel="0" Line="20" X="10" Y="49"/></GCPList>'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">scene.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with opened(scene) as source:
        assert len(source.gcps[0]) == 3
    with opened(resize(scene, tmp_path / "out.tif", scale=0.5)) as resized:
        assert resized.crs == UTM["crs"]
        assert resized.transform == UTM["transform"] @ Affine.scale(2)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rational_polynomials_move_with_the_pixels(make, tmp_path):
    """RPC offsets are relative to the first pixel's centre: the corners of the scene keep their position."""
    linear = [0.0, 1.0, *[0.0] * 18]
    constant = [1.0, *[0.0] * 19]
    rpcs = RPC(
        height_off=0, height_scale=1, lat_off=50, lat_scale=1, long_off=10, long_scale=1,
        line_off=9.5, line_scale=10, line_num_coeff=linear, line_den_coeff=constant,
        samp_off=19.5, samp_scale=20, samp_num_coeff=linear, samp_den_coeff=constant,
    )  # fmt: skip
    scene = make(photo(1, 20, 40), rpcs=rpcs)
    with opened(resize(scene, tmp_path / "out.tif", size=(20, 40))) as resized:
        found = resized.rpcs
    assert (found.line_off, found.line_scale) == (19.5, 20)
    assert (found.samp_off, found.samp_scale) == (9.5, 10)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_georeference_is_resized_but_has_no_gsd(make, tmp_path):
    """An image without georeference can be scaled, but not resized to a GSD."""
    scene = make(photo(3, 20, 30))
    with opened(resize(scene, tmp_path / "out.tif", scale=2)) as resized:
        assert resized.shape == (40, 60)
        assert resized.transform.is_identity
    with pytest.raises(SceneError, match=r"scene\.tif"):
        resize(scene, tmp_path / "metres.tif", gsd_m=1)


def test_overviews_are_not_mistaken_for_pixels(make, tmp_path):
    """The output is made from the scene's own pixels, not from overviews that may differ."""
    scene = make(photo(1, 128, 128), **UTM)
    expected = opened(resize(scene, tmp_path / "clean.tif", size=(40, 40))).read()
    with rasterio.open(scene, "r+") as written:
        written.build_overviews([2, 4], Resampling.nearest)
    np.testing.assert_array_equal(opened(resize(scene, tmp_path / "out.tif", size=(40, 40))).read(), expected)


@pytest.mark.parametrize("wanted", [{"scale": 1e-4}, {"size": (1, 1)}, {"gsd_m": 1e5}])
def test_a_scene_can_shrink_to_one_pixel(make, tmp_path, wanted):
    """The smallest output has one pixel, close to the mean of the scene."""
    values = photo(1, 60, 60)
    with opened(resize(make(values, **UTM), tmp_path / "out.tif", **wanted)) as resized:
        assert resized.shape == (1, 1)
        np.testing.assert_allclose(resized.read(), values.mean(), atol=8)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"gsd_m": 1, "scale": 1},
        {"scale": 0},
        {"scale": -1},
        {"scale": float("nan")},
        {"gsd_m": 0},
        {"size": (0, 5)},
    ],
)
def test_a_size_that_is_none_is_refused(make, tmp_path, wanted):
    """Exactly one of `gsd_m`, `scale` and `size` must be given, and be positive."""
    with pytest.raises(UsageError):
        resize(make(photo(1, 8, 8), **UTM), tmp_path / "out.tif", **wanted)
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("wanted", [{"scale": 1e9}, {"gsd_m": 1e-300}, {"size": (99999999999, 1)}])
def test_a_result_that_no_file_can_hold_is_refused(make, tmp_path, wanted):
    """An output with more pixels along a side than GDAL allows is refused."""
    with pytest.raises(UsageError, match="exceed the 2147483647 pixels"):
        resize(make(photo(1, 8, 8), **UTM), tmp_path / "out.tif", **wanted)


def test_an_existing_target_is_replaced_only_on_request(make, tmp_path):
    """An existing file is replaced only on request, together with its sidecars."""
    scene, target = make(photo(1, 8, 8), **UTM), tmp_path / "out.tif"
    target.write_text("precious")
    with pytest.raises(OutputError, match=r"out\.tif exists; choose another name, or replace it with `overwrite=True`"):
        resize(scene, target, scale=2)
    assert target.read_text() == "precious"
    for suffix in (".ovr", ".aux.xml", ".msk"):
        (tmp_path / f"out.tif{suffix}").write_text("old")
    resize(scene, target, scale=2, overwrite=True)
    with opened(target) as resized:
        assert resized.shape == (16, 16)
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


def test_a_scene_may_replace_itself(make):
    """Source and output may be the same file: it is read completely before it is replaced."""
    scene = make(photo(1, 100, 100), **UTM)
    with opened(scene) as source:
        expected = source.read(out_shape=(1, 50, 50), resampling=Resampling.nearest)
    with opened(resize(scene, scene, scale=0.5, labels=True, overwrite=True)) as resized:
        np.testing.assert_array_equal(resized.read(), expected)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("out.png", r"end in \.tif"),
        ("none/out.tif", "none is not a folder; create it first"),
        ("x" * 250 + ".tif", "too long"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(make, tmp_path, name, sentence):
    """A wrong extension or a missing folder is refused before anything is read."""
    with pytest.raises(OutputError, match=sentence):
        resize(make(photo(1, 8, 8), **UTM), tmp_path / name, scale=2)


@pytest.mark.parametrize("content", [None, b"", b"no raster at all"], ids=["missing", "empty", "foreign"])
def test_an_unreadable_source_is_named(tmp_path, content):
    """The error names a file that GDAL cannot open."""
    if content is not None:
        (tmp_path / "broken.tif").write_bytes(content)
    with pytest.raises(SceneError, match=r"broken\.tif"):
        resize(tmp_path / "broken.tif", tmp_path / "out.tif", scale=2)


def test_a_truncated_source_leaves_nothing_behind(make, tmp_path):
    """A truncated source raises a SceneError and leaves no partial output."""
    scene = make(photo(3, 300, 300), **UTM)
    scene.write_bytes(scene.read_bytes()[: scene.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"scene\.tif"):
        resize(scene, tmp_path / "out.tif", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [(photo(1, 8, 8).astype(np.complex64), "complex64"), (photo(1, 8, 8).astype(np.int64), "int64")],
)
def test_values_that_cannot_be_filtered_are_refused(make, tmp_path, values, sentence):
    """Imagery of 64-bit integers or complex numbers is refused; as labels, the integers are accepted."""
    scene = make(values, **UTM)
    with pytest.raises(SceneError, match=sentence):
        resize(scene, tmp_path / "out.tif", scale=2)
    if sentence == "int64":
        with opened(resize(scene, tmp_path / "out.tif", scale=2, labels=True)) as resized:
            assert resized.dtypes == ("int64",)


def test_complex_integers(make, tmp_path):
    """A type that NumPy lacks is resized to itself as labels, and else refused."""
    scene = make(photo(1, 8, 8).astype(np.complex64), dtype="complex_int16", **UTM)
    with pytest.raises(SceneError, match="holds complex_int16 values"):
        resize(scene, tmp_path / "out.tif", scale=2)
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=2, labels=True)) as resized:
        assert resized.dtypes == ("complex_int16",)
        np.testing.assert_array_equal(resized.read(1)[::2, ::2], photo(1, 8, 8)[0])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_full_disk_leaves_nothing_behind(make, tmp_path, share, masked):
    """A failed write is an error, even the last one, which rasterio does not report, and leaves no partial output."""
    scene = make(photo(1, 600, 600), mask=photo(1, 600, 600)[0] > 9 if masked else None, **UTM)
    complete = resize(scene, tmp_path / "complete.tif", scale=1, labels=True).stat().st_size
    (tmp_path / "complete.tif").unlink()
    with (
        files_of_at_most(int(share * complete)),
        pytest.raises(OutputError, match=r"out\.tif cannot be written \(File too large\)\.$"),
    ):
        resize(scene, tmp_path / "out.tif", scale=1, labels=True)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


def test_the_command_calls_the_function(make, tmp_path):
    """`geoseg resize` passes its arguments on and prints the path of the output."""
    scene, target = make(photo(1, 20, 30), **UTM), tmp_path / "out.tif"
    result = CliRunner().invoke(command, [str(scene), str(target), "--size", "15x10", "--labels"])
    assert (result.exit_code, result.output) == (0, f"{target}\n")
    with opened(target) as resized:
        assert (resized.width, resized.height) == (15, 10)
    again = CliRunner().invoke(command, [str(scene), str(target), "--scale", "2"])
    assert isinstance(again.exception, OutputError)
    forced = CliRunner().invoke(command, [str(scene), str(target), "--gsd", "1", "--overwrite"])
    assert forced.exit_code == 0


@pytest.mark.parametrize("size", ["15", "15x", "x10", "-1x10", "1.5x2", "15x10x3"])
def test_the_command_refuses_what_is_no_size(make, tmp_path, size):
    """A size is two integers; anything else is a usage error that shows the format."""
    scene = make(photo(1, 20, 30), **UTM)
    result = CliRunner().invoke(command, [str(scene), str(tmp_path / "out.tif"), "--size", size])
    assert result.exit_code == 2
    assert "expected WIDTHxHEIGHT in pixels, such as 1024x768" in result.output


def test_a_crs_that_cannot_be_used_is_refused(make, tmp_path):
    """A scene whose CRS PROJ refuses is refused, and nothing is written."""
    scene = make(photo(1, 8, 8), crs="+proj=tmerc +lat_0=45 +lon_0=9 +k=0.9 +datum=WGS84", transform=UTM["transform"])
    # GeoTIFF's key 3075 names the projection: from transverse Mercator to Mercator, which has no latitude of origin.
    before, after = (np.array([3075, 0, 1, code], "<u2").tobytes() for code in (1, 7))
    assert scene.read_bytes().count(before) == 1
    scene.write_bytes(scene.read_bytes().replace(before, after))
    with pytest.raises(SceneError, match=r"scene\.tif has a CRS that PROJ cannot use"):
        resize(scene, tmp_path / "out.tif", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


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
def test_nodata_that_differs_by_band_is_refused(make, tmp_path, values, listed):
    """A GeoTIFF has one nodata value: the others would become data, and data of the other bands nodata."""
    bands = ""
    for number, value in enumerate(values, 1):
        make(photo(1, 8, 8, seed=number), f"band{number}.tif", **UTM)
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


def test_a_vrt_that_warps(make, noise, tmp_path, monkeypatch):
    """A VRT that warps is resized to the same pixels in blocks of any size, as in prediction."""
    scene, found = write_warped(make(noise(400, 700), **UTM), tmp_path / "scene.vrt"), []
    for side in (64, 1024):
        monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", side**2)
        with rasterio.open(resize(scene, tmp_path / f"{side}.tif", scale=0.8)) as resized:
            found.append(resized.read())
    np.testing.assert_array_equal(*found)

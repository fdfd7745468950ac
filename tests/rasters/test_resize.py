"""A resized raster has the pixels, georeference and meaning of its source, whatever the blocks."""

import tracemalloc

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import Geod
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.rpc import RPC
from rasterio.transform import Affine
from resizing import UTM, photo
from standins import name_ids, write_warped

import geoseg.rasters.resize
from geoseg.cli.resize import command
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.rasters.classes.names import class_names_of
from geoseg.rasters.resize import resize

pytestmark = pytest.mark.usefixtures("small_blocks")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(101, 87), (400, 300), (211, 300)])
@pytest.mark.parametrize("tiled", [True, False], ids=["tiles", "strips"])
def test_imagery_is_gdals_whole_scene_read(make_raster, tmp_path, dtype, size, tiled):
    """Resampled in blocks, imagery equals GDAL's read of the whole scene up to rounding (docs/resampling.md)."""
    layout = {} if tiled else {"tiled": False, "blockxsize": None, "blockysize": 3}
    scene = make_raster(photo(2, 200, 211, dtype), **UTM, **layout)
    with rasterio.open(scene) as source:
        expected = source.read(out_shape=(2, size[1], size[0]), resampling=Resampling.lanczos)
    with rasterio.open(resize(scene, tmp_path / "out.tif", size=size)) as resized:
        found = resized.read()
    assert found.dtype == dtype
    difference = np.abs(found.astype(float) - expected)
    if dtype == np.float32:
        assert difference.max() < 1e-3
    else:
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.001


@pytest.mark.parametrize("size", [(101, 87), (500, 301)])
def test_labels_are_gdals_nearest_and_gain_no_value(make_raster, tmp_path, size):
    """Labels keep values, colours and nodata, and equal GDAL's nearest-neighbour read of the whole scene."""
    ids = np.random.default_rng(0).choice(np.array([0, 3, 7, 200, 255], np.uint8), (1, 200, 211))
    colours = {3: (10, 20, 30, 255), 7: (200, 0, 0, 255)}
    scene = make_raster(ids, nodata=255, **UTM)
    with rasterio.open(scene, "r+") as written:
        written.write_colormap(1, colours)
    with rasterio.open(scene) as source:
        expected = source.read(out_shape=(1, size[1], size[0]), resampling=Resampling.nearest)
    with rasterio.open(resize(scene, tmp_path / "out.tif", size=size, labels=True)) as resized:
        np.testing.assert_array_equal(resized.read(), expected)
        assert resized.nodata == 255
        assert resized.colorinterp == (ColorInterp.palette,)
        assert {value: resized.colormap(1)[value] for value in colours} == colours


def test_a_colour_table_is_not_mixed(make_raster, tmp_path):
    """A raster with a colour table is refused as imagery; the error names `labels`."""
    scene = make_raster(photo(1, 8, 8), **UTM)
    with rasterio.open(scene, "r+") as written:
        written.write_colormap(1, {1: (1, 2, 3, 255)})
    with pytest.raises(UsageError, match=r"scene\.tif has a colour table.*set `labels=True`"):
        resize(scene, tmp_path / "out.tif", scale=2)


@pytest.mark.parametrize("table", [True, False])
def test_names_of_classes_are_kept(make_raster, tmp_path, table):
    """Attribute tables, without their counts of pixels, and category names of labels are kept, and no one else's."""
    scene, names = make_raster(photo(1, 40, 40) % 6, **UTM), {0: "land", 1: "lake & sea", 5: "road"}
    name_ids(scene, names, table=table)
    for output in (tmp_path / "out.tif", scene):
        resize(scene, output, scale=2, labels=True, overwrite=True)
        with rasterio.open(output) as resized:
            assert {number: name for number, name in class_names_of(resized).items() if name} == names
        assert "Count" not in output.with_name(f"{output.name}.aux.xml").read_text()
    resize(make_raster(photo(1, 40, 40), "other.tif", **UTM), scene, scale=2, labels=True, overwrite=True)
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
def test_the_outer_corners_stay_where_they_are(make_raster, tmp_path, transform):
    """The outer corners are kept to the last digit, in any orientation."""
    scene = make_raster(photo(1, 50, 70), crs="EPSG:32633", transform=transform)
    with rasterio.open(resize(scene, tmp_path / "out.tif", size=(33, 41))) as resized:
        assert resized.crs == "EPSG:32633"
        for share in ((0, 0), (1, 0), (0, 1), (1, 1)):
            before = transform @ (share[0] * 70, share[1] * 50)
            after = resized.transform @ (share[0] * 33, share[1] * 41)
            np.testing.assert_allclose(after, before, rtol=0, atol=1e-8)


def test_meaning_of_bands_is_kept(make_raster, tmp_path):
    """Names, units, scales, tags and colour interpretation are copied; statistics are not."""
    scene = make_raster(photo(4, 20, 20, np.uint16), photometric="RGB", **UTM)
    with rasterio.open(scene, "r+") as written:
        written.descriptions = ("red", "green", "blue", "near infrared")
        written.units = ("a", "b", "c", "d")
        written.scales, written.offsets = (0.1, 0.2, 0.3, 0.4), (1, 2, 3, 4)
        written.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
        written.update_tags(FLIGHT="7")
        written.update_tags(2, WAVELENGTH="550 nm", STATISTICS_MEAN="1")
    target = resize(scene, tmp_path / "out.tif", scale=1.5)
    with rasterio.open(scene) as before, rasterio.open(target) as after:
        for name in ("descriptions", "units", "scales", "offsets", "colorinterp", "dtypes"):
            assert getattr(after, name) == getattr(before, name), name
        assert after.tags()["FLIGHT"] == "7"
        assert after.tags(2) == {"WAVELENGTH": "550 nm"}
        assert after.profile["tiled"]
        assert after.compression.name == "deflate"
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


@pytest.mark.parametrize(
    ("crs", "pixel", "gsd", "expected"),
    [
        ("EPSG:32633", 0.5, 0.25, (120, 80)),
        ("EPSG:32633", 0.5, 1.5, (20, 13)),
        ("EPSG:2263", 1.0, 0.3048, (60, 40)),
    ],
    ids=["enlarge", "reduce", "US feet"],
)
def test_gsd_is_metres_on_the_ground(make_raster, tmp_path, crs, pixel, gsd, expected):
    """The size follows from pixel size and unit of the CRS, feet included."""
    origin = {"EPSG:32633": (500_000, 5_400_000), "EPSG:2263": (980_000, 200_000)}[crs]
    scene = make_raster(photo(1, 40, 60), crs=crs, transform=Affine(pixel, 0, origin[0], 0, -pixel, origin[1]))
    with rasterio.open(resize(scene, tmp_path / "out.tif", gsd_m=gsd)) as resized:
        assert (resized.width, resized.height) == expected


def test_gsd_of_a_geographic_scene_is_that_of_its_centre(make_raster, tmp_path):
    """At 60° north a degree of longitude is half as long: pixels square in degrees become square in metres."""
    step = 1e-5
    scene = make_raster(photo(1, 200, 200), crs="EPSG:4326", transform=Affine(step, 0, 10, 0, -step, 60))
    geod = Geod(ellps="WGS84")
    width_m = geod.line_length([10, 10 + 200 * step], [60 - 100 * step] * 2)
    height_m = geod.line_length([10, 10], [60, 60 - 200 * step])
    with rasterio.open(resize(scene, tmp_path / "out.tif", gsd_m=1.0)) as resized:
        assert (resized.width, resized.height) == (round(width_m), round(height_m))


def test_a_strong_reduction_of_strips_holds_a_part_of_them(make_raster, tmp_path, monkeypatch):
    """Where kernels span all rows, not all of their pixels are held at once; the result is the same."""
    scene = make_raster(photo(1, 500, 20_000), **UTM, tiled=False, blockxsize=None, blockysize=3)

    def peak(name, held):
        monkeypatch.setattr(geoseg.rasters.resize, "KERNEL_PIXELS", held)
        tracemalloc.start()
        resize(scene, tmp_path / name, size=(80, 2))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak("parts.tif", 2**20) < 0.5 * peak("whole.tif", 2**30)
    with rasterio.open(tmp_path / "parts.tif") as parts, rasterio.open(tmp_path / "whole.tif") as whole:
        np.testing.assert_array_equal(parts.read(), whole.read())


@pytest.mark.parametrize("size", [(600_000, 1), (1, 600_000)])
def test_a_long_output_is_written_in_short_blocks(make_raster, tmp_path, monkeypatch, size):
    """Of one row or column, too: kernels of all its pixels, and the products of one of them, would fill memory."""
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 2048 * 2048)
    scene = make_raster(photo(1, 300, 400), **UTM)
    tracemalloc.start()
    resize(scene, tmp_path / "long.tif", size=size)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 150_000_000


def test_many_bands_are_held_in_smaller_blocks(make_raster, tmp_path, monkeypatch):
    """Sixteen times as many bands take little more memory, and give the same pixels."""
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 512 * 512)

    def peak(bands):
        scene = make_raster(photo(bands, 512, 512), f"{bands}.tif", **UTM)
        tracemalloc.start()
        resize(scene, tmp_path / f"half_{bands}.tif", scale=0.5)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(64) < 2 * peak(4)
    monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", 2**30)
    resize(tmp_path / "64.tif", tmp_path / "at_once.tif", scale=0.5)
    with rasterio.open(tmp_path / "half_64.tif") as parts, rasterio.open(tmp_path / "at_once.tif") as whole:
        np.testing.assert_array_equal(parts.read(), whole.read())


def test_progress_is_reported(make_raster, tmp_path):
    """Progress counts finished blocks up to all of them."""
    reported = []
    resize(
        make_raster(photo(1, 200, 200), **UTM),
        tmp_path / "out.tif",
        scale=0.7,
        progress=lambda *found: reported.append(found),
    )
    assert len(reported) > 1
    assert reported == [(done, len(reported), "") for done in range(1, len(reported) + 1)]


def test_ground_control_points_move_with_the_pixels(make_raster, tmp_path):
    """Ground control points are scaled with the pixels."""
    points = [GroundControlPoint(r, c, 10 + c / 1e4, 50 - r / 1e4) for r, c in ((0, 0), (0, 40), (20, 0), (20, 40))]
    scene = make_raster(photo(1, 20, 40), gcps=points, crs="EPSG:4326")
    with rasterio.open(resize(scene, tmp_path / "out.tif", size=(20, 30))) as resized:
        moved, crs = resized.gcps
        assert crs == "EPSG:4326"
        assert [(p.row, p.col, p.x, p.y) for p in moved] == [(p.row * 1.5, p.col / 2, p.x, p.y) for p in points]


def test_a_geotransform_outranks_ground_control_points(make_raster, tmp_path):
    """A VRT that has both lies where its geotransform says, as in prediction."""
    make_raster(photo(1, 20, 40), **UTM)
    scene = tmp_path / "scene.vrt"
    scene.write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="20"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000, 0.5, 0, 5400000, 0, -0.5</GeoTransform>"
        '<GCPList Projection="EPSG:4326"><GCP Id="1" Pixel="0" Line="0" X="10" Y="50"/>'
        '<GCP Id="2" Pixel="40" Line="0" X="11" Y="50"/><GCP Id="3" Pixel="0" Line="20" X="10" Y="49"/></GCPList>'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">scene.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(scene) as source:
        assert len(source.gcps[0]) == 3
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=0.5)) as resized:
        assert resized.crs == UTM["crs"]
        assert resized.transform == UTM["transform"] @ Affine.scale(2)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rational_polynomials_move_with_the_pixels(make_raster, tmp_path):
    """RPC offsets are relative to the first pixel's centre: the corners of the scene keep their position."""
    linear = [0.0, 1.0, *[0.0] * 18]
    constant = [1.0, *[0.0] * 19]
    rpcs = RPC(
        height_off=0, height_scale=1, lat_off=50, lat_scale=1, long_off=10, long_scale=1,
        line_off=9.5, line_scale=10, line_num_coeff=linear, line_den_coeff=constant,
        samp_off=19.5, samp_scale=20, samp_num_coeff=linear, samp_den_coeff=constant,
    )  # fmt: skip
    scene = make_raster(photo(1, 20, 40), rpcs=rpcs)
    with rasterio.open(resize(scene, tmp_path / "out.tif", size=(20, 40))) as resized:
        found = resized.rpcs
    assert (found.line_off, found.line_scale) == (19.5, 20)
    assert (found.samp_off, found.samp_scale) == (9.5, 10)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_georeference_is_resized_but_has_no_gsd(make_raster, tmp_path):
    """An image without georeference can be scaled, but not resized to a GSD."""
    scene = make_raster(photo(3, 20, 30))
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=2)) as resized:
        assert resized.shape == (40, 60)
        assert resized.transform.is_identity
    with pytest.raises(SceneError, match=r"scene\.tif"):
        resize(scene, tmp_path / "metres.tif", gsd_m=1)


def test_overviews_are_not_mistaken_for_pixels(make_raster, tmp_path):
    """The output is made from the scene's own pixels, not from overviews that may differ."""
    scene = make_raster(photo(1, 128, 128), **UTM)
    expected = rasterio.open(resize(scene, tmp_path / "clean.tif", size=(40, 40))).read()
    with rasterio.open(scene, "r+") as written:
        written.build_overviews([2, 4], Resampling.nearest)
    np.testing.assert_array_equal(rasterio.open(resize(scene, tmp_path / "out.tif", size=(40, 40))).read(), expected)


@pytest.mark.parametrize("wanted", [{"scale": 1e-4}, {"size": (1, 1)}, {"gsd_m": 1e5}])
def test_a_scene_can_shrink_to_one_pixel(make_raster, tmp_path, wanted):
    """The smallest output has one pixel, close to the mean of the scene."""
    values = photo(1, 60, 60)
    with rasterio.open(resize(make_raster(values, **UTM), tmp_path / "out.tif", **wanted)) as resized:
        assert resized.shape == (1, 1)
        np.testing.assert_allclose(resized.read(), values.mean(), atol=8)


def test_complex_integers(make_raster, tmp_path):
    """A type that NumPy lacks is resized to itself as labels, and else refused."""
    scene = make_raster(photo(1, 8, 8).astype(np.complex64), dtype="complex_int16", **UTM)
    with pytest.raises(SceneError, match="holds complex_int16 values"):
        resize(scene, tmp_path / "out.tif", scale=2)
    with rasterio.open(resize(scene, tmp_path / "out.tif", scale=2, labels=True)) as resized:
        assert resized.dtypes == ("complex_int16",)
        np.testing.assert_array_equal(resized.read(1)[::2, ::2], photo(1, 8, 8)[0])


def test_the_command_calls_the_function(make_raster, tmp_path):
    """`geoseg resize` passes its arguments on and prints the path of the output."""
    scene, target = make_raster(photo(1, 20, 30), **UTM), tmp_path / "out.tif"
    result = CliRunner().invoke(command, [str(scene), str(target), "--size", "15x10", "--labels"])
    assert (result.exit_code, result.output) == (0, f"{target}\n")
    with rasterio.open(target) as resized:
        assert (resized.width, resized.height) == (15, 10)
    again = CliRunner().invoke(command, [str(scene), str(target), "--scale", "2"])
    assert isinstance(again.exception, OutputError)
    forced = CliRunner().invoke(command, [str(scene), str(target), "--gsd", "1", "--overwrite"])
    assert forced.exit_code == 0


def test_a_vrt_that_warps(make_raster, noise, tmp_path, monkeypatch):
    """A VRT that warps is resized to the same pixels in blocks of any size, as in prediction."""
    scene, found = write_warped(make_raster(noise(400, 700), **UTM), tmp_path / "scene.vrt"), []
    for side in (64, 1024):
        monkeypatch.setattr(geoseg.rasters.resize, "BLOCK_PIXELS", side**2)
        with rasterio.open(resize(scene, tmp_path / f"{side}.tif", scale=0.8)) as resized:
            found.append(resized.read())
    np.testing.assert_array_equal(*found)

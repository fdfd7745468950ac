"""What cannot be resized, or written, ends in one sentence and leaves nothing."""

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.enums import Resampling
from resizing import UTM, photo
from standins import files_of_at_most

from geoseg.cli.resize import command
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.rasters.resize import resize

pytestmark = pytest.mark.usefixtures("small_blocks")


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
def test_a_size_that_is_none_is_refused(make_raster, tmp_path, wanted):
    """Exactly one of `gsd_m`, `scale` and `size` must be given, and be positive."""
    with pytest.raises(UsageError):
        resize(make_raster(photo(1, 8, 8), **UTM), tmp_path / "out.tif", **wanted)
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("wanted", [{"scale": 1e9}, {"gsd_m": 1e-300}, {"size": (99999999999, 1)}])
def test_a_result_that_no_file_can_hold_is_refused(make_raster, tmp_path, wanted):
    """An output with more pixels along a side than GDAL allows is refused."""
    with pytest.raises(UsageError, match="exceed the 2147483647 pixels"):
        resize(make_raster(photo(1, 8, 8), **UTM), tmp_path / "out.tif", **wanted)


def test_an_existing_target_is_replaced_only_on_request(make_raster, tmp_path):
    """An existing file is replaced only on request, together with its sidecars."""
    scene, target = make_raster(photo(1, 8, 8), **UTM), tmp_path / "out.tif"
    target.write_text("precious")
    with pytest.raises(OutputError, match=r"out\.tif exists; choose another name, or replace it with `overwrite=True`"):
        resize(scene, target, scale=2)
    assert target.read_text() == "precious"
    for suffix in (".ovr", ".aux.xml", ".msk"):
        (tmp_path / f"out.tif{suffix}").write_text("old")
    resize(scene, target, scale=2, overwrite=True)
    with rasterio.open(target) as resized:
        assert resized.shape == (16, 16)
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out.tif"}


def test_a_scene_may_replace_itself(make_raster):
    """Source and output may be the same file: it is read completely before it is replaced."""
    scene = make_raster(photo(1, 100, 100), **UTM)
    with rasterio.open(scene) as source:
        expected = source.read(out_shape=(1, 50, 50), resampling=Resampling.nearest)
    with rasterio.open(resize(scene, scene, scale=0.5, labels=True, overwrite=True)) as resized:
        np.testing.assert_array_equal(resized.read(), expected)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("out.png", r"end in \.tif"),
        ("none/out.tif", "none is not a folder; create it first"),
        ("x" * 250 + ".tif", "too long"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(make_raster, tmp_path, name, sentence):
    """A wrong extension or a missing folder is refused before anything is read."""
    with pytest.raises(OutputError, match=sentence):
        resize(make_raster(photo(1, 8, 8), **UTM), tmp_path / name, scale=2)


@pytest.mark.parametrize("content", [None, b"", b"no raster at all"], ids=["missing", "empty", "foreign"])
def test_an_unreadable_source_is_named(tmp_path, content):
    """The error names a file that GDAL cannot open."""
    if content is not None:
        (tmp_path / "broken.tif").write_bytes(content)
    with pytest.raises(SceneError, match=r"broken\.tif"):
        resize(tmp_path / "broken.tif", tmp_path / "out.tif", scale=2)


def test_a_truncated_source_leaves_nothing_behind(make_raster, tmp_path):
    """A truncated source raises a SceneError and leaves no partial output."""
    scene = make_raster(photo(3, 300, 300), **UTM)
    scene.write_bytes(scene.read_bytes()[: scene.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"scene\.tif"):
        resize(scene, tmp_path / "out.tif", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [(photo(1, 8, 8).astype(np.complex64), "complex64"), (photo(1, 8, 8).astype(np.int64), "int64")],
)
def test_values_that_cannot_be_filtered_are_refused(make_raster, tmp_path, values, sentence):
    """Imagery of 64-bit integers or complex numbers is refused; as labels, the integers are accepted."""
    scene = make_raster(values, **UTM)
    with pytest.raises(SceneError, match=sentence):
        resize(scene, tmp_path / "out.tif", scale=2)
    if sentence == "int64":
        with rasterio.open(resize(scene, tmp_path / "out.tif", scale=2, labels=True)) as resized:
            assert resized.dtypes == ("int64",)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_full_disk_leaves_nothing_behind(make_raster, tmp_path, share, masked):
    """A failed write is an error, even the last one, which rasterio does not report, and leaves no partial output."""
    scene = make_raster(photo(1, 600, 600), mask=photo(1, 600, 600)[0] > 9 if masked else None, **UTM)
    complete = resize(scene, tmp_path / "complete.tif", scale=1, labels=True).stat().st_size
    (tmp_path / "complete.tif").unlink()
    with (
        files_of_at_most(int(share * complete)),
        pytest.raises(OutputError, match=r"out\.tif cannot be written \(File too large\)\.$"),
    ):
        resize(scene, tmp_path / "out.tif", scale=1, labels=True)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize("size", ["15", "15x", "x10", "-1x10", "1.5x2", "15x10x3"])
def test_the_command_refuses_what_is_no_size(make_raster, tmp_path, size):
    """A size is two integers; anything else is a usage error that shows the format."""
    scene = make_raster(photo(1, 20, 30), **UTM)
    result = CliRunner().invoke(command, [str(scene), str(tmp_path / "out.tif"), "--size", size])
    assert result.exit_code == 2
    assert "expected WIDTHxHEIGHT in pixels, such as 1024x768" in result.output


def test_a_crs_that_cannot_be_used_is_refused(make_raster, tmp_path):
    """A scene whose CRS PROJ refuses is refused, and nothing is written."""
    scene = make_raster(
        photo(1, 8, 8), crs="+proj=tmerc +lat_0=45 +lon_0=9 +k=0.9 +datum=WGS84", transform=UTM["transform"]
    )
    # GeoTIFF's key 3075 names the projection: from transverse Mercator to Mercator, which has no latitude of origin.
    before, after = (np.array([3075, 0, 1, code], "<u2").tobytes() for code in (1, 7))
    assert scene.read_bytes().count(before) == 1
    scene.write_bytes(scene.read_bytes().replace(before, after))
    with pytest.raises(SceneError, match=r"scene\.tif has a CRS that PROJ cannot use"):
        resize(scene, tmp_path / "out.tif", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]

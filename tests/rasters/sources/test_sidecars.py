"""Rasters on servers are opened with few requests, and the sidecars that they have are used all the same."""

import os
from itertools import product

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from web_server import serving

from geoseg.errors import SceneError
from geoseg.prediction.predict import predict
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.scene import open_scene

NODATA = '<PAMDataset><PAMRasterBand band="{}"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "bucket").mkdir()
    with serving(tmp_path) as state:
        yield state


@pytest.fixture
def write_cog(write_scene, noise, tmp_path):
    """Write a COG of noise with overviews and blocks of 512 pixels."""

    def write(height, width, name="cog.tif"):
        source = write_scene(noise(height, width), "source.tif")
        rasterio.shutil.copy(source, tmp_path / name, driver="COG", compress="deflate", level=1, blocksize=512)
        return tmp_path / name

    return write


def requests(server):
    return [(each.path, each.code) for each in server.asked()]


def test_requests_for_a_cog(server, write_cog):
    """A COG is described with four requests: ours to know it again, two of GDAL, and one for its metadata."""
    write_cog(1024, 1024)
    server.asked()
    open_scene(server.url("cog.tif"))
    assert requests(server) == [("cog.tif", 206), ("cog.tif", 200), ("cog.tif", 206), ("cog.tif.aux.xml", 404)]
    with opened(server.url("cog.tif")) as raster:
        assert raster.mask_flag_enums
    assert not server.asked()


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_object_stores(server, write_cog, monkeypatch, tmp_path, scheme):
    """A COG in an object store is described with as few requests, and read."""
    write_cog(600, 600, "bucket/cog.tif")
    host = server.root.strip("/")
    for name, value in {
        "AWS_S3_ENDPOINT": host.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ACCESS_KEY_ID": "name",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "CPL_GS_ENDPOINT": server.root,
        "GS_NO_SIGN_REQUEST": "YES",
        "CPL_AZURE_ENDPOINT": host,
        "AZURE_STORAGE_ACCOUNT": "account",
        "AZURE_NO_SIGN_REQUEST": "YES",
    }.items():
        monkeypatch.setenv(name, value)
    source = f"{scheme}://bucket/cog.tif"
    found = open_scene(source)
    assert found.stem == "cog"
    assert len(requests(server)) <= 4
    with opened(source) as raster, rasterio.open(tmp_path / "bucket/cog.tif") as same:
        np.testing.assert_array_equal(raster.read(), same.read())


@pytest.mark.parametrize(("gsd_m", "cores"), [(1, 4), (4, 2), (4, 16)])
def test_bytes_of_a_prediction(server, write_cog, write_bundle, echo, tmp_path, monkeypatch, gsd_m, cores):
    """A prediction reads the blocks of its scene once, and little else, also where strips and kernels share them."""
    monkeypatch.setattr("geoseg.prediction.readers.count_cores", lambda: cores)  # which read beside each other
    path = write_cog(2048, 4096)
    with rasterio.open(path) as raster:
        places = product(range(8), range(4))
        needed = sum(int(raster.get_tag_item(f"BLOCK_SIZE_{x}_{y}", "TIFF", bidx=1)) for x, y in places)
    server.asked()
    model = write_bundle(tile=256, overlap=32, gsd_m=gsd_m)
    predict(server.url("cog.tif"), model=model, folder=tmp_path / "far", load=echo, roads=False)
    assert needed <= sum(each.length for each in server.asked()) <= 1.1 * needed


def test_metadata_beside_a_cog(server, write_cog, tmp_path):
    """A nodata value in the `.aux.xml` of a COG is used."""
    write_cog(600, 600)
    (tmp_path / "cog.tif.aux.xml").write_text(NODATA.format(1))
    with opened(server.url("cog.tif")) as raster:
        assert raster.nodata == 7


@pytest.mark.parametrize("sidecar", [".msk", ".ovr"])
def test_sidecars_of_a_geotiff(server, write_scene, noise, tmp_path, sidecar):
    """Masks and overviews beside a GeoTIFF that is no COG are used."""
    path = write_scene(noise(200, 200))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False, TIFF_USE_OVR=True), rasterio.open(path, "r+") as raster:
        if sidecar == ".msk":
            raster.write_mask(np.eye(200, dtype=bool))
        else:
            raster.build_overviews([2])
    assert (tmp_path / f"scene.tif{sidecar}").exists()
    with opened(server.url("scene.tif"), overviews=True) as raster:
        if sidecar == ".msk":
            np.testing.assert_array_equal(raster.dataset_mask() > 0, np.eye(200, dtype=bool))
        else:
            assert raster.overviews(1) == [2]


def test_world_files(server, noise, tmp_path):
    """A GeoTIFF without georeference gets that of its world file."""
    with unplaced():
        shape = {"width": 9, "height": 9, "count": 1, "dtype": "uint8"}
        with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape) as raster:
            raster.write(noise(9, 9, bands=1))
        (tmp_path / "a.tfw").write_text("2\n0\n0\n-2\n501\n799\n")
        with opened(server.url("a.tif"), overviews=True) as raster:
            assert tuple(raster.transform)[:6] == (2, 0, 500, 0, -2, 800)


def test_sidecars_that_may_be_there(server, write_scene, noise, tmp_path):
    """A server that fails when it is asked for a mask does not hide it: the raster is not read without it."""
    path = write_scene(noise(200, 200))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.eye(200, dtype=bool))
    server.behave(fail_each=1, failing=".msk")
    with pytest.raises(SceneError, match="503"), opened(server.url("scene.tif")):
        pass


def test_the_users_choice(server, write_cog, tmp_path, monkeypatch):
    """GDAL's option for sidecars has precedence."""
    write_cog(600, 600)
    (tmp_path / "cog.tif.aux.xml").write_text(NODATA.format(1))
    server.asked()
    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    with opened(server.url("cog.tif")) as raster:
        assert raster.nodata is None
    assert len(requests(server)) == 2


def test_queries(server, write_cog):
    """Nothing is asked for beside a URL with a query, whose sidecars have no known names."""
    write_cog(600, 600)
    server.asked()
    open_scene(server.url("cog.tif?signature=1"))
    assert {path for path, _ in requests(server)} == {"cog.tif"}


@pytest.mark.parametrize(
    ("option", "value"), [("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"), ("GDAL_PAM_ENABLED", "NO")]
)
@pytest.mark.parametrize("behind", [False, True])
def test_sidecars_on_disk(write_scene, noise, tmp_path, monkeypatch, option, value, behind):
    """A mask and a nodata value beside a file on disk are read whatever the environment says, also behind a VRT."""
    path = write_scene(np.where(noise(60, 60) == 7, 8, noise(60, 60)))
    with rasterio.open(path, "r+") as raster:
        pixels = raster.read()
        pixels[:, :9] = 7
        raster.write(pixels)
    if option == "GDAL_PAM_ENABLED":
        text = "".join(f'<PAMRasterBand band="{n}"><NoDataValue>7</NoDataValue></PAMRasterBand>' for n in (1, 2, 3))
        (tmp_path / "scene.tif.aux.xml").write_text(f"<PAMDataset>{text}</PAMDataset>")
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
            raster.write_mask(pixels[0] != 7)
    if behind:
        rasterio.shutil.copy(path, tmp_path / "scene.vrt", driver="VRT")
        path = tmp_path / "scene.vrt"
    monkeypatch.setenv(option, value)
    with opened(str(path), overviews=True) as raster:
        assert (raster.read_masks(1) == np.where(pixels[0] == 7, 0, 255)).all()


def test_sidecars_of_a_vrt_of_servers(server, write_cog, tmp_path, monkeypatch):
    """How to look for sidecars on servers is the user's choice, also behind a VRT on disk."""
    write_cog(600, 600)
    rasterio.shutil.copy(server.url("cog.tif"), tmp_path / "cog.vrt", driver="VRT")
    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    server.asked()
    with opened(str(tmp_path / "cog.vrt")) as raster:
        raster.read(1)
    assert {path for path, _ in requests(server)} == {"cog.tif"}


@pytest.mark.parametrize("ending", [".aux.xml", ".msk", ".ovr"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.symlink_to("nothing"), "No such file or directory"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: path.mkdir(), "Is a directory"),
        (os.mkfifo, "it is a device, pipe or socket"),
    ],
    ids=["dangling", "loop", "folder", "pipe"],
)
def test_sidecars_that_cannot_be_read(write_scene, noise, tmp_path, ending, make, reason):
    """GDAL would do without a mask or nodata values, or wait for a pipe; also behind a VRT."""
    scene = write_scene(noise(8, 8))
    rasterio.shutil.copy(scene, tmp_path / "scene.vrt", driver="VRT")
    make(tmp_path / f"scene.tif{ending}")
    sentence = rf"scene\.tif\{ending}, which belongs to scene\.tif, cannot be read \({reason}.*\); correct or remove it"
    for source in (scene,) if "device" in reason else (scene, tmp_path / "scene.vrt"):
        with pytest.raises(SceneError, match=sentence), opened(str(source)):
            pass


def test_a_link_to_a_sidecar(write_scene, noise, tmp_path):
    """A sidecar may be a link, as those of data sets under version control are."""
    scene = write_scene(noise(8, 8))
    (tmp_path / "kept").write_text("".join(NODATA.format(number) for number in (1,)))
    (tmp_path / "scene.tif.aux.xml").symlink_to("kept")
    with opened(str(scene)) as raster:
        assert raster.nodatavals[0] == 7

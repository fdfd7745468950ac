"""A raster that is replaced while it is read is an error, not a mixture of two."""

import os

import numpy as np
import pytest
import rasterio.shutil
from web_server import serving

import geoseg
from geoseg.errors import SceneError
from geoseg.polygons import polygonise
from geoseg.prediction.executors import LocalExecutor
from geoseg.rasters.identity import check_unchanged
from geoseg.rasters.scene import open_scene
from geoseg.roads import road_raster


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    with serving(tmp_path) as state:
        yield state


def touch(path):
    """Give a file another time of modification."""
    os.utime(path, ns=(1, 1))


def mosaic(source, path):
    rasterio.shutil.copy(source, path, driver="VRT")
    return path


@pytest.mark.parametrize("name", ["scene.tif", "scene.tif.aux.xml", "scene.tif.ovr"])
@pytest.mark.parametrize("opened_as", ["scene.tif", "mosaic.vrt", "mosaic_of_mosaics.vrt"])
def test_files_that_change(write_scene, noise, tmp_path, name, opened_as):
    """A raster's file, its sidecars, and what is behind a VRT and a VRT of VRTs are compared."""
    scene = write_scene(noise(40, 40))
    with rasterio.open(scene, "r+") as raster, rasterio.Env(TIFF_USE_OVR=True):
        raster.build_overviews([2])
    (tmp_path / "scene.tif.aux.xml").write_text("<PAMDataset/>")
    mosaic(scene, tmp_path / "mosaic.vrt")
    text = (tmp_path / "mosaic.vrt").read_text()
    (tmp_path / "mosaic_of_mosaics.vrt").write_text(text.replace(">scene.tif<", ">mosaic.vrt<"))
    found = open_scene(tmp_path / opened_as)
    check_unchanged(found.source, found.identity)
    if opened_as == "scene.tif" or name == "scene.tif":
        touch(tmp_path / name)
        with pytest.raises(SceneError, match=f"{opened_as} has changed since the run began; start it again"):
            check_unchanged(found.source, found.identity)


def test_archives(write_scene, noise, tmp_path):
    """A raster in an archive is known by the archive."""
    import zipfile

    scene = write_scene(noise(40, 40))
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        archive.write(scene, "scene.tif")
    found = open_scene(f"/vsizip/{tmp_path}/scenes.zip/scene.tif")
    check_unchanged(found.source, found.identity)
    touch(tmp_path / "scenes.zip")
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


def test_servers(server, write_scene, noise):
    """A raster on a server is known by its ETag, or else by its size; a server that tells nothing is believed."""
    scene = write_scene(noise(40, 40))
    found = open_scene(server.url("scene.tif"))
    check_unchanged(found.source, found.identity)
    server.behave(codes=[503, 500])
    check_unchanged(found.source, found.identity)
    server.behave(codes=[403])
    check_unchanged(found.source, found.identity)
    touch(scene)
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)
    server.behave(etags=False)
    found = open_scene(server.url("scene.tif"))
    touch(scene)
    check_unchanged(found.source, found.identity)
    scene.write_bytes(scene.read_bytes() + b"more")
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


class Meddling(LocalExecutor):
    """Does something once a number of pieces are finished."""

    def __init__(self, after, meddle):
        self.after, self.meddle = after, meddle

    def __call__(self, jobs, clock):
        for number, finished in enumerate(super().__call__(jobs, clock), 1):
            if number == self.after:
                self.meddle()
            yield finished


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize("kind", ["file", "url"])
def test_prediction(server, write_scene, write_bundle, noise, echo, tmp_path, after, kind):
    """A scene replaced during a prediction, even at its end, ends it without results; the same call begins anew."""
    scene, model, out = write_scene(noise(200, 60)), write_bundle(), tmp_path / "out"
    source = scene if kind == "file" else server.url("scene.tif")

    def replace():
        other = write_scene(255 - noise(200, 60), "other.tif")
        touch(other)
        other.replace(scene)

    def predict(executor=None):
        return geoseg.predict(source, model=model, folder=out, load=echo, executor=executor)

    with pytest.raises(SceneError, match="has changed since the run began"):
        predict(Meddling(after, replace))
    assert not list(out.glob("*.tif"))


def test_rows(write_scene, write_bundle, noise, echo):
    """Rows of a scene that is replaced end in the error."""
    scene = write_scene(noise(200, 60))
    with geoseg.Model(write_bundle(), load=echo) as model:
        rows = model.rows(scene)
        next(rows)
        touch(scene)
        with pytest.raises(SceneError, match="has changed"):
            list(rows)


def test_roads(write_ids):
    """A raster that is replaced while its roads are traced is an error."""
    raster = write_ids(np.zeros((40, 40), np.uint8))
    with pytest.raises(SceneError, match="has changed"), road_raster(raster, road_class=1):
        touch(raster)


def test_polygons(write_ids, blobs):
    """A class raster that is replaced while it is polygonised is an error."""
    raster = write_ids(blobs(60, 60))
    with pytest.raises(SceneError, match="has changed"):
        polygonise(raster, None, progress=lambda *_: touch(raster))

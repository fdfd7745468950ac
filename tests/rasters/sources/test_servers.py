"""Rasters on web servers: what is silent is given up, and what fails in passing is tried again."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoseg.cli import main
from geoseg.errors import SceneError
from geoseg.models.bundle import read_card
from geoseg.prediction.journal import open_journal
from geoseg.prediction.planning import plan
from geoseg.prediction.predict import predict
from geoseg.prediction.settings import Settings
from geoseg.rasters.missing_data.unwritten import columns_to_read
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import read_pixels
from geoseg.rasters.scene import open_scene

SAMPLE = str(Path(__file__).parents[3] / "sample_rasters" / "suburb.tif")

pytestmark = pytest.mark.usefixtures("impatient")


def test_errors_in_passing(server, write_scene, noise):
    """A server that fails for a moment is asked again, when a raster is opened and when it is read."""
    pixels = noise(300, 300)
    write_scene(pixels)
    server.behave(codes=[429, 500, 502])
    with opened(server.url("scene.tif")) as raster:
        assert not server.codes()
        server.behave(codes=[503, 504])
        np.testing.assert_array_equal(raster.read(), pixels)
        assert not server.codes()


def test_errors_that_stay(server, write_scene, noise):
    """A server that keeps failing is given up."""
    write_scene(noise(20, 20))
    server.behave(codes=[503] * 99)
    with pytest.raises(SceneError, match="503"), opened(server.url("scene.tif")):
        pass


def test_silence_while_reading(server, write_scene, noise):
    """A server that falls silent half-way is given up, and named."""
    write_scene(noise(300, 300))
    server.behave(silent_from=1)
    url = server.url("scene.tif")
    with pytest.raises(SceneError, match=rf"{url} cannot be read: .*did not answer within 1 s"), opened(url) as raster:
        raster.read()


def test_silence_behind_a_vrt(server, write_scene, noise, tmp_path):
    """A VRT is read with the same time-outs as a raster."""
    write_scene(noise(300, 300))
    url = server.url("scene.tif")
    rasterio.shutil.copy(url, tmp_path / "scene.vrt", driver="VRT")
    server.behave(silent_from=0)
    with pytest.raises(SceneError, match=r"scene\.vrt cannot be read"), opened(str(tmp_path / "scene.vrt")) as raster:
        raster.read()


@pytest.fixture
def listed(write_scene, noise, lists_last):
    """Write a scene of many blocks, the lists of which GDAL reads when it needs them."""
    path = write_scene(noise(1500, 1500), tiled=True, blockxsize=16, blockysize=16, compress="deflate")
    lists_last(path)
    return path


@pytest.fixture(params=[False, True], ids=["file", "mosaic"])
def lost(request, server, listed, tmp_path, monkeypatch):
    """Return the name of that scene, or of a VRT of it, and a call from which on the server fails."""
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    source = url = server.url(listed.name)
    if request.param:
        source = str(tmp_path / "mosaic.vrt")
        rasterio.shutil.copy(url, source, driver="VRT")
    return source, lambda: server.behave(codes=[503] * 9999)


REGION = slice(700, 740), slice(100, 300)


def read_after(lost, read):
    """Open the scene, have the server fail, and read."""
    source, fail = lost
    with opened(source) as raster:
        fail()
        read(raster)


def test_errors_where_blocks_are_listed(lost, caplog):
    """GDAL takes blocks for missing, and so black, if the server fails to say where they are; geoseg does not."""

    def read(raster):
        with pytest.raises(RasterioError):
            read_pixels(raster, (1, 2, 3), Validity(), REGION)

    read_after(lost, read)
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]


def test_errors_that_nobody_looked_for(lost):
    """Whatever was read is not taken for the scene, and the next raster is another."""
    with pytest.raises(SceneError, match="cannot be read"):
        read_after(lost, lambda raster: raster.read(window=Window.from_slices(*REGION)))
    with opened(SAMPLE) as raster:
        assert raster.read(1, window=Window(0, 0, 9, 9)).any()


def test_errors_where_missing_blocks_are_listed(server, write_scene, lists_last, monkeypatch):
    """Nor are blocks that a sparse file may have taken for those that it lacks."""
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    blocks = {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate", "sparse_ok": True}
    lists_last(write_scene(np.zeros((1, 1500, 60_000), np.uint8), nodata=0, **blocks))
    with opened(server.url("scene.tif")) as raster:
        assert columns_to_read(raster, (1,), Validity(), (slice(0, 9), slice(0, 60_000))) == []
        server.behave(codes=[503] * 9999)
        with pytest.raises(RasterioError):
            columns_to_read(raster, (1,), Validity(), (slice(0, 1500), slice(0, 60_000)))


COMMANDS = [
    ("info", "URL"),
    ("predict", "URL", "-o", "OUT"),
    ("roads", "URL", "-o", "OUT.geojson", "--class", "1"),
    ("polygons", "URL", "-o", "OUT.gpkg"),
    ("resize", "URL", "OUT.tif", "--scale", "2"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_silent_servers(server, write_scene, noise, tmp_path, capfd, words):
    """Every command that opens a raster ends with one sentence if its server says nothing, and leaves nothing."""
    write_scene(noise(20, 20))
    server.behave(silent_from=0)
    url = server.url("scene.tif")
    arguments = [word.replace("URL", url).replace("OUT", str(tmp_path / "out")) for word in words]
    with pytest.raises(SystemExit) as left:
        main(arguments, prog_name="geoseg")
    text = capfd.readouterr().err
    assert left.value.code == 3, text
    assert len(text.strip().splitlines()) == 1, text
    assert f"{url} cannot be read: its server did not answer within 1 s" in text
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif"}


def cog(source):
    """Write a raster as a COG, whose rows of blocks are asked for one after the other."""
    target = source.with_name("cog.tif")
    rasterio.shutil.copy(source, target, driver="COG", blocksize=256)
    return target


def test_a_tenth_of_errors(server, write_scene, write_bundle, noise, echo, tmp_path):
    """A server that fails each tenth request changes no byte of a result."""
    scene, model = cog(write_scene(noise(1024, 2048))), write_bundle(tile=256)
    predict(scene, model=model, folder=tmp_path / "near", load=echo)
    server.behave(fail_each=10)
    predict(server.url("cog.tif"), model=model, folder=tmp_path / "far", load=echo)
    assert 503 in {each.code for each in server.asked()}
    near, far = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("near", "far"))
    assert far == near


@pytest.mark.parametrize("behind_vrt", [False, True])
def test_silence_during_a_prediction(server, write_scene, write_bundle, noise, echo, tmp_path, behind_vrt):
    """A server that stalls or fails during a prediction ends it with a sentence; the same command resumes it."""
    scene, model = cog(write_scene(noise(1024, 2048))), write_bundle(tile=256)
    source = server.url("cog.tif")
    if behind_vrt:
        rasterio.shutil.copy(source, tmp_path / "cog.vrt", driver="VRT")
        source = tmp_path / "cog.vrt"

    def load(*arguments):
        server.behave(**({"codes": [503] * 99} if behind_vrt else {"silent_from": scene.stat().st_size // 2}))
        return echo(*arguments)

    again = {"model": model, "folder": tmp_path / "far"}
    with pytest.raises(SceneError, match=rf"{source} cannot be read: .*its server did not answer within 1 s"):
        predict(source, load=load, **again)
    assert [path.name for path in (tmp_path / "far").iterdir()] == [".cog.geoseg"]
    server.behave(codes=[], silent_from=None)
    assert predict(source, load=echo, **again).outputs.classes.exists()


def test_signatures_that_are_renewed(server, write_scene, write_bundle, noise, tmp_path):
    """A run on a signed link resumes with a new signature, if the server has an ETag that identifies the file."""
    write_scene(noise(40, 40))
    bundle = write_bundle()

    def folder(query):
        scene = open_scene(server.url(f"scene.tif?{query}"))
        return open_journal(tmp_path / "out", plan(scene, read_card(bundle), Settings()), bundle).folder

    assert folder("sig=1") == folder("sig=2")
    server.behave(etags=False)
    assert folder("id=1") != folder("id=2")


def test_the_environment_wins():
    """Time-outs are set once the package opens rasters, except those that the environment sets."""
    script = """
import geoseg.rasters.opening.open, os
print(*(os.environ[f"GDAL_HTTP_{name}"] for name in ("CONNECTTIMEOUT", "LOW_SPEED_TIME", "MAX_RETRY")))
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GDAL_HTTP")}
    for given, expected in [({}, "10 30 3"), ({"GDAL_HTTP_LOW_SPEED_TIME": "7"}, "10 7 3")]:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment | given)
        assert done.stdout.strip() == expected

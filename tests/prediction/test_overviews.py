"""A prediction reads an overview of its scene if that is asked for, and says which."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from standins import make_card, warned
from web_server import serving

from geoseg.cli import main
from geoseg.prediction.info import describe
from geoseg.prediction.journal import open_journal
from geoseg.prediction.planning import plan
from geoseg.prediction.predict import predict
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

FINE = Affine(0.25, 0, 500_000, 0, -0.25, 5_400_000)


@pytest.fixture
def write_fine(write_scene, noise):
    """Write a scene of 0.25 m whose overviews are of 0.5 to 2 m, with a mask and blocks of 128 pixels."""

    def write(height=601, width=803, factors=(2, 4, 8), **profile):
        mask = np.ones((height, width), bool)
        mask[:, :100] = False
        tiles = {"tiled": True, "blockxsize": 128, "blockysize": 128}
        path = write_scene(noise(height, width), "fine.tif", transform=FINE, **tiles | {"mask": mask} | profile)
        with rasterio.open(path, "r+") as raster:
            raster.build_overviews(factors, Resampling.average)
        return path

    return write


def classes(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("gsd_m", "level"), [(0.5, 0), (0.9, 0), (1, 1), (1.02, 1), (1.7, 1), (7, 2)])
def test_which_overview(write_fine, gsd_m, level):
    """The smallest overview is read that is as fine as the working GSD."""
    planned = plan(open_scene(write_fine()), make_card(gsd_m=gsd_m), Settings(overviews=True))
    assert planned.overview is not None
    assert planned.overview.level == level


def test_what_is_read(write_fine, write_scene, write_bundle, echo, tmp_path):
    """The result is that of a scene which consists of the overview's pixels and mask, and its tags say so."""
    path = write_fine()
    with rasterio.open(path, OVERVIEW_LEVEL=1) as overview:
        pixels, mask, place = overview.read(), overview.dataset_mask() > 0, overview.transform
    assert not mask.all()
    same = write_scene(pixels, "same.tif", transform=place, mask=mask)
    model = write_bundle(gsd_m=1.4)
    made = predict(path, model=model, folder=tmp_path / "one", load=echo, roads=False, overviews=True)
    expected = predict(same, model=model, folder=tmp_path / "other", load=echo, roads=False)
    np.testing.assert_array_equal(classes(made.outputs.classes), classes(expected.outputs.classes))
    assert str(made.overview) == "level 1, 201 × 151 pixels"
    with rasterio.open(made.outputs.classes) as raster:
        settings = json.loads(raster.tags()["GEOSEG_SETTINGS"])
    assert settings["overview"] == {"level": 1, "size": [201, 151]}


@pytest.mark.parametrize(("gsd_m", "factors"), [(0.4, (2, 4)), (0.25, (2, 4)), (1, ())])
def test_scenes_without_one(write_fine, write_bundle, echo, tmp_path, gsd_m, factors):
    """A scene that has no overview so fine is read as usual, which a sentence says."""
    path, model = write_fine(factors=factors), write_bundle(gsd_m=gsd_m)
    with warned(r"fine\.tif has no overview of \d+ × \d+ pixels or more .*, so its own pixels are read"):
        made = predict(path, model=model, folder=tmp_path / "asked", load=echo, overviews=True)
    assert made.overview is None
    predict(path, model=model, folder=tmp_path / "plain", load=echo)
    assert files(tmp_path / "asked") == files(tmp_path / "plain")


@pytest.mark.parametrize("internal", [False, True])
def test_overviews_without_the_mask(write_fine, internal):
    """An overview that does not know the scene's mask is not read: pixels without data would be predicted."""
    path = write_fine(mask=None)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.arange(803) < np.full((601, 1), 100))
    with warned("no overview of .* with its mask"):
        planned = plan(open_scene(path), make_card(gsd_m=1), Settings(overviews=True))
    assert planned.overview is None


def test_resuming(write_fine, write_bundle, tmp_path):
    """A run does not resume with pieces that were predicted from other pixels."""
    scene, model = open_scene(write_fine()), write_bundle()
    folders = {
        open_journal(tmp_path, plan(scene, make_card(gsd_m=1), Settings(overviews=asked)), model).folder
        for asked in (False, True)
    }
    assert len(folders) == 2


def test_description(write_fine, write_bundle):
    """`info` says which overview would be read, and whether it is resampled."""
    path, model = write_fine(600, 800), write_bundle()
    found = describe(path, model=model, overviews=True)
    assert found["overview"] == {"level": 1, "size": [200, 150]}
    assert not found["resampled"]
    assert describe(path, model=model)["overview"] is None


def test_command(write_fine, write_bundle, capsys):
    """The command line has the option."""
    main(["info", str(write_fine()), "-m", str(write_bundle()), "--overviews", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["overview"]["level"] == 1


def test_bytes(write_fine, write_bundle, echo, tmp_path):
    """From a server, only the overview is read."""
    path = write_fine(1200, 1600, mask=None)
    with serving(tmp_path) as server:
        source = server.url("fine.tif")
        predict(source, model=write_bundle(), folder=tmp_path / "out", load=echo, roads=False, overviews=True)
        assert sum(each.length for each in server.asked()) < path.stat().st_size / 3

"""Strips are the rows of the scene, whatever reads them."""

import threading

import numpy as np
import pytest
import rasterio
from standins import make_card

import geoseg.prediction.readers
from geoseg.errors import SceneError
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.strips import read_strips
from geoseg.rasters.read import read_imagery
from geoseg.rasters.scene import open_scene
from geoseg.tiling import reflect

TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16}


@pytest.fixture
def cores(monkeypatch):
    """Let a machine have a number of cores."""

    def have(number):
        monkeypatch.setattr(geoseg.prediction.readers, "count_cores", lambda: number)

    return have


@pytest.fixture
def write_holes(write_scene, noise):
    """Write a scene with a mask."""

    def write(height, width, **profile):
        pixels = noise(height, width)
        return write_scene(pixels, mask=np.where(pixels[0] < 200, 255, 0).astype(np.uint8), **profile)

    return write


def planned(path, *, overlap=0.25, **choices):
    return plan(open_scene(path), make_card(tile=32, multiple=2), Settings(overlap=overlap, **choices))


def check(plan, block):
    """Compare each strip with the whole scene, read at once and reflected by index."""
    height, width = plan.grid.shape
    with rasterio.open(plan.scene.source) as dataset:
        whole, mask = read_imagery(dataset, plan.bands, plan.validity, (height, width), plan.lattice.roi)
    strips = list(read_strips(plan, block))
    assert [strip.row for strip in strips] == list(plan.lattice.touching(block)[0])
    for strip in strips:
        assert strip.rows == plan.lattice.rows.span(strip.row)
        inside = np.ix_(
            reflect(strip.rows.start, strip.rows.stop, height), reflect(strip.cols.start, strip.cols.stop, width)
        )
        np.testing.assert_array_equal(strip.pixels, whole[inside])
        np.testing.assert_array_equal(strip.valid, mask[inside])
        assert strip.pixels.dtype == whole.dtype


@pytest.mark.parametrize("number", [1, 6, 64])
@pytest.mark.parametrize("profile", [{}, TILED], ids=["rows", "tiles"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (33, 33), (120, 31), (150, 130)])
def test_any_scene(write_holes, cores, number, profile, shape):
    """Scenes smaller and larger than a tile, stored in rows and in tiles, on machines of one and of many cores."""
    cores(number)
    plan = planned(write_holes(*shape, **profile))
    check(plan, plan.roi)


@pytest.mark.parametrize("overlap", [0, 0.4, 0.5])
def test_any_overlap(write_holes, overlap):
    """Rows that strips share are the same in both."""
    plan = planned(write_holes(150, 130), overlap=overlap)
    check(plan, plan.roi)


@pytest.mark.parametrize("number", [1, 8])
def test_resampled(write_holes, cores, number):
    """A scene that is resampled to the model's grid may be read in parts, too."""
    cores(number)
    plan = planned(write_holes(150, 230, **TILED), gsd_m=1.7)
    assert plan.grid.shape != plan.scene.geobox.shape
    check(plan, plan.roi)


@pytest.mark.parametrize("number", [1, 8])
def test_part_of_a_scene(write_holes, cores, number):
    """A block anywhere in the scene has the tiles that touch it."""
    cores(number)
    plan = planned(write_holes(150, 130, **TILED))
    for block in ((slice(60, 61), slice(3, 7)), (slice(140, 150), slice(120, 130)), (slice(0, 50), slice(30, 90))):
        check(plan, block)


@pytest.mark.parametrize("number", [1, 8])
def test_unreadable(write_holes, cores, number):
    """Errors of reading arrive, and no thread is left, whichever part they are from."""
    cores(number)
    path = write_holes(150, 130, **TILED)
    plan = planned(path)
    path.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(SceneError, match="has changed since the run began"):
        list(read_strips(plan, plan.roi))
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_closed_early(write_holes, cores):
    """Closing the iterator ends all threads."""
    cores(8)
    plan = planned(write_holes(150, 130, **TILED))
    strips = read_strips(plan, plan.roi)
    next(strips)
    assert len([thread for thread in threading.enumerate() if thread.name == "prefetch"]) == 4
    strips.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]

"""Before a batch begins, it says what it needs, and which scenes may not fit."""

import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio import Affine
from standins import make_card

from geoseg.batch.manifest import Record
from geoseg.batch.preflight import check
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.grid import Grid
from geoseg.rasters.scene import open_scene

OPENVINO = Runtime(engine="openvino", version="openvino 1", precision="float32", hardware="CPU")
CARD = make_card(tile=256, overlap=64)
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Return a function that plans a scene of a name and size, which has no pixels."""
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 8, "width": 8, "dtype": "uint8", "photometric": "RGB"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=PLACE, **profile) as dataset:
        dataset.write(np.arange(192, dtype=np.uint8).reshape(3, 8, 8))
    small = open_scene(path)

    def made(name, side, **choices):
        grid = Grid(shape=(side, side), transform=PLACE, crs=CRS("EPSG:32633"))
        scene = replace(small, grid=grid)
        return replace(plan(scene, CARD, Settings(**choices), runtime=OPENVINO), scene=replace(scene, source=name))

    return made


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets the free disk space; the paths asked for are kept."""
    asked = []

    def usage(count):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or Usage(0, 0, count))
        return asked

    return usage


def record(number, *, minutes, pixels=6_000_000, start=0, **others):
    """The record of a scene of some minutes."""
    times = {
        "started": f"2025-01-01T00:{start:02d}:00+00:00",
        "ended": f"2025-01-01T00:{start + minutes:02d}:00+00:00",
    }
    values = {"scene": str(number), "name": "x", "state": "done", "seconds": 1.0, "engine": str(OPENVINO)}
    return Record(pixels=pixels, **(values | times | others))


def test_sums(planned, tmp_path):
    """Pixels and results are those of all scenes; memory and work files those of the largest that are in work."""
    plans = [planned("a", 1_000), planned("b", 3_000), planned("c", 2_000)]
    found = check(iter(plans), tmp_path)
    assert (found.scenes, found.pixels) == (3, 14_000_000)
    assert found.memory == plans[1].memory == max(each.memory for each in plans)
    results = sum(each.disk for each in plans) - sum(each.work_disk for each in plans)
    assert found.disk == results + plans[1].work_disk + plans[2].work_disk
    assert check(plans, tmp_path, together=3).disk == sum(each.disk for each in plans)
    assert not found.problems
    assert "3 scenes, 14.0 megapixels: up to" in str(found)


@pytest.mark.parametrize(("limit", "more"), [(2, ()), (0, ("2 more scenes",))])
def test_scenes_that_do_not_fit_the_memory(planned, tmp_path, limit, more):
    """Each is named in one sentence, the largest first; of many, those beyond ten are counted."""
    plans = [planned(f"{side}.tif", side) for side in range(1_000, 2_300, 100)]
    found = check(plans, tmp_path, memory=plans[limit].memory).problems
    assert tuple(text.split(".tif")[0] for text in found[:10]) == tuple(map(str, range(2_200, 1_200, -100)))
    assert tuple(text.split(" may")[0] for text in found[10:]) == more
    assert not check(plans[:limit], tmp_path, memory=plans[limit].memory).problems


def test_secrets_of_urls(planned, tmp_path, free):
    """A URL is named without password and query."""
    one = planned("https://user:word@a.example/a.tif?sig=key", 1_000)
    free(0)
    texts = check([one], tmp_path, memory=1).problems
    assert [" https://a.example/a.tif " in f" {text}" for text in texts] == [True, True]
    assert not any("word" in text or "key" in text for text in texts)


def test_memory_that_is_not_known(planned, tmp_path):
    """Nothing is said of the memory of workers that have no limit."""
    one = planned("a", 1_000)
    assert check([one], tmp_path, memory=1).problems
    assert not check([one], tmp_path, memory=None).problems


def test_disk(planned, tmp_path, free):
    """One sentence says what is missing on the disk of the results, whose folder may not exist, and what is largest."""
    plans = [planned("small.tif", 1_000), planned("large.tif", 3_000)]
    needed = check(plans, tmp_path).disk
    asked = free(needed)
    assert not check(plans, tmp_path / "new" / "folder").problems
    assert asked == [tmp_path]
    free(needed - 1)
    (problem,) = check(plans, tmp_path / "new").problems
    assert f"{tmp_path / 'new'} has" in problem
    assert problem.index("large.tif") < problem.index("small.tif")


def test_time(planned, tmp_path):
    """The rate is that of earlier scenes with the same engine: time of two at once counts once, pauses do not."""
    plans = [planned("a", 1_000)]
    records = [
        record(1, minutes=4),
        record(2, minutes=4, start=2),
        record(3, minutes=1, start=3),
        record(4, minutes=4, start=30),
        record(5, minutes=9, start=40, engine="keras"),
        record(6, minutes=9, start=40, state="failed", error="x"),
    ]
    found = check(plans, tmp_path, records=records)
    assert found.pixels_per_s == pytest.approx(24e6 / 600)
    assert found.seconds == pytest.approx(25)
    assert "about 25 s at the rate of 4 earlier scenes" in str(found)


def test_time_is_unknown(planned, tmp_path):
    """Without earlier scenes it is said so, and no number is made up."""
    found = check([planned("a", 1_000)], tmp_path, records=[record(1, minutes=0)])
    assert found.seconds is None
    assert "the time is known after the first scenes" in str(found)


def test_scenes_that_cannot_be_planned(planned, tmp_path):
    """They are counted beside the others, with their errors."""
    found = check([planned("a", 1_000)], tmp_path, failing=["b.tif does not exist.", "c.tif is cut off."])
    assert found.scenes == 1
    assert str(found).endswith("2 other scenes cannot be planned: b.tif does not exist. c.tif is cut off.")
    assert "cannot" not in str(check([planned("a", 1_000)], tmp_path))
    many = check([planned("a", 1_000)], tmp_path, failing=[f"{n}.tif does not exist." for n in range(9)])
    listed = " ".join(f"{n}.tif does not exist." for n in range(3))
    assert str(many).endswith(f"9 other scenes cannot be planned; the first 3: {listed}")


def test_no_scene_can_be_planned(tmp_path):
    """Then there is no estimate to give: a path that is misspelt leads to one error, not to needs of 0 bytes."""
    assert str(check([], tmp_path, failing=["b.tif does not exist."])) == "1 scene cannot be planned."


def test_nothing_to_do(tmp_path):
    """A batch whose scenes are all done needs nothing."""
    found = check([], tmp_path)
    assert (found.scenes, found.pixels, found.disk, found.problems) == (0, 0, 0, ())


@pytest.mark.parametrize("layers", [{}, {"probabilities": True}, {"roads": False}, {"confidence": True}])
def test_disk_is_results_and_work_files(planned, layers):
    """A plan's disk space is the sum; results take four thirds of six tenths of a byte for each layer's pixel."""
    made = planned("a", 1_200, **layers)
    assert made.disk == made.result_disk + made.work_disk
    count = 1 + layers.get("confidence", False) + layers.get("probabilities", False) * len(CARD.legend)
    assert made.result_disk == pytest.approx(1_200**2 * count * 0.8, abs=1)

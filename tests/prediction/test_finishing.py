"""Rows are finished while those below are predicted: whatever the order, and whatever fails."""

import errno
import threading
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from odc.geo.roi import roi_shape
from standins import Echo, InPieces, waves

import geoseg
from geoseg.models.legend import AERIAL
from geoseg.prediction import finishing
from geoseg.prediction.areas import AreaCounter, count_strips
from geoseg.prediction.jobs import Finished, run_block
from geoseg.rasters.ground import ground_area, ground_steps
from geoseg.threads import BackgroundTask


def finishing_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(("assemble", "trace"))]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Whatever happens, no thread outlives the call."""
    yield
    assert not finishing_threads()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.fixture
def scene(write_scene):
    """Return a scene of waves, whose third band, the road, has lines."""
    return write_scene(waves(300, 330))


@pytest.fixture
def predicted(scene, write_bundle, echo, tmp_path):
    """Return a function that predicts the scene with all layers to a folder, and returns the bytes of all files."""
    model = write_bundle()

    def predict(name, load=echo, **choices):
        choices = {"confidence": True} | choices
        done = geoseg.predict(scene, model=model, folder=tmp_path / name, load=load, **choices)
        assert done.roads.count
        return {path.name: path.read_bytes() for path in done.outputs.files}, done.areas

    return predict


class Scattered(InPieces):
    """Runs five rows of blocks in an order of its own, a piece of each in turn."""

    workers = 3

    def __init__(self, order):
        self.order = order

    def pieces(self, jobs, clock):
        running = [run_block(job, clock) for job in self.order(jobs)]
        while running:
            for block in tuple(running):
                finished = next(block, None)
                if finished is None:
                    running.remove(block)
                else:
                    yield finished


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("order", [list, lambda jobs: jobs[::-1], lambda jobs: jobs[1:] + jobs[:1]])
@pytest.mark.parametrize("columns", [0, 130])
def test_any_order(predicted, monkeypatch, order, columns, probabilities):
    """Pieces finished in any order, in blocks beside and below each other, give the files of a plain run."""
    plain = predicted("plain", probabilities=probabilities)
    if columns:
        monkeypatch.setattr("geoseg.prediction.planning.max_columns", lambda *_: columns)
    assert predicted("scattered", executor=Scattered(order), probabilities=probabilities) == plain


class FromMemory(InPieces):
    """Removes each piece of the journal once it is written."""

    workers = 1

    def pieces(self, jobs, clock):
        for job in jobs:
            for finished in run_block(job, clock):
                for layer in ("classes", "confidence", "road"):
                    (job.journal.folder / job.journal.piece(layer, *finished.region)).unlink()
                yield finished


def test_rows_come_from_memory(predicted, monkeypatch):
    """Pieces for which there is room in memory are not read from the journal."""
    plain = predicted("plain")
    monkeypatch.setattr(finishing, "HELD", 100)
    assert predicted("memory", executor=FromMemory()) == plain


def test_rows_come_from_the_journal(predicted, monkeypatch):
    """Pieces for which there is no room in memory are read from the journal."""
    plain = predicted("plain")
    monkeypatch.setattr(finishing, "HELD", 0)
    assert predicted("journal") == plain


def test_low_blocks_of_the_tracer(predicted, monkeypatch):
    """The height of the tracer's blocks, which depends on the width of the scene, changes nothing."""
    plain = predicted("plain")
    monkeypatch.setattr(finishing, "traced_block", lambda _: 70)
    monkeypatch.setattr(finishing, "count_tracers", lambda _: 3)
    assert predicted("low") == plain


@pytest.mark.parametrize("failing", ["geoseg.roads.trace.window_of", "geoseg.prediction.finishing.WorkRaster.append"])
def test_an_error_of_a_thread_stops_the_prediction(predicted, monkeypatch, failing):
    """What goes wrong while finishing stops the prediction at the next piece, and the same call resumes."""
    plain, finished = predicted("plain"), []

    class Patient(InPieces):
        """Waits after the second piece until finishing has failed."""

        workers = 1

        def pieces(self, jobs, clock):
            for piece in run_block(jobs[0], clock):
                finished.append(piece)
                yield piece
                if len(finished) == 2:
                    for thread in finishing_threads():
                        thread.join(30)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises(geoseg.OutputError, match=r"No space left on device.*resumes"):
            predicted("failing", executor=Patient())
    assert len(finished) <= 3
    assert predicted("failing") == plain


def test_an_error_of_the_prediction_ends_the_threads(predicted):
    """An error of the network arrives unchanged, and the call resumes."""
    plain, error = predicted("plain"), RuntimeError("out of memory")

    class Failing(Echo):
        left = 12

        def __call__(self, pixels):
            self.left -= 1
            if not self.left:
                raise error
            return super().__call__(pixels)

    with pytest.raises(RuntimeError, match="out of memory") as caught:
        predicted("failing", lambda *_: Failing())
    assert caught.value is error
    assert predicted("failing") == plain


def test_a_thread_that_does_not_start(predicted, monkeypatch):
    """If the system refuses the second thread, the first one ends, and the call resumes."""
    start = BackgroundTask.start

    def refuse(task):
        if task.name == "assemble":
            raise RuntimeError("can't start new thread")
        start(task)

    with monkeypatch.context() as patch:
        patch.setattr(BackgroundTask, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            predicted("refused")
    assert not finishing_threads()
    predicted("refused")


def test_an_interrupted_prediction_ends_the_threads(predicted):
    """After an interruption in any call of `progress`, the same call resumes."""
    plain = predicted("plain")

    def stop_at(share):
        def stop(done, total, _):
            if done >= share * total:
                raise KeyboardInterrupt

        return stop

    for share in (0, 0.5, 1):
        with pytest.raises(KeyboardInterrupt):
            predicted("stopped", progress=stop_at(share))
    assert predicted("stopped") == plain


def test_an_interruption_while_the_tracer_is_compiled(predicted, monkeypatch):
    """An interrupted first run stops compiling, instead of waiting for its end."""
    plain, waiting, closed = predicted("plain"), threading.Event(), threading.Event()

    class Compilation:
        """Takes until it is closed."""

        needed = True

        def wait(self):
            waiting.set()
            assert closed.wait(30), "compiling went on"

        close = closed.set

    def stop(*_):
        assert waiting.wait(30)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finishing, "prepare_tracer", Compilation)
        with pytest.raises(KeyboardInterrupt):
            predicted("stopped", progress=stop)
    assert predicted("stopped") == plain


def test_an_executor_that_leaves_rows_out(predicted):
    """Rows that no job has finished are an error, not an empty strip."""

    class Forgetful(InPieces):
        workers = 2

        def pieces(self, jobs, clock):
            for job in jobs[1:]:
                yield from run_block(job, clock)

    with pytest.raises(ValueError, match="not finished"):
        predicted("forgetful", executor=Forgetful())


def test_finished_counts_pixels():
    """A region counts its pixels, whether its rows are in memory or not."""
    region = (slice(3, 10), slice(5, 9))
    assert Finished(region=region).pixels == prod(roi_shape(region)) == 28


GEOSTATIONARY = "+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84"
"""Whose Earth has a radius of 5.4 million metres."""


def test_areas_where_the_middle_is_off_the_earth():
    """Strips without pixels do not count, and one with its middle in space has the area of pixels on the Earth."""
    grid = GeoBox((1536, 60), rasterio.Affine(21_740, 0, -652_200, 0, -21_740, 21_740 * 620), GEOSTATIONARY)
    rows, cols = np.indices(grid.shape)
    steps = ground_steps(grid, np.column_stack([cols.ravel(), rows.ravel()])).reshape(*grid.shape, 2, 2)
    areas = np.abs(steps[..., 0, 0] * steps[..., 1, 1] - steps[..., 0, 1] * steps[..., 1, 0])
    classes = np.where(np.isfinite(areas), 0, 255).astype(np.uint8)
    counter = AreaCounter(AERIAL, grid)
    counter.add(0, count_strips(classes, 0, len(AERIAL)))
    assert not np.isfinite(ground_area(grid[:512, :]))
    first, *others = counter.areas()
    below = (classes[512:] == 0).sum() * ground_area(grid[512:1024, :])
    assert first.area_m2 - below == pytest.approx(np.nansum(areas[:512]), rel=0.05)
    assert [area.area_m2 for area in others] == [0.0] * (len(AERIAL) - 1)


def test_areas_in_space():
    """Pixels of which none can be measured have no area."""
    grid = GeoBox((9, 9), rasterio.Affine(9, 0, 9e6, 0, -9, 9e6), GEOSTATIONARY)
    counter = AreaCounter(AERIAL, grid)
    counter.add(0, count_strips(np.zeros((9, 9), np.uint8), 0, len(AERIAL)))
    first, *others = counter.areas()
    assert np.isnan(first.area_m2)
    assert [area.area_m2 for area in others] == [0.0] * (len(AERIAL) - 1)


@given(cuts=st.sets(st.integers(1, 1299), max_size=9))
def test_areas_do_not_depend_on_the_parts(cuts):
    """Pixels and areas are those of strips of 512 rows, in whatever parts the rows arrive."""
    grid = GeoBox((1300, 3), rasterio.Affine(0.01, 0, 10, 0, -0.01, 50), "EPSG:4326")
    rows = np.random.default_rng(0).integers(0, 7, (1300, 3), dtype=np.uint8)
    rows[rows == 6] = 255
    counter = AreaCounter(AERIAL, grid)
    edges = [0, *sorted(cuts), 1300]
    for top, stop in [*pairwise(edges)][::-1]:
        counter.add(top, count_strips(rows[top:stop], top, len(AERIAL)))
    expected = np.zeros(len(AERIAL))
    for top, stop in ((0, 512), (512, 1024), (1024, 1300)):
        area_m2 = ground_area(grid[top:stop, :])
        expected += [(rows[top:stop] == number).sum() * area_m2 for number in range(len(AERIAL))]
    assert [area.area_m2 for area in counter.areas()] == expected.tolist()
    assert counter.pixels.tolist() == [(rows == number).sum() for number in range(len(AERIAL))]

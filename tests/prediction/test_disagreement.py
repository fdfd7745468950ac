"""How far overlapping tiles disagree: the spread of their probabilities about the blended ones."""

import numpy as np
import pytest
import rasterio
from standins import make_card, on_host, warned

import geoseg
from geoseg.errors import UsageError
from geoseg.models.legend import AERIAL, LEVELS, NODATA
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene
from geoseg.tiling import taper, within

CARD = make_card(tile=32, overlap=8, multiple=2)


class Quarrelling:
    """A network whose tiles are sure of one class each, another one from tile to tile."""

    classes = len(AERIAL)

    def __init__(self):
        self.calls = 0

    def __call__(self, pixels):
        scores = np.zeros((*pixels.shape[:3], self.classes), np.float32)
        for tile in scores:
            tile[..., self.calls % self.classes] = 1
            self.calls += 1
        return scores


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


@pytest.mark.parametrize(("window", "overlap"), [("hann", 0.25), ("linear", 0.5), ("spline", 0.3)])
def test_sure_tiles_of_different_classes(write_scene, noise, window, overlap):
    """Oracle: the spread of tiles that are sure follows from how the window's weights are split among classes."""
    planned = plan(
        open_scene(write_scene(noise(90, 110))), CARD, Settings(window=window, overlap=overlap, disagreement=True)
    )
    lattice = planned.lattice
    votes = np.zeros((len(AERIAL), *lattice.shape))
    for number, tile in enumerate(lattice.tiles()):
        weights = [
            taper(axis, index, window)[within(inside, span)]
            for axis, index, span, inside in (
                (lattice.rows, tile.row, tile.rows, slice(max(0, tile.rows.start), min(90, tile.rows.stop))),
                (lattice.cols, tile.col, tile.cols, slice(max(0, tile.cols.start), min(110, tile.cols.stop))),
            )
        ]
        rows, cols = (max(0, span.start) for span in (tile.rows, tile.cols))
        height, width = map(len, weights)
        votes[number % len(AERIAL), rows : rows + height, cols : cols + width] += np.outer(*weights)
    classes, disagreement, _ = on_host(planned, Quarrelling())
    np.testing.assert_array_equal(classes, votes.argmax(axis=0))
    expected = np.sqrt((1 - (votes**2).sum(axis=0)) / 2) * LEVELS
    np.testing.assert_allclose(disagreement, expected, atol=0.51)
    assert 0 < (disagreement > 0).mean() < 1
    assert disagreement.max() > 0.4 * LEVELS


def test_tiles_that_agree(write_scene, write_bundle, noise, echo, tmp_path):
    """Where tiles say the same the value is 0, whatever the scene; nodata stays, also over whole tiles."""
    mask = np.full((200, 210), 255, np.uint8)
    mask[20:180, 30:160] = 0
    scene = write_scene(noise(200, 210), mask=mask)
    made = geoseg.predict(scene, model=write_bundle(), load=echo, folder=tmp_path / "out", disagreement=True)
    np.testing.assert_array_equal(read(made.outputs.disagreement), np.where(mask > 0, 0, NODATA))


def test_other_layers_stay(write_scene, write_bundle, noise, tmp_path):
    """The raster is written as that of the confidence is, and no byte of another result depends on it."""
    scene, made = write_scene(noise(150, 140)), []
    for name in (False, True):
        folder, choices = tmp_path / str(name), {"confidence": True, "probabilities": True, "disagreement": name}
        load = lambda *_: Quarrelling()  # noqa: E731
        made.append(geoseg.predict(scene, model=write_bundle(), load=load, folder=folder, **choices).outputs)
    plain, asked = made
    for one in plain.files:
        assert one.read_bytes() == (asked.classes.parent / one.name).read_bytes()
    assert plain.disagreement is None
    with rasterio.open(asked.confidence) as confidence, rasterio.open(asked.disagreement) as found:
        assert found.profile == confidence.profile
        assert found.tags() == confidence.tags()
        assert (found.scales, found.descriptions) == (confidence.scales, ("disagreement of tiles",))
        assert found.read(1).any()


def test_left_by_another_run(write_scene, write_bundle, noise, echo, tmp_path):
    """A run without the raster that overwrites one with it does not leave it behind."""
    choices = {"model": write_bundle(), "load": echo, "folder": tmp_path / "out"}
    scene = write_scene(noise(90, 90))
    first = geoseg.predict(scene, disagreement=True, **choices)
    geoseg.predict(scene, overwrite=True, **choices)
    assert not first.outputs.disagreement.exists()


@pytest.mark.parametrize(
    ("choices", "words"), [({"overlap": 0}, "tiles do not overlap"), ({"window": "flat"}, "`window='flat'` takes each")]
)
def test_tiles_that_cannot_disagree(write_scene, noise, choices, words):
    """Without two tiles at a pixel there is nothing to compare, and a raster of zeros is not written in silence."""
    with pytest.raises(UsageError, match=f"compares overlapping tiles, and {words}"):
        plan(open_scene(write_scene(noise(60, 60))), CARD, Settings(disagreement=True, **choices))


def test_scene_of_one_tile(write_scene, noise):
    """A scene that fits into one tile is warned about."""
    with warned("fits into one tile of 32 pixels: no tiles can disagree"):
        plan(open_scene(write_scene(noise(30, 20))), CARD, Settings(disagreement=True))

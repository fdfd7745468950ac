"""Where nothing is to be predicted, nothing is computed, and the map is the same."""

from contextlib import closing

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from standins import Echo, build_echo_network, make_card, on_devices, on_host

from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_devices import load_on_devices
from geoseg.models.legend import LEVELS, NODATA
from geoseg.prediction.holes import fill_holes
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.strips import read_strips
from geoseg.rasters.scene import open_scene
from geoseg.tiling import blend

CARD = make_card(tile=32, overlap=8, multiple=2)
SHAPE = (150, 170)
CELL = 15
"""Side of the squares that masks are made of: smaller than tiles."""


class Uneven(Echo):
    """Stands in for a network that looks at the whole tile; counts its tiles."""

    tiles = 0

    def __call__(self, pixels):
        self.tiles += len(pixels)
        means = pixels.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)[:, None, None, :1]
        return super().__call__(pixels) * np.float32(0.5) + means / np.float32(512)


@pytest.fixture(scope="module")
def networks():
    """A network that echoes its input, on one device."""
    return load_on_devices(build_echo_network(), EngineOptions(), find_backend().devices("cpu")[:1])


@pytest.fixture(scope="module")
def write_masked(tmp_path_factory):
    """Write a scene whose mask consists of squares, and specks."""
    path = tmp_path_factory.mktemp("masked") / "scene.tif"
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)

    def write(squares, specks=0):
        valid = np.kron(squares, np.ones((CELL, CELL), bool))[: SHAPE[0], : SHAPE[1]]
        random = np.random.default_rng(specks)
        valid[random.integers(0, SHAPE[0], specks), random.integers(0, SHAPE[1], specks)] = True
        pixels = np.random.default_rng(1).integers(1, 255, (3, *SHAPE), dtype=np.uint8)
        profile = {"driver": "GTiff", "count": 3, "height": SHAPE[0], "width": SHAPE[1], "dtype": "uint8"}
        profile |= {"crs": "EPSG:32633", "transform": place, "photometric": "rgb", "tiled": True}
        profile |= {"blockxsize": 16, "blockysize": 16, "nodata": 0}
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(pixels * valid)
        return path

    return write


def squares(share):
    """Masks of squares, a share of which is valid; all, none and single ones among them."""
    size = (-(-SHAPE[0] // CELL), -(-SHAPE[1] // CELL))
    drawn = npst.arrays(np.uint8, size, elements=st.integers(0, 99)).map(lambda found: found < share)
    return st.one_of(drawn, st.just(np.zeros(size, bool)), st.just(np.ones(size, bool)))


masks = st.integers(0, 40).flatmap(squares)
choices = st.fixed_dictionaries(
    {"confidence": st.booleans(), "probabilities": st.booleans(), "overlap": st.sampled_from([0.0, 0.25, 0.5])}
)


def scoring_everything(plan, engine):
    """Predict a scene with every tile scored, and every pixel computed, by NumPy's functions."""
    bands = []

    def scored():
        with closing(read_strips(plan, plan.roi)) as strips:
            for strip, tiles in zip(strips, plan.lattice.rows.touching(0, plan.lattice.shape[0]), strict=True):
                bands.append(strip)
                for tile in plan.lattice.tiles():
                    if tile.row == tiles:
                        inside = slice(tile.cols.start - strip.cols.start, tile.cols.stop - strip.cols.start)
                        pixels = fill_holes(strip.pixels[:, inside], strip.valid[:, inside])
                        yield tile, engine(pixels[None].astype(np.float32))[0]

    scores = np.concatenate([rows for _, rows in blend(scored(), plan.lattice, plan.window)])
    with rasterio.open(plan.scene.source) as dataset:
        valid = dataset.read().any(axis=0)
    if plan.aoi is not None:
        valid &= ~plan.aoi.outside(*plan.lattice.roi)
    levels = np.clip(np.rint(scores * np.float32(LEVELS)), 0, LEVELS).astype(np.uint8)
    layers = [scores.argmax(axis=-1).astype(np.uint8)]
    layers += [levels.max(axis=-1)] * plan.settings.confidence
    layers += [] if plan.settings.probabilities else [levels[..., plan.road]]
    layers += list(np.moveaxis(levels, -1, 0)) * plan.settings.probabilities
    return np.where(valid, np.stack(layers), NODATA)


@settings(max_examples=40)
@given(squares=masks, specks=st.integers(0, 3), choices=choices, workers=st.sampled_from([1, 3]))
def test_bytes_of_a_run_that_scores_everything(write_masked, squares, specks, choices, workers):
    """Whatever is masked, and however the scene is cut into blocks, no byte of any layer differs."""
    engine = Uneven()
    planned = plan(open_scene(write_masked(squares, specks)), CARD, Settings(**choices), workers=workers)
    np.testing.assert_array_equal(on_host(planned, engine), scoring_everything(planned, Uneven()))


@settings(max_examples=25)
@given(squares=masks, specks=st.integers(0, 3), choices=choices)
def test_devices(write_masked, networks, squares, specks, choices):
    """On devices, bytes are those of the host; strips and seams without data do not reach them."""
    planned = plan(open_scene(write_masked(squares, specks)), CARD, Settings(**choices))
    np.testing.assert_array_equal(on_devices(planned, networks), on_host(planned, Echo()))


def covered(span):
    """The part of a tile's span within the scene, which starts at 0."""
    return slice(max(0, span.start), span.stop)


@pytest.mark.parametrize("masked", [False, True])
def test_area_of_interest(write_masked, tmp_path, masked):
    """Tiles outside of a slanting area of interest are not scored; inside, no byte differs."""
    import geopandas

    area = tmp_path / "area.geojson"
    corners = [(500_005, 5_399_995), (500_020, 5_399_995), (500_165, 5_399_855), (500_150, 5_399_855)]
    geopandas.GeoDataFrame(geometry=[shapely.Polygon(corners)], crs="EPSG:32633").to_crs(4326).to_file(area)
    cells = np.ones((10, 12), bool)
    cells[3:6] = not masked
    scene = open_scene(write_masked(cells))
    planned, whole = (plan(scene, CARD, Settings(aoi=aoi, confidence=True)) for aoi in (area, None))
    engine = Uneven()
    found = on_host(planned, engine)
    expected = scoring_everything(whole, Uneven())
    outside = planned.aoi.outside(*planned.lattice.roi)
    rows, cols = planned.roi
    np.testing.assert_array_equal(found[:, rows, cols], np.where(outside, NODATA, expected)[:, rows, cols])
    wanted = ~outside & (expected[0] != NODATA)
    tiles = planned.lattice.tiles(planned.roi)
    needed = [tile for tile in tiles if wanted[covered(tile.rows), covered(tile.cols)].any()]
    assert engine.tiles == len(needed) < planned.tiles

"""The memory that a plan announces covers all that a run holds, and the plan stays within the budget."""

import re
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from rasterio import Affine
from standins import make_card

from geoseg.errors import MismatchError, UsageError
from geoseg.models.bundle import Scaling
from geoseg.models.engines import hardware
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import SHIPPED, NetworkSize
from geoseg.prediction import memory
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.grid import Grid
from geoseg.rasters.scene import open_scene

OPENVINO = Runtime(engine="openvino", version="openvino", precision="float32", hardware="CPU")
CARD = make_card(tile=512, overlap=128, scaling={"uint8": Scaling(), "uint16": Scaling()})
LARGE = 10**12
"""A budget that limits nothing."""


@pytest.fixture(scope="module", autouse=True)
def _cores():
    """A machine of 16 cores, on which OpenVINO has four tiles in work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "count_cores", lambda: 16)
        patch.setattr(memory, "count_cores", lambda: 16)
        yield


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Return a function that plans a scene of some columns."""
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 8, "width": 8, "dtype": "uint8", "photometric": "RGB"}
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=place, **profile) as dataset:
        dataset.write(np.arange(192, dtype=np.uint8).reshape(3, 8, 8))
    small = open_scene(path)

    def made(width, *, runtime=OPENVINO, dtype="uint8", height=1_000, **choices):
        scene = replace(small, grid=Grid(shape=(height, width), transform=place, crs=CRS("EPSG:32633")), dtype=dtype)
        return plan(scene, CARD, Settings(**({"memory": LARGE} | choices)), runtime=runtime)

    return made


@pytest.fixture(scope="module")
def needed(planned):
    """Return a function that estimates the memory for a scene of some columns."""
    return lambda width, **choices: planned(width, **choices).memory


@given(width=st.integers(1, 200_000), budget=st.integers(10**8, 10**10), tile=st.sampled_from([256, 512, 1024]))
def test_within_the_budget(needed, width, budget, tile):
    """A plan needs no more than the budget; where that cannot be, the sentence names a budget that does."""
    try:
        assert needed(width, memory=budget, tile=tile) <= budget
    except UsageError as error:
        gigabytes = float(re.search(r"at least ([\d.]+)GB", str(error))[1])
        budget = round(gigabytes * 1e9)
        assert needed(width, memory=budget, tile=tile) <= budget


def test_rows_that_are_finished_are_included(planned, needed):
    """Over the full width: pieces that wait, strips of the rasters, and the rows of a block of the road tracer."""
    plain, layers = ({"roads": False}, {"roads": False, "probabilities": True, "confidence": True})
    narrow, wide = 20_000, 40_000
    budget = needed(narrow, **layers)
    # The same blocks, of half the scene.
    split = planned(wide, **layers, memory=round(budget * 1.3))
    assert len(split.blocks) > 1
    rows = memory.HELD * 512 + memory.STRIP_ROWS
    more = len(CARD.legend) + 1
    assert needed(wide, **layers) - needed(wide, **plain) >= wide * rows * more
    roads = needed(wide) - needed(wide, roads=False)
    assert roads >= wide * (memory.traced_block(wide) + memory.QUEUED * 512 + rows)


def test_larger_values_are_included(needed):
    """Strips are held in the scene's own data type."""
    assert needed(10_000, dtype="uint16") - needed(10_000) >= 10_000 * 512 * memory.STRIPS_AHEAD * 3


@pytest.mark.parametrize("kind", ["gpu", "cpu"])
def test_strips_of_several_devices_are_included(needed, kind):
    """Each device has strips in the host's memory, and one that is the host its tiles and scores too."""
    one, four = (
        Runtime(
            engine="keras",
            version="keras",
            precision="float32",
            hardware=kind.upper(),
            devices=tuple(f"{kind}:{number}" for number in range(count)),
        )
        for count in (1, 4)
    )
    more = needed(10_000, runtime=four) - needed(10_000, runtime=one)
    strips = 3 * memory.STRIPS_AHEAD * 10_000 * 512 * 4
    assert more >= strips
    scores = 3 * 10_000 * 512 * len(CARD.legend) * 4
    assert (more >= strips + scores + 3 * memory.ENGINE_MEMORY["keras"].tile(SHIPPED, 512)) == (kind == "cpu")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "keras", "of another package"])
@given(
    weights=st.integers(0, 10**9),
    maps=st.integers(1, 10**4),
    more=st.integers(1, 10**8),
    tile=st.sampled_from([256, 512]),
)
def test_larger_networks_are_included(planned, engine, weights, maps, more, tile):
    """A network needs memory for its weights, at least once, and for the feature maps of each tile."""
    runtime = replace(OPENVINO, engine=engine)

    def of(weights, maps):
        size = NetworkSize(weights=weights, maps=maps)
        return replace(planned(1_000, tile=tile, batch_size=1, runtime=runtime), network=size).memory

    assert of(weights + more, maps) - of(weights, maps) >= more
    assert of(weights, maps + 100) - of(weights, maps) >= 0.9 * 100 * tile**2 - 1


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "keras", "of another package"])
@given(
    maps=st.integers(1, 10**4),
    tile=st.sampled_from([64, 512, 2048, 10**5 // 16 * 16]),
    width=st.integers(1, 10**5),
    precision=st.sampled_from(["float32", "bfloat16", "float16", "int8"]),
)
def test_the_least_is_below_the_estimate(planned, engine, maps, tile, width, precision):
    """Also for a scene that is narrower than a tile."""
    runtime = replace(OPENVINO, engine=engine, precision=precision)
    made = planned(width, tile=tile, runtime=runtime, memory=10**16)
    made = replace(made, network=NetworkSize(weights=0, maps=maps))
    assert 8 * tile**2 <= made.least_memory <= made.memory


def test_the_least_of_what_is_known(planned):
    """Maps count in their precision, if network and engine are known, and on a GPU only pixels are in this memory."""

    def of(assumed=False, **runtime):
        size = NetworkSize(weights=0, maps=300, assumed=assumed)
        return replace(planned(1_000), network=size, runtime=replace(OPENVINO, **runtime)).least_memory / 512**2

    pixels, scores = 3, 4 * len(CARD.legend)
    assert of() == pixels + scores + 100
    assert of(precision="bfloat16") == pixels + scores + 50
    assert of(precision="int8") == pixels + scores + 25
    assert of(engine="of another package") == of(assumed=True) == pixels + scores
    assert of(engine="keras", devices=("gpu:0",)) == pixels
    assert replace(planned(1_000), runtime=None).least_memory == (pixels + scores) * 512**2


def test_fewer_tiles_at_a_time(planned, needed):
    """By default as many tiles are in work as fit, so that large tiles do not exceed the usual limit."""
    for tile in (256, 512, 1024):
        assert needed(4_000, tile=tile, memory=None) <= 2 * 10**9
    for streams in (2, 3):
        most = planned(4_000).worker_memory.total(columns=4_000, streams=streams)
        assert planned(4_000, memory=most).engine_options.batch_size == streams
        assert planned(4_000, memory=most - 1).engine_options.batch_size == streams - 1
    assert planned(4_000).engine_options.batch_size is None


def test_other_engines_keep_the_batch(planned):
    """A number of tiles that is asked for is kept, and so is the default of an engine without streams."""
    assert planned(5_000, batch_size=3).engine_options.batch_size == 3
    assert planned(5_000, runtime=replace(OPENVINO, engine="onnxruntime")).engine_options.batch_size is None


@pytest.mark.parametrize("cores", [2, 16, 128])
@pytest.mark.parametrize("devices", [1, 4, 8])
@pytest.mark.parametrize("kind", ["gpu", "cpu"])
def test_no_limit_is_given(planned, monkeypatch, cores, devices, kind):
    """A wide scene is planned on a machine of any size, in blocks so wide that 3 % of the tiles are computed twice."""
    monkeypatch.setattr(memory, "count_cores", lambda: cores)
    names = tuple(f"{kind}:{number}" for number in range(devices))
    runtime = replace(OPENVINO, engine="keras", devices=names)
    made = planned(16_384, height=16_384, memory=None, runtime=runtime)
    assert made.tiles <= 1.03 * len(made.lattice)
    assert made.memory < (4 if kind == "gpu" else 12) * 10**9


def test_too_many_tiles_asked_for(planned):
    """Tiles at a time that do not fit are refused in one sentence that names them."""
    with pytest.raises(UsageError, match=r"^12 tiles of 1024 pixels at a time need at least 5\.\dGB; `memory` is 2GB"):
        planned(5_000, tile=1024, batch_size=12, memory=2 * 10**9)


def test_a_scene_that_is_too_wide(planned):
    """That says nothing about other scenes, unlike tiles that are too large for any."""
    with pytest.raises(MismatchError, match=r"^a result of 900000 columns and 1? ?tiles? .* at least \d+\.\dGB"):
        planned(900_000, memory=2 * 10**9)
    with pytest.raises(UsageError, match=r"^tiles of 2048 pixels need at least") as caught:
        planned(900, tile=2048, memory=10**9)
    assert not isinstance(caught.value, MismatchError)

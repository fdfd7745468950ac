"""Prediction on chosen devices gives the bytes of prediction on the host, whatever the devices, and whichever fail.

Several networks on one device stand in for several devices, and a CPU for an accelerator where only its name counts.
"""

import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import rasterio
from standins import Echo, build_echo_network, make_card, on_devices, on_host, with_room_for

from geoseg.errors import GeosegWarning, SceneError, UsageError
from geoseg.models.bundle import Card, Scaling
from geoseg.models.engines.device_network import DeviceNetwork
from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_devices import load_on_devices
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.engines.runtime import Runtime
from geoseg.models.engines.strips import Networks
from geoseg.models.legend import NODATA
from geoseg.prediction.devices.predict_block import predict_block_on_devices
from geoseg.prediction.planning import plan
from geoseg.prediction.prepare import prepare
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

CARD: Card = make_card(tile=32, overlap=8, multiple=2)


@pytest.fixture(scope="module")
def echo_network():
    return build_echo_network()


@pytest.fixture(scope="module")
def network():
    """A small network that looks at neighbours and is no symmetry's friend, with a normalisation to fold."""
    keras.utils.set_random_seed(5)
    pixels = keras.Input((None, None, 3))
    features = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    features = keras.layers.Conv2D(6, 3, padding="same", use_bias=False)(features)
    features = keras.layers.ReLU()(keras.layers.BatchNormalization()(features))
    down = keras.layers.Conv2D(8, 2, strides=2, activation="relu")(features)
    up = keras.layers.UpSampling2D()(down)
    joined = keras.layers.Concatenate()([features, up])
    return keras.Model(pixels, keras.layers.Conv2D(5, 3, padding="same", activation="softmax")(joined))


@pytest.fixture(scope="module")
def echo(echo_network):
    """The echoing network on one device, compiled once for all tests."""
    return load(echo_network)


@pytest.fixture(scope="module")
def single(network):
    """The small network on one device."""
    return load(network)


@pytest.fixture(scope="module")
def engine(network):
    """The small network as the host runs it."""
    return KerasEngine(network)


def load(network, count=1, *, kind="cpu", **options):
    """Load a network several times on the CPU, as if on devices of a kind."""
    (device, *_) = find_backend().devices("cpu")
    devices = [replace(device, name=f"{kind}:{number}") for number in range(count)]
    return load_on_devices(network, EngineOptions(**options), devices)


def planned(scene, *, workers=1, **choices):
    return plan(open_scene(scene), CARD, Settings(**choices), workers=workers)


@pytest.fixture
def scene(write_scene, noise):
    """A scene of several tiles each way, with structure, noise, and a hole of a few tiles."""
    y, x = np.mgrid[:150, :170]
    waves = np.stack([np.sin(x / (7 + band)) + np.cos(y / (11 - band)) for band in range(3)])
    pixels = (waves * 50 + 110 + noise(150, 170) / 8).astype(np.uint8)
    mask = np.full((150, 170), 255, np.uint8)
    mask[20:110, 40:140] = 0
    mask[3, 5] = 0
    return write_scene(pixels, mask=mask)


@pytest.mark.parametrize("shape", [(1, 1), (7, 150), (32, 32), (33, 90), (150, 31), (120, 130)])
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5])
def test_identity(write_scene, noise, echo, shape, overlap):
    """A network that echoes its input reproduces the scene exactly, any size and overlap."""
    pixels = noise(*shape)
    plan = planned(write_scene(pixels), overlap=overlap, probabilities=True)
    found = on_devices(plan, echo)
    np.testing.assert_array_equal(found[1:], pixels[[0, 1, 2, 0, 1]])


@pytest.mark.parametrize(
    ("window", "overlap"), [(None, 0), ("hann", 0.25), ("linear", 0.5), ("spline", 0.3), ("flat", 0.5)]
)
def test_like_the_host(scene, single, engine, window, overlap):
    """Windows and overlaps weigh as on the host; masked pixels are nodata."""
    disagreement = overlap > 0 and window != "flat"
    plan = planned(
        scene, window=window, overlap=overlap, confidence=True, probabilities=True, disagreement=disagreement
    )
    assert_alike(on_devices(plan, single), on_host(plan, engine))


@pytest.mark.parametrize(
    "choices",
    [{}, {"confidence": True, "min_confidence": 0.25}, {"roads": False, "disagreement": True}, {"probabilities": True}],
)
def test_layers(scene, single, engine, choices):
    """The layers that were asked for come back, in any combination."""
    plan = planned(scene, **choices)
    assert_alike(on_devices(plan, single), on_host(plan, engine))


@pytest.mark.parametrize("choices", [{}, {"confidence": True}, {"probabilities": True}])
def test_unknown_pixels(scene, echo, choices):
    """Pixels below a confidence are unknown on a device as on the host, to the byte."""
    plan = planned(scene, min_confidence=0.6, **choices)
    found = on_devices(plan, echo)
    np.testing.assert_array_equal(found, on_host(plan, Echo()))
    assert 0.1 < (found[0] == len(CARD.legend)).mean() < 0.9


@pytest.mark.parametrize("tta", ["flips", "d4"])
def test_augmentation(scene, network, tta):
    """Orientations are turned, turned back and averaged as on the host."""
    plan = planned(scene, probabilities=True, tta=tta)
    assert_alike(on_devices(plan, load(network, tta=tta)), on_host(plan, KerasEngine(network, EngineOptions(tta=tta))))


@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64"])
def test_data_types(write_scene, noise, single, engine, dtype):
    """Scenes of other data types are scaled on the device as on the host."""
    card = make_card(tile=32, overlap=8, multiple=2, scaling={dtype: Scaling(offset=-3, gain=0.7)})
    path = write_scene((noise(60, 70) * np.float64(1.37)).astype(dtype))
    for stretch in ("none", "-3,400;20,300;50,120"):
        plan_ = plan(open_scene(path), card, Settings(probabilities=True, stretch=stretch))
        assert_alike(on_devices(plan_, single), on_host(plan_, engine))


def test_area_of_interest(scene, single, engine):
    """Outside the area of interest the result is nodata, and only its rows and columns come."""
    bounds = open_scene(scene).bounds_lonlat
    west, south, east, north = bounds
    centre = (west + 0.3 * (east - west), south + 0.2 * (north - south), west + 0.8 * (east - west), north)
    plan = planned(scene, aoi=centre, confidence=True)
    assert_alike(on_devices(plan, single), on_host(plan, engine))


def test_scene_without_data(write_scene, noise, single):
    """Where no tile has data the network is not asked, and everything is nodata."""
    plan = planned(write_scene(noise(70, 70), mask=np.zeros((70, 70), np.uint8)))
    assert (on_devices(plan, single) == NODATA).all()


@pytest.mark.parametrize("batch_size", [1, 3, 8, 16, None])
def test_any_batch(scene, echo, echo_network, batch_size):
    """On an accelerator the tiles of a strip are scored in groups, the last of which is filled up."""
    plan = planned(scene, probabilities=True)
    networks = load(echo_network, kind="gpu", batch_size=batch_size)
    np.testing.assert_array_equal(on_devices(plan, networks), on_devices(plan, echo))


@pytest.mark.parametrize("count", [2, 4])
def test_any_number_of_devices(scene, network, single, count):
    """Devices that share the strips of a block give the bytes of one."""
    plan = planned(scene, confidence=True, disagreement=True, probabilities=True)
    np.testing.assert_array_equal(on_devices(plan, load(network, count)), on_devices(plan, single))


@pytest.mark.parametrize("workers", [2, 5])
def test_any_split_into_rows(scene, network, single, workers):
    """Blocks that share strips finish the same pixels."""
    whole, parts = planned(scene), planned(scene, workers=workers)
    assert len(parts.blocks) > 1
    np.testing.assert_array_equal(on_devices(parts, load(network, 2)), on_devices(whole, single))


def test_any_split_into_columns(scene, single):
    """Blocks that share columns of tiles finish the same pixels."""
    whole = planned(scene)
    (rows, cols) = whole.roi
    cut = whole.lattice.cols.span(3).start
    parts = replace(whole, blocks=((rows, slice(cols.start, cut)), (rows, slice(cut, cols.stop))))
    np.testing.assert_array_equal(on_devices(parts, single), on_devices(whole, single))


class Failing:
    """A network whose device fails for good when it is asked for some work for the n-th time."""

    def __init__(self, network, call, after):
        self._network, self._call, self._left = network, call, after
        self.failed = threading.Event()

    def __getattr__(self, name):
        found = getattr(self._network, name)
        if not callable(found):
            return found

        def called(*arguments):
            self._left -= name == self._call
            if self._left < 0 and name != "lower_batch":
                self.failed.set()
                raise RuntimeError("the bus is off\nand so are you")
            return found(*arguments)

        return called


class Waiting:
    """A network that begins when another has failed."""

    def __init__(self, network, event):
        self._network, self._event = network, event

    def __getattr__(self, name):
        return getattr(self._network, name)

    def blend(self, *arguments):
        assert self._event.wait(60)
        return self._network.blend(*arguments)


@pytest.mark.parametrize("call", ["blend", "join", "download"])
@pytest.mark.parametrize("after", [0, 2])
def test_device_that_fails(scene, network, single, call, after):
    """Another device repeats the work of one that fails, even what only its memory held; a warning says so."""
    plan = planned(scene, overlap=0.5, confidence=True)
    first, second = load(network, 2)
    failing = Failing(first, call, after)
    with pytest.warns(GeosegWarning, match=r"^cpu:0 failed \(the bus is off\); its work continues on cpu:1\.$"):
        found = on_devices(plan, [failing, Waiting(second, failing.failed)])
    np.testing.assert_array_equal(found, on_devices(plan, single))


def test_all_devices_fail(scene, network):
    """If no device remains, the last one's error is raised unchanged, and no thread is left."""
    first, second = load(network, 2)
    failing = Failing(first, "blend", 1)
    with (
        pytest.warns(GeosegWarning, match="continues on"),
        pytest.raises(RuntimeError, match="the bus is off"),
    ):
        on_devices(planned(scene), [failing, Failing(Waiting(second, failing.failed), "blend", 2)])
    assert not device_threads()


def load_small(network, tiles, **options):
    device = replace(find_backend().devices("cpu")[0], name="gpu:0")
    return DeviceNetwork(network, EngineOptions(**options), device, with_room_for(tiles))


def test_too_little_memory_halves_the_batch(scene, echo, echo_network):
    """A device that runs out of memory goes on with half the batch, says so each time, and loses nothing."""
    plan = planned(scene, probabilities=True)
    with pytest.warns(GeosegWarning, match="too little memory") as warned:
        found = on_devices(plan, [load_small(echo_network, 2, batch_size=16)])
    assert [str(warning.message) for warning in warned] == [
        f"gpu:0 has too little memory for {tiles} tiles at a time; continuing with {tiles // 2}." for tiles in (8, 4)
    ]
    np.testing.assert_array_equal(found, on_devices(plan, echo))


@pytest.mark.parametrize("room", [2, 8])
def test_halved_batch_is_recorded(scene, echo_network, write_bundle, tmp_path, room):
    """A map whose batch was halved says so in its tags and its result, and so does the next map; no other does."""
    runtime = Runtime(engine="keras", version="keras 3", precision="float32", hardware="H200", devices=("gpu:0",))
    network = load_small(echo_network, room, batch_size=8)
    halved = room < 8
    for folder in ("maps", "more"):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            bundle = write_bundle(tile=32, overlap=8, multiple=2)
            chosen = prepare(bundle, {"roads": False}, executor=None, load=lambda bundle, options: Networks((network,)))
            prepared = replace(chosen, runtime=runtime)
            made = prepared.run(prepared.plan(scene), folder=tmp_path / folder, overwrite=False).complete()
        told = any("too little memory" in str(warning.message) for warning in warned)
        assert told == (halved and folder == "maps")
        assert str(made.runtime).endswith("batch halved") == halved
        with rasterio.open(made.outputs.classes) as classes:
            tag = json.loads(classes.tags()["GEOSEG_RUNTIME"])
        assert tag.get("batch") == ("halved" if halved else None)


def test_threads_share_a_network(scene, echo, echo_network):
    """Predictions in two threads on one device end in the same bytes, and one halves the batch for both."""
    plan = planned(scene, probabilities=True)
    small = [load_small(echo_network, 4, batch_size=8)]
    with (
        pytest.warns(GeosegWarning, match="for 8 tiles at a time; continuing with 4") as warned,
        ThreadPoolExecutor(2) as pool,
    ):
        found = list(pool.map(lambda _: on_devices(plan, small), range(2)))
    assert len({str(warning.message) for warning in warned}) == 1
    for each in found:
        np.testing.assert_array_equal(each, on_devices(plan, echo))


def test_too_little_memory_for_a_tile(scene, echo, echo_network):
    """A device that cannot hold one tile is dropped; if it is the last one, the error says what to lower."""
    plan = planned(scene, probabilities=True)
    too_small = load_small(echo_network, 0, batch_size=2)
    with (
        pytest.warns(GeosegWarning, match="for 2 tiles at a time; continuing with 1"),
        pytest.raises(UsageError, match="gpu:0 has too little memory for one tile of 32 px; lower `tile`"),
    ):
        on_devices(plan, [too_small])
    with pytest.warns(GeosegWarning, match="gpu:0 failed .*its work continues on cpu:0"):
        found = on_devices(plan, [too_small, *echo])
    np.testing.assert_array_equal(found, on_devices(plan, echo))


def test_unreadable_scene(scene, network):
    """An error of reading reaches the caller, and no thread is left."""
    plan = planned(scene)
    scene.write_bytes(scene.read_bytes()[:30_000])
    with pytest.raises(SceneError, match="has changed"):
        on_devices(plan, load(network, 2))
    assert not device_threads()


@pytest.mark.parametrize("strips", [0, 1, 3])
def test_closed_early(scene, network, strips):
    """Closing the iterator ends all threads."""
    plan = planned(scene)
    rows = predict_block_on_devices(plan, plan.blocks[0], load(network, 2))
    for _ in range(strips):
        next(rows)
    rows.close()
    assert not device_threads()


def device_threads():
    return [thread for thread in threading.enumerate() if thread.name in ("geoseg device", "prefetch")]


def assert_alike(found, expected):
    """Classes agree on 99.99 % of the pixels, and probabilities up to one level; both have the same pixels."""
    np.testing.assert_array_equal(found == NODATA, expected == NODATA)
    np.testing.assert_array_equal(found == 77, expected == 77)
    assert (found[0] == expected[0]).mean() >= 0.9999
    assert np.abs(found[1:].astype(int) - expected[1:]).max(initial=0) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_devices_of_a_backend(scene, network, tmp_path, backend):
    """One, two and four devices of JAX and TensorFlow give the same bytes, which are those of the host."""
    pytest.importorskip(backend)
    network.save(tmp_path / "network.keras")
    script = f"""
import keras
if {backend!r} == "tensorflow":
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
import numpy as np
from test_predict_block import *

network = keras.saving.load_model({str(tmp_path / "network.keras")!r})
plan = planned({str(scene)!r}, confidence=True, disagreement=True, probabilities=True)
devices = find_backend().devices("cpu")
assert [device.name for device in devices] == ["cpu:0", "cpu:1", "cpu:2", "cpu:3"]
found = [on_devices(plan, load_on_devices(network, EngineOptions(), devices[:count])) for count in (1, 2, 4)]
assert_alike(found[0], on_host(plan, KerasEngine(network)))
np.testing.assert_array_equal(found[1], found[0])
np.testing.assert_array_equal(found[2], found[0])
"""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = os.environ | {
        "KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PYTHONPATH": paths,
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)

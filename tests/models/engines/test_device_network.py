"""A network on a device takes batches that suit the device, in any precision."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from standins import Watched, with_room_for

from geoseg.errors import UsageError
from geoseg.models.engines.device_network import TILE_PIXEL_BYTES, DeviceNetwork
from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_devices import load_on_devices
from geoseg.models.engines.strips import Layers, Layout

SIDE, TILES = 16, 11


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def network():
    """A small network of two classes."""
    keras.utils.set_random_seed(2)
    pixels = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.Conv2D(2, 1, activation="softmax")(features))


def blended(network):
    """Classes and road probabilities of a strip of random pixels, between its top and bottom rows."""
    layout = Layout(
        starts=np.arange(TILES, dtype=np.int32) * 12, weights=np.ones((TILES, SIDE), np.float32) / 2, overlap=4,
        ends=True, offset=np.zeros(3, np.float32), gain=np.ones(3, np.float32), layers=Layers(road=1),
    )  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE, TILES * 12 + 4, 3), dtype=np.uint8)
    found = network.blend(pixels, np.ones(TILES, bool), np.ones(SIDE, np.float32), layout)
    return network.download(found.middle)


@pytest.mark.parametrize(("batch_size", "tiles"), [(1, 1), (3, 3), (8, 8), (12, 12), (64, 8)])
def test_chosen_batch(network, batch_size, tiles):
    """An accelerator gets as many tiles as were asked for, in groups of eight if possible."""
    assert watched(network, "gpu:0", EngineOptions(batch_size=batch_size), None) == [tiles]


@pytest.mark.parametrize(("room", "tiles"), [(0, 1), (1.5, 1), (2, 2), (7.9, 4), (8, 8), (1000, 8)])
def test_batch_that_suits_the_memory(network, room, tiles):
    """Without a batch size, an accelerator gets up to eight tiles, with half of its memory to spare."""
    memory = int(room * 2 * TILE_PIXEL_BYTES * SIDE**2)
    assert watched(network, "gpu:0", EngineOptions(batch_size=None), memory) == [tiles]


def test_cpu_gets_single_tiles(network):
    """On a CPU a network is called with one tile, whatever the batch size."""
    assert watched(network, "cpu:0", EngineOptions(batch_size=16), None) == [1]


def watched(network, name, options, memory):
    device = replace(find_backend().devices("cpu")[0], name=name, memory=memory)
    tiles = set()
    blended(DeviceNetwork(network, options, device, Watched(tiles.add)))
    return sorted(tiles)


def test_threads_that_fail_together(network):
    """A batch that is too large for two threads is halved once, and again only if half is too large."""
    device = replace(find_backend().devices("cpu")[0], name="gpu:0")
    shared = DeviceNetwork(network, EngineOptions(batch_size=8), device, with_room_for(0))
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        for tiles in (8, 4):
            errors = [thread.submit(blended, shared).exception() for thread in (one, two)]
            found = {
                thread.submit(shared.lower_batch, error).result()
                for thread, error in zip((one, two), errors, strict=True)
            }
            assert found == {f"gpu:0 has too little memory for {tiles} tiles at a time; continuing with {tiles // 2}."}


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision(network, precision):
    """In 16 bits, probabilities are a few levels from those in float32."""
    devices = find_backend().devices("cpu")[:1]
    (exact,) = load_on_devices(network, EngineOptions(), devices)
    (mixed,) = load_on_devices(network, EngineOptions(precision=precision), devices)
    _, expected = blended(exact).astype(int)
    _, found = blended(mixed).astype(int)
    assert 0 < np.abs(found - expected).max() <= 5


def test_eight_bits_are_refused(network):
    """Keras has no 8-bit form of a network."""
    with pytest.raises(UsageError, match="`precision` int8 does not run on Keras devices"):
        load_on_devices(network, EngineOptions(precision="int8"), find_backend().devices("cpu"))


def test_devices_that_are_not_there():
    """A kind of device that the machine lacks has no devices."""
    assert find_backend().devices("tpu") == ()


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize(("environment", "kept"), [({}, "geoseg/jax"), ({"JAX_COMPILATION_CACHE_DIR": "mine"}, "mine")])
def test_what_is_compiled_is_kept(cache, environment, kept):
    """What JAX compiles for an accelerator is kept in the user's cache, or in the place that JAX is given."""
    script = """
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import jax, keras
from geoseg.models.engines.devices import find_backend
network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
(device,) = find_backend().devices("cpu")
find_backend().place(network, device)
assert jax.config.jax_compilation_cache_dir in (None, "mine")
find_backend().place(network, replace(device, name="gpu:0"))
print(jax.config.jax_compilation_cache_dir)
jax.jit(lambda x: x + 1)(1.0)
"""
    forced = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=cache,
        env=os.environ | forced | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (kept if environment else str(cache / kept))
    # In a place of its own, JAX keeps what takes long to compile, unless told otherwise.
    assert environment or any((cache / kept).iterdir())

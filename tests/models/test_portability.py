"""Bundles load in plain Keras without geoseg, and on other backends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from standins import KINDS, make_card

from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.networks.presets import DEFAULT_PRESET, build_preset
from geoseg.models.saved_network import save_bundle

PLAIN = """
import sys
from pathlib import Path
sys.modules["geoseg"] = None  # importing it fails from here on, installed or not
import keras, numpy as np
tiles = np.load("tiles.npy")
for path in Path().glob("*.keras"):
    network = keras.saving.load_model(path, safe_mode=True)
    np.save(path.stem + ".npy", keras.ops.convert_to_numpy(network(tiles, training=False)))
assert not [name for name in sys.modules if name.startswith("geoseg.")]
"""

ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
from geoseg.models.backend import start_keras
start_keras()
import geoseg.models.folding, geoseg.models.losses.pixels, geoseg.models.networks.unet, keras
print(keras.backend.backend(), "tensorflow" in sys.modules)
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_keras import KerasEngine
engine = KerasEngine(Path("default.keras"), EngineOptions(batch_size=2))
np.save("scores.npy", engine(np.load("tiles.npy")))
"""


def run(code, folder, **environment):
    """Run Python code in a separate process in a folder and return its result."""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished


@pytest.mark.slow
def test_bundles_need_no_geoseg(tmp_path, narrow):
    """A bundle of each kind of network loads in plain Keras, in safe mode and without geoseg, with the same scores.

    TensorFlow's sums may differ in the last bits between two processes.
    """
    tiles = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    np.save(tmp_path / "tiles.npy", tiles)
    networks = {name: narrow(name, 3) for name in KINDS}
    for name, network in networks.items():
        save_bundle(network, make_card(), tmp_path / f"{name}.keras")
    run(PLAIN, tmp_path)
    for name, network in networks.items():
        expected = keras.ops.convert_to_numpy(network(tiles, training=False))
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_backends_agree(backend, tmp_path):
    """One bundle gives the same classes, and scores within 1e-4, on another backend.

    It starts as quietly as the default, and importing what builds networks does not load TensorFlow unasked.
    """
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is the backend of this process")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    keras.utils.set_random_seed(0)
    network = build_preset(DEFAULT_PRESET, bands=3, classes=5, width=4)
    last = network.get_layer("probabilities")  # untrained, it would hardly decide
    last.set_weights([5 * last.get_weights()[0], np.linspace(0, 1, 5)])
    save_bundle(network, make_card(), tmp_path / "default.keras")
    tiles = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    np.save(tmp_path / "tiles.npy", tiles)
    expected = KerasEngine(tmp_path / "default.keras", EngineOptions(batch_size=2))(tiles)

    repository = str(Path(__file__).parents[2])
    finished = run(ELSEWHERE, tmp_path, KERAS_BACKEND=backend, PYTHONPATH=repository)
    assert finished.stdout.split() == [backend, str(backend == "tensorflow")]
    assert finished.stderr == ""
    scores = np.load(tmp_path / "scores.npy")
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    best = np.sort(expected, axis=-1)
    clear = best[..., -1] - best[..., -2] > 2e-4  # where two classes tie within the tolerance, either is right
    assert clear.mean() > 0.99
    assert len(np.unique(expected.argmax(-1))) > 1
    np.testing.assert_array_equal(scores.argmax(-1)[clear], expected.argmax(-1)[clear])

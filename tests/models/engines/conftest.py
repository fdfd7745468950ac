"""Bundles with settled statistics, engines that do not need Keras, and drivers of GPUs."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.networks.presets import DEFAULT_PRESET, build_preset
from geoseg.models.saved_network import save_bundle

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) {{ return {status}; }}
int cuDeviceGetCount(int *count) {{ *count = 2; return 0; }}
int cuDeviceGet(int *device, int number) {{ *device = number; return 0; }}
int cuDeviceGetName(char *name, int size, int device) {{
    strncpy(name, device ? "Tesla T4" : "NVIDIA H200", size);
    return 0;
}}
int cuDeviceGetAttribute(int *value, int attribute, int device) {{ *value = device ? 7 : 9; return 0; }}
"""


def settle(network):
    """Give normalisations the statistics and the last layer the contrast of a trained network."""
    random = np.random.default_rng(7)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gain, shift, mean, variance = (np.empty(values.shape) for values in layer.get_weights())
            layer.set_weights(
                [
                    random.uniform(0.7, 1.4, gain.shape),
                    random.normal(0, 0.3, shift.shape),
                    random.normal(0, 0.3, mean.shape),
                    random.uniform(0.5, 1.5, variance.shape),
                ]
            )
    last = network.get_layer("probabilities")
    kernel, bias = last.get_weights()
    features = keras.Model(network.input, last.input)(random.uniform(0, 255, (1, 64, 64, 3)), training=False)
    scores = keras.ops.convert_to_numpy(features) @ kernel[0, 0]
    last.set_weights([kernel / scores.std(), bias])
    return network


@pytest.fixture(scope="session")
def settled(tmp_path_factory):
    """Save a narrow preset of 5 classes with settled statistics and return its path."""

    @cache
    def save(preset, width=2) -> Path:
        keras.utils.set_random_seed(3)
        path = tmp_path_factory.mktemp("bundles") / f"{preset}.keras"
        network = settle(build_preset(preset, bands=3, classes=5, width=width))
        save_bundle(network, make_card(tile=64, multiple=64), path)
        return path

    return save


@pytest.fixture(scope="session")
def bundle(settled):
    """The default preset."""
    return settled(DEFAULT_PRESET, width=8)


@pytest.fixture(scope="session", params=["openvino", "onnxruntime"])
def engine(request):
    """Class of an engine that does not need Keras."""
    if request.param == "openvino":
        return OpenVINOEngine
    pytest.importorskip("onnxruntime")
    from geoseg.models.engines.on_onnx_runtime import OnnxRuntimeEngine

    return OnnxRuntimeEngine


@pytest.fixture(scope="session")
def tiles():
    """Random tiles, the same for the same side."""

    def make(count, side=64):
        return np.random.default_rng(side).uniform(0, 255, (count, side, side, 3)).astype(np.float32)

    return make


@pytest.fixture
def build_driver(tmp_path):
    """Compile an NVIDIA driver library in `tmp_path` that offers two GPUs, or whose start fails with a status."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build a driver library with")

    def build(status=0):
        source = tmp_path / "driver.c"
        source.write_text(DRIVER.format(status=status))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", source], check=True)

    return build


@pytest.fixture(scope="session")
def reference(tiles):
    """Probabilities of a bundle in Keras for random tiles, computed once for all engines."""

    @cache
    def score(bundle, side=64):
        return KerasEngine(bundle)(tiles(1, side))

    return score

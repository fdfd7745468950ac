"""The precision of a training step follows the hardware."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from geoseg.models.engines import on_openvino
from geoseg.models.engines.hardware import Gpu, Gpus
from geoseg.training.build import compile_network
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve
from geoseg.training.run import precision
from geoseg.training.run.precision import choose_precision

CPU = ["CPU:0"]


@pytest.fixture
def formats(monkeypatch):
    """Set the number formats that the processor computes in."""
    return lambda *names: monkeypatch.setattr(on_openvino, "capabilities", lambda core: list(names))


def test_this_processor():
    """bfloat16 is chosen on processors that say they have instructions for it."""
    described = Path("/proc/cpuinfo").read_text()
    chosen = "mixed_bfloat16" if "avx512_bf16" in described or "amx_bf16" in described else "float32"
    assert choose_precision("auto", CPU) == chosen


def test_what_a_recipe_names_is_used(formats):
    """A named precision is used on any processor."""
    formats("FP32")
    assert choose_precision("mixed_bfloat16", CPU) == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ([Gpu(name="H100", bfloat16=True)] * 2, "mixed_bfloat16"),
        ([Gpu(name="H100", bfloat16=True), Gpu(name="T4", bfloat16=False)], "float32"),
        ([], "mixed_bfloat16"),  # a TPU, or a GPU of another maker
    ],
)
def test_accelerators(monkeypatch, formats, found, chosen):
    """Accelerators train in bfloat16 if all of them compute in it, whatever the processor does."""
    formats("FP32")
    monkeypatch.setattr(precision, "find_gpus", lambda: Gpus(found=tuple(found)))
    assert choose_precision("auto", ["gpu:0", "gpu:1"]) == chosen


@pytest.mark.parametrize(("names", "chosen"), [(["FP32"], "float32"), (["FP32", "BF16"], "mixed_bfloat16")])
def test_the_network_has_it(formats, names, chosen):
    """By default, the network's layers have the precision that the hardware suggests."""
    formats(*names)
    recipe = {
        "name": "own",
        "data": [{"name": "town", "images": "images"}],
        "legend": "aerial",
        "network": {"width": 4, "depth": 1},
        "schedule": {"window": 32},
    }
    data = SimpleNamespace(class_pixels=lambda: np.ones(5))
    training = compile_network(resolve(parse_recipe(recipe, source="own.toml")), data, lambda batch: batch, CPU)
    *others, last = (layer for layer in training.layers if isinstance(layer, keras.layers.Conv2D))
    assert {layer.dtype_policy.name for layer in others} == {chosen}
    assert last.dtype_policy.name == "float32"

"""Engine, precision and devices are chosen without loading a framework that is not used."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import keras
import pytest

from geoseg.errors import UsageError
from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.runtime import choose_runtime


def choose(*arguments, environment=None, setup="", **choices):
    """Choose in a process of its own; returns the runtime, what it warned of, and the frameworks it imported."""
    script = f"""
import dataclasses, json, sys, warnings
from geoseg.models.engines.runtime import choose_runtime
{setup}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = choose_runtime(*{arguments!r}, **{choices!r})
frameworks = sorted({{"keras", "tensorflow", "jax", "torch", "openvino", "onnxruntime"}} & set(sys.modules))
print(json.dumps([dataclasses.asdict(found), [str(each.message) for each in caught], frameworks]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ | (environment or {})
    )
    return json.loads(done.stdout)


@pytest.fixture
def driver(tmp_path, build_driver):
    """Environment of a machine whose NVIDIA driver offers two GPUs."""
    build_driver()
    return {"LD_LIBRARY_PATH": str(tmp_path), "KERAS_BACKEND": "jax"}


def test_openvino_is_the_default_on_a_cpu():
    """Without a GPU the network runs in OpenVINO in float32; choosing it imports no framework."""
    runtime, warned, frameworks = choose(environment={"CUDA_VISIBLE_DEVICES": ""})
    assert (runtime["engine"], runtime["precision"], runtime["hardware"]) == ("openvino", "float32", "CPU")
    assert runtime["version"].startswith("openvino 20")
    assert (runtime["devices"], warned, frameworks) == ([], [], [])


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_unused_gpu_is_reported(driver):
    """A GPU that the backend cannot use is named, with the reason and what to install; the CPU is used."""
    runtime, warned, _ = choose(environment=driver)
    assert runtime["engine"] == "openvino"
    assert warned == [
        "a GPU (NVIDIA H200, Tesla T4) is not used: JAX has no CUDA plugin; install it with "
        "`pip install 'geoseg[jax-cuda]'`."
    ]


def test_cpu_on_purpose_is_silent(driver):
    """Who asks for the CPU, or for an engine of CPUs, is not told of GPUs."""
    for choices in ({"devices": "cpu"}, {"engine": "openvino"}):
        runtime, warned, frameworks = choose(environment=driver, **choices)
        assert (runtime["engine"], warned, frameworks) == ("openvino", [], [])


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_devices_by_number():
    """Devices are chosen by kind and number, or all of the best kind; a list that names one twice names it once."""
    forced = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    for devices, expected in (("all", ["cpu:0", "cpu:1", "cpu:2"]), ("cpu:2,0,2", ["cpu:2", "cpu:0"])):
        runtime, _, _ = choose("keras", devices=devices, environment=forced)
        assert runtime["devices"] == expected
        assert (runtime["precision"], runtime["hardware"]) == ("float32", "CPU")


def test_gpu_that_no_backend_can_use(driver):
    """A backend of Keras that networks do not run on is the reason why a GPU is not used."""
    runtime, warned, _ = choose(environment=driver | {"KERAS_BACKEND": "numpy"})
    assert (runtime["engine"], runtime["hardware"]) == ("openvino", "CPU")
    assert warned == [
        "a GPU (NVIDIA H200, Tesla T4) is not used: networks do not run on Keras's backend numpy; set KERAS_BACKEND to "
        "tensorflow, jax or torch."
    ]


def test_gpus_of_pytorch(monkeypatch):
    """PyTorch's CUDA devices are Keras's GPUs, with the memory that the driver reports."""
    cuda = SimpleNamespace(device_count=lambda: 2, mem_get_info=lambda number: (1, 10 + number))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    backend = find_backend()
    assert [(each.name, each.memory) for each in backend.devices("gpu")] == [("gpu:0", 10), ("gpu:1", 11)]
    assert [each.name for each in backend.devices("cpu")] == ["cpu:0"]
    assert backend.devices("tpu") == ()


GPUS = """
from geoseg.models.engines import devices
from geoseg.models.engines.device import Device
class Both:
    def devices(self, kind):
        count = {"gpu": 2, "cpu": 1}.get(kind, 0)
        return tuple(Device(name=f"{kind}:{number}", memory=None, handle=None) for number in range(count))
devices.find_backend = Both
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("auto", (["gpu:0", "gpu:1"], "float16", "NVIDIA H200, Tesla T4")),
        ("gpu:0", (["gpu:0"], "bfloat16", "NVIDIA H200")),
        ("gpu:1", (["gpu:1"], "float16", "Tesla T4")),
        ("cpu", (["cpu:0"], "float32", "CPU")),
    ],
)
def test_hardware_in_use(driver, backend, devices, expected):
    """The hardware and the precision are those of the devices in use; `cpu` means a CPU although Keras has GPUs."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    driver = driver | {"KERAS_BACKEND": backend}
    runtime, warned, _ = choose("keras", devices=devices, environment=driver, setup=GPUS)
    assert (runtime["devices"], runtime["precision"], runtime["hardware"]) == (*expected,)
    assert not warned


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"engine": "tensorrt"}, "`engine` 'tensorrt' is unknown; choose one of auto, openvino, onnxruntime, keras"),
        ({"precision": "int4"}, "`precision` 'int4' is unknown; choose one of auto, float32"),
        ({"devices": "tpu"}, "`devices` 'tpu' is unknown; choose auto, cpu, all, or a list such as gpu:0,1"),
        ({"devices": "gpu:"}, "`devices` 'gpu:' is unknown"),
        ({"engine": "openvino", "devices": "gpu:0"}, "engine openvino runs on the whole CPU, not on gpu:0"),
        ({"engine": "keras", "devices": "gpu:99"}, "no device gpu:99"),
        ({"engine": "keras", "precision": "int8", "devices": "cpu"}, "`precision` int8 needs engine openvino"),
        ({"engine": "keras", "precision": "float16", "devices": "cpu"}, "float32 on a CPU, not in float16"),
    ],
)
def test_what_cannot_be_chosen(choices, sentence):
    """A name that is unknown, or does not fit the others, ends in a sentence."""
    with pytest.raises(UsageError) as error:
        choose_runtime(**choices)
    assert sentence in str(error.value)


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Register an engine of another package, `fast`, by the source of its loader."""
    package = tmp_path / "fast_engine-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: fast-engine\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text("[geoseg.engines]\nfast = fast_engine:load\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fast_engine", raising=False)

    def write(more=""):
        (tmp_path / "fast_engine.py").write_text(
            f"def load(bundle, options):\n    return lambda pixels: pixels\n{more}"
        )

    return write


def test_engine_of_another_package(register):
    """A package registers an engine by an entry point; it is found by name, and listed. Its hardware is not guessed."""
    register()
    assert str(choose_runtime("fast")) == "fast-engine 1.2, float32, unknown"
    with pytest.raises(UsageError, match="keras, fast"):
        choose_runtime("slow")


def test_hardware_of_another_package(register):
    """An engine of another package may tell what it runs on; `devices` do not choose it."""
    register("load.hardware = lambda: 'CPU'\n")
    assert choose_runtime("fast", devices="cpu").hardware == "CPU"
    for devices in ("all", "gpu:0"):
        with pytest.raises(UsageError, match=f"chooses its devices itself; choose `devices=auto`, not {devices}"):
            choose_runtime("fast", devices=devices)

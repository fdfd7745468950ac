import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.errors import UsageError
from geoseg.models import backend
from geoseg.models.backend import start_keras, without_chatter

CHATTER = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795243184.172818    6417 port.cc:153] oneDNN custom operations are on. You may see slightly different
I0000 00:00:1795243184.228775    6417 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use available
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate flags.
E0000 00:00:1795243192.948627    6514 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to \
cuInit: UNKNOWN ERROR (303)
E0000 00:00:1795799255.463217   18313 util.cc:131] oneDNN supports DT_INT32 only on platforms with AVX-512. Falling \
back to the default Eigen-based implementation if present.
"""
FAULTS = b"""\
W0000 00:00:1795243184.172818    6417 gpu_device.cc:2344] Cannot dlopen some GPU libraries.
E0000 00:00:1795243192.948627    6514 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
F0000 00:00:1795243192.948627    6514 cpu_feature_guard.cc:38] The TensorFlow library was compiled to use AVX
Traceback (most recent call last):
a line without an end"""


def test_faults_are_passed_on_and_chatter_is_not(capfd):
    """Of the lines written past Python to standard error, only harmless ones are dropped."""
    with without_chatter():
        os.write(2, CHATTER + FAULTS)
    os.write(2, CHATTER)
    assert capfd.readouterr().err.encode() == FAULTS + CHATTER


def test_faults_are_passed_on_where_the_import_fails(capfd):
    """The output of a failed import appears before its exception is raised."""

    def fail():
        with without_chatter():
            os.write(2, CHATTER + FAULTS)
            raise ImportError("no backend")

    with pytest.raises(ImportError, match="no backend"):
        fail()
    assert capfd.readouterr().err.encode() == FAULTS


def test_without_standard_error(capfd, monkeypatch):
    """Where standard error is closed, another file may have its descriptor, which is left alone."""
    monkeypatch.setattr(sys, "stderr", None)
    with without_chatter():
        os.write(2, CHATTER)
    assert capfd.readouterr().err.encode() == CHATTER


def run(code, **environment):
    """Run Python code in a separate process, without what other tests may have set, and return its result."""
    unset = ("KERAS_HOME", "PYTHONWARNINGS", "TF_ENABLE_ONEDNN_OPTS")
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, cwd="/", capture_output=True, text=True, check=True
    )


def test_keras_starts_quietly_and_leaves_no_trace(tmp_path):
    """Starting the default backend and running an operation prints nothing, and creates no `~/.keras`."""
    code = (
        "from geoseg.models.backend import start_keras; start_keras()\n"
        "import keras; print(keras.backend.backend(), float(keras.ops.sum(keras.ops.ones(3))))"
    )
    environment = {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    finished = run(code, PYTHONPATH=os.pathsep.join(sys.path), **environment)
    assert finished.stderr == ""
    assert finished.stdout.split() == [os.environ.get("KERAS_BACKEND", "tensorflow"), "3.0"]
    assert not (tmp_path / ".keras").exists()


@pytest.fixture
def choose(monkeypatch):
    """Set an environment variable, or none, for a test that starts Keras."""

    def set_(name, value):
        monkeypatch.setenv(name, value or "")  # so that the variable is put back, whoever sets it then
        if value is None:
            monkeypatch.delenv(name)

    return set_


@pytest.mark.parametrize(("chosen", "level"), [(None, "1"), ("0", "0")])
def test_tensorflow_says_no_more_than_warnings(choose, chosen, level):
    """Information of TensorFlow does not get between the lines of a training, unless the user asks for it."""
    choose("TF_CPP_MIN_LOG_LEVEL", chosen)
    start_keras()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == level


@pytest.mark.parametrize(
    ("machine", "trains", "chosen", "used"),
    [
        ("x86_64", True, None, "1"),
        ("x86_64", True, "0", "0"),
        ("x86_64", False, None, None),
        ("aarch64", True, None, None),
    ],
)
def test_training_uses_onednn(choose, monkeypatch, machine, trains, chosen, used):
    """Training is faster with oneDNN on every x86 processor; predictions round as TensorFlow does by itself."""
    choose("TF_ENABLE_ONEDNN_OPTS", chosen)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    start_keras(trains=trains)
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == used


def test_integers_in_a_network_print_nothing(tmp_path):
    """What the first gradient of an enlarging layer has oneDNN say of integers, on some processors, is not shown."""
    code = (
        "from geoseg.models.backend import start_keras; start_keras()\n"
        "import numpy as np, keras\n"
        "network = keras.Sequential([keras.layers.Conv2D(1, 1), keras.layers.UpSampling2D(2)])\n"
        "network.compile(loss='mse')\n"
        "images, labels = np.ones((3, 2, 2, 1)), np.ones((3, 4, 4, 1))\n"
        "found = network.fit(images, labels, batch_size=2, verbose=0)\n"
        "print(found.history['loss'][0] >= 0)"
    )
    finished = run(code, PYTHONPATH=os.pathsep.join(sys.path), HOME=str(tmp_path))
    assert (finished.stdout.split(), finished.stderr) == (["True"], "")


def test_the_user_s_keras_settings_count(tmp_path):
    """An existing `~/.keras` remains Keras's home."""
    (tmp_path / ".keras").mkdir()
    code = (
        "import os\n"
        "from geoseg.models.backend import _without_new_home\n"
        "with _without_new_home(): print('KERAS_HOME' in os.environ)\n"
        "os.rmdir(os.path.expanduser('~/.keras'))\n"
        "with _without_new_home(): print(os.path.isdir(os.environ['KERAS_HOME']))\n"
        "print('KERAS_HOME' in os.environ)"
    )
    finished = run(code, PYTHONPATH=os.pathsep.join(sys.path), HOME=str(tmp_path))
    assert finished.stdout.split() == ["False", "True", "False"]


def test_cards_and_presets_need_no_keras():
    """Listing or describing models does not load Keras, which takes seconds."""
    code = (
        "import sys, geoseg.models.engines.on_keras, geoseg.models.networks.presets\n"
        "print(*{'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    assert run(code, PYTHONPATH=os.pathsep.join(sys.path)).stdout.split() == []


@pytest.mark.slow
def test_networks_of_another_backend_need_no_tensorflow(tmp_path):
    """To copy a network for JAX takes no seconds for TensorFlow's import; layers that need TensorFlow still find it."""
    pytest.importorskip("jax")
    code = (
        "import sys\n"
        "from geoseg.models.backend import start_keras; start_keras()\n"
        "import keras\n"
        "from geoseg.models.engines.devices import find_backend\n"
        "from geoseg.models.engines.engine import EngineOptions\n"
        "from geoseg.models.engines.on_devices import load_on_devices\n"
        "from geoseg.models.engines.on_keras import KerasEngine\n"
        "layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Softmax()]\n"
        "network = keras.Sequential([keras.Input((32, 32, 3)), *layers])\n"
        "KerasEngine(network)\n"
        "for precision in ('float32', 'bfloat16'):\n"
        "    load_on_devices(network, EngineOptions(precision=precision), find_backend().devices('cpu')[:1])\n"
        "print('tensorflow' in sys.modules)\n"
        "keras.layers.StringLookup()\n"
        "print('tensorflow' in sys.modules)\n"
    )
    finished = run(code, PYTHONPATH=os.pathsep.join(sys.path), HOME=str(tmp_path), KERAS_BACKEND="jax")
    assert finished.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("name", ["numpy", "openvino", "mxnet"])
def test_backend_that_runs_no_networks(monkeypatch, name):
    """A backend that trains or predicts nothing is named, with those that do."""
    monkeypatch.setattr(backend, "keras_backend", lambda: name)
    with pytest.raises(UsageError) as error:
        start_keras()
    assert str(error.value) == (
        f"networks do not run on Keras's backend {name}; set KERAS_BACKEND to tensorflow, jax or torch."
    )


@pytest.mark.parametrize(
    ("installed", "advice"),
    [
        (("tensorflow", "jax"), ", or set KERAS_BACKEND to tensorflow or jax"),
        (("jax",), ", or set KERAS_BACKEND to jax"),
        ((), ""),
    ],
)
def test_backend_that_is_not_installed(monkeypatch, installed, advice):
    """A backend that is missing is named, with what to install or choose."""
    monkeypatch.setattr(backend, "keras_backend", lambda: "torch")
    monkeypatch.setattr(backend, "find_spec", lambda name: name in installed or None)
    with pytest.raises(UsageError) as error:
        start_keras()
    assert str(error.value) == (f"Keras's backend torch is not installed; install it with `pip install torch`{advice}.")


def test_backend_that_does_not_start(tmp_path):
    """A backend whose import fails is reported in a sentence."""
    (tmp_path / "jax.py").write_text("raise ImportError('libjax.so is missing')\n")
    code = (
        "from geoseg.errors import UsageError\n"
        "from geoseg.models.backend import start_keras\n"
        "try:\n    start_keras()\nexcept UsageError as error:\n    print(error)"
    )
    finished = run(code, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]), KERAS_BACKEND="jax")
    assert finished.stdout == "Keras does not start on jax (libjax.so is missing); install jax again.\n"


def test_commands_name_the_backend(monkeypatch, tmp_path, write_scene, write_bundle, noise):
    """Commands that need Keras end in one sentence where its backend cannot be used."""
    monkeypatch.setattr(backend, "keras_backend", lambda: "numpy")
    scene, bundle = str(write_scene(noise(40, 40))), str(write_bundle())
    recipe = tmp_path / "recipe.toml"
    recipe.write_text((Path(__file__).parents[2] / "recipes" / "aerial.toml").read_text())
    for arguments in (
        ["predict", scene, "-m", bundle, "--engine", "keras", "-o", str(tmp_path)],
        ["info", scene, "-m", bundle, "--engine", "keras"],
        ["models", "export", bundle, "--format", "onnx", "-o", str(tmp_path / "model.onnx")],
        ["train", str(recipe), "-o", str(tmp_path / "run")],
    ):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert result.stderr.lstrip() == (  # after an empty progress bar
            "geoseg: networks do not run on Keras's backend numpy; set KERAS_BACKEND to tensorflow, jax or torch.\n"
        )

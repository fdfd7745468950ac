import os
import subprocess
import sys

import pytest

from geoseg.models.backend import without_chatter

CHATTER = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795243184.172818    6417 port.cc:153] oneDNN custom operations are on. You may see slightly different
I0000 00:00:1795243184.228775    6417 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use available
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate flags.
E0000 00:00:1795243192.948627    6514 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to \
cuInit: UNKNOWN ERROR (303)
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


def run(code, **environment):
    """Run Python code in a separate process and return its result."""
    clean = {name: value for name, value in os.environ.items() if name not in ("KERAS_HOME", "PYTHONWARNINGS")}
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

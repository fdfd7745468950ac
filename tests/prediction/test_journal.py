"""A journal belongs to whatever determines bytes, and to nothing else."""

import pytest

from geoseg.models.bundle import read_card
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.journal import open_journal
from geoseg.prediction.plan import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

CPU = {"engine": "keras", "version": "1", "precision": "float32", "hardware": "CPU"}
GPUS = CPU | {"precision": "bfloat16", "hardware": "NVIDIA H200", "devices": ("gpu:0", "gpu:1")}


@pytest.fixture
def folder(write_scene, write_bundle, noise, tmp_path):
    """Return a function that names the journal's folder of a run."""
    scene, bundle = open_scene(write_scene(noise(50, 60))), write_bundle()

    def name(runtime, **settings):
        planned = plan(scene, read_card(bundle), Settings(**settings), runtime=Runtime(**runtime))
        return open_journal(tmp_path, planned, bundle).folder

    return name


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "openvino"},
        {"version": "2"},
        {"precision": "float16"},
        {"hardware": "Tesla T4"},
        {"devices": ("cpu:0",)},
    ],
)
def test_what_else_runs_the_network_does_not_resume(folder, change):
    """Another engine, version, precision, kind of hardware, or chosen devices in place of the whole CPU."""
    assert folder(CPU | change) != folder(CPU)


def test_any_number_of_devices_resumes(folder):
    """A run with two GPUs is resumed with one of the same kind."""
    assert folder(GPUS | {"devices": ("gpu:1",)}) == folder(GPUS)


def test_batch_size(folder):
    """Another batch resumes on a CPU, and not on GPUs, whose kernels depend on it."""
    assert folder(CPU, batch_size=4) == folder(CPU)
    assert folder(GPUS, batch_size=4) != folder(GPUS)

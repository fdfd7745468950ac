"""Tiles that no memory can hold are refused before anything is computed; what may not fit is reported."""

import re
import shutil

import numpy as np
import pytest
from processes import finish, one_sentence, shipped
from standins import warned

import geoseg
from geoseg.batch.batch import batch
from geoseg.errors import UsageError
from geoseg.evaluation.evaluate_model import evaluate_model
from geoseg.models.engines.hardware import most_memory
from geoseg.prediction.executors import LocalExecutor
from geoseg.prediction.predict import predict_each

HUGE = 16 * 10**6
"""Side of a tile that takes petabytes."""


class Narrow(LocalExecutor):
    """A machine whose memory is nearly all in use."""

    memory = 1_000_000


@pytest.fixture
def scene(write_scene, noise):
    return write_scene(noise(60, 70))


CALLS = {
    "predict": lambda scene, model, options: geoseg.predict(scene, model=model, **options),
    "predict_each": lambda scene, model, options: [*predict_each([scene], model=model, **options)],
    "batch": lambda scene, model, options: batch([str(scene)], model=model, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_tiles_that_are_too_large(scene, write_bundle, echo, tmp_path, call):
    """The sentence names the tile, what it needs, what there is, and the model's tile; no results are begun."""
    with pytest.raises(
        UsageError, match=r"^a tile of 16000000 × 16000000 pixels needs at least 5\.9 PB of memory"
    ) as error:
        CALLS[call](scene, write_bundle(), {"folder": tmp_path / "maps", "tile": HUGE, "load": echo})
    assert re.search(
        r" can have [\d.]+ [GT]B at most, with swap; choose a smaller `tile`, such as the 64 of", str(error.value)
    )
    assert not list((tmp_path / "maps").glob("*scene*"))


def test_tiles_that_are_too_large_for_a_model(scene, write_bundle, echo, tmp_path, noise):
    """A loaded model refuses them for scenes, rows and arrays alike, and so does an evaluation of it."""
    model = geoseg.Model(write_bundle(), load=echo)
    labels = shutil.copy(scene, tmp_path / "labels.tif")
    calls = [
        lambda: model.predict(scene, folder=tmp_path, tile=HUGE),
        lambda: model.rows(scene, tile=HUGE),
        lambda: model.predict_array(noise(60, 70), tile=HUGE),
        lambda: evaluate_model(model.path, scene, labels, load=echo, tile=HUGE),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"^a tile of 16000000 × 16000000 pixels needs at least 5\.9 PB"):
            call()


def test_the_command(scene, tmp_path):
    """Feature maps count: of four times this machine's memory, not a byte is allocated."""
    side = int(np.sqrt(most_memory() / 96)) // 32 * 32  # 128 bytes of feature maps for each pixel, and some more
    code, text = finish(
        shipped("predict", scene, "-o", tmp_path / "maps", "-q", "--engine", "openvino", "--tile", side)
    )
    assert code == 2
    one_sentence(text, f"a tile of {side} × {side} pixels needs at least", "--tile, such as the 512 of model aerial")
    assert not list((tmp_path / "maps").glob("*"))


def test_a_run_that_may_not_fit(scene, write_bundle, echo, tmp_path):
    """It is reported and runs: the estimate is an upper one, and other programs may end."""
    given = {"model": write_bundle(), "folder": tmp_path, "load": echo, "executor": Narrow()}
    with warned(r"scene.tif may need [\d.]+ GB of memory, and 1\.0 MB are available; free some, or lower `memory`\."):
        assert geoseg.predict(scene, **given).outputs.classes.exists()
    with warned("scene.tif may need"):
        [*predict_each([scene], **given, overwrite=True)]

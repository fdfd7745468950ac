"""Several devices take the same step as one. Backends count devices at start, so each test has its own process."""

import json
import os
import subprocess
import sys

import pytest

from geoseg.errors import UsageError
from geoseg.training.run.devices import choose_devices

STEP = """
import json, os
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from geoseg.models.losses.pixels import MarginalCrossEntropy, WeightedSum
from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard
from geoseg.models.losses.regions import Lovasz, Tversky
from geoseg.models.legend import Legend, LegendClass
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.learning import Augmentation, TeacherTable
from geoseg.training.run.augmentation import Augmenter
from geoseg.training.run.batches import TrainingBatches
from geoseg.training.run.devices import choose_devices, find_devices, share_statistics, spread
from geoseg.training.run.neural_network import averaged_weights
from geoseg.training.run.teacher import build_teacher
from geoseg.training.run.training_network import TrainingNetwork
from geoseg.training.run.views import Views

SETS = ((0,), (1,), (2,), (0, 1), (0, 1, 2))
kinds = {"allowed": SETS, "classes": 3}
legend = Legend(classes=tuple(LegendClass(name=name, colour=f"#{name * 6}") for name in "abc"))
random = np.random.default_rng(0)
pixels = random.random((8, 8, 8, 3)).astype(np.float32)
labels = random.integers(0, 5, (8, 8, 8)).astype(np.uint8)
augmenter = Augmenter(Augmentation(rotation=20.0, noise=0.1), side=8, bands=3, colour=True)

def windows(seed):
    drawn = np.random.default_rng(seed)
    while True:
        values = drawn.integers(0, 5, [augmenter.margin_side] * 2, dtype=np.uint8)
        yield values[..., None] * np.array([50, 40, 30], np.uint8), values

def train(names):
    keras.utils.set_random_seed(0)
    with spread(names):
        inputs = keras.Input((8, 8, 3))
        features = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)(inputs)
        features = keras.layers.ReLU()(keras.layers.BatchNormalization()(features))
        network = keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(features))
        share_statistics(network, names)
        sets, views = LabelSets(legend=legend, allowed=SETS), Views(Augmentation())
        teacher = build_teacher(TeacherTable(weight=2.0, sure=0.4), network, sets, views, precision="float32")
        network = TrainingNetwork(network, augmenter, [teacher])
        losses = [MarginalCrossEntropy(**kinds), Tversky(**kinds), Lovasz(**kinds)]
        network.compile(
            optimizer=keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.5),
            loss=WeightedSum([(1.0, loss) for loss in losses]),
            metrics=[LabelAccuracy(**kinds), LabelJaccard(**kinds)],
            jit_compile=keras.backend.backend() == "jax",
        )
        network.build_variables()
        batches = TrainingBatches(windows, augmenter.draw, seed=1, steps=3, size=4)
        history = network.fit(batches, epochs=2, shuffle=False, verbose=0).history
        batches.close()
        with averaged_weights(network, [pixels[:4]]):
            scores = network.evaluate(pixels, labels, batch_size=4, verbose=0, return_dict=True)
        weights = [np.asarray(weight).ravel().tolist() for weight in network.get_weights()]
    return {"devices": names, "history": history, "scores": scores, "weights": weights}

print(json.dumps([train(choose_devices(find_devices(), count, batch=4)) for count in (1, 2)]))
"""


def steps(backend):
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    environment.pop("PYTHONWARNINGS", None)
    finished = subprocess.run(
        [sys.executable, "-c", STEP], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_take_the_step_that_one_takes(backend):
    """With the same batches, two devices have the same losses, scores, weights and averaged scores as one."""
    pytest.importorskip(backend)
    one, two = steps(backend)
    assert (len(one.pop("devices")), len(two.pop("devices"))) == (1, 2)
    for part in ("history", "scores"):
        assert set(one[part]) == {"loss", "accuracy", "jaccard"}
        for name, value in one[part].items():
            assert two[part][name] == pytest.approx(value, rel=1e-4), (part, name)
    for left, right in zip(one["weights"], two["weights"], strict=True):
        assert right == pytest.approx(left, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    ("found", "count", "chosen"),
    [
        (["/device:GPU:0", "/device:GPU:1", "/device:CPU:0"], None, ("/device:GPU:0", "/device:GPU:1")),
        (["/device:GPU:0", "/device:GPU:1", "/device:CPU:0"], 1, ("/device:GPU:0",)),
        (["cpu:0", "cpu:1"], None, ("cpu:0",)),
        (["cpu:0", "cpu:1"], 2, ("cpu:0", "cpu:1")),
    ],
)
def test_devices_are_chosen_by_themselves(found, count, chosen):
    """All accelerators are used by default, or one CPU; otherwise as many as asked for."""
    assert choose_devices(found, count, batch=4) == chosen


def test_more_devices_than_there_are_is_an_error():
    """The error lists the devices."""
    with pytest.raises(UsageError, match=r"`devices=2` is too many.*gpu:0"):
        choose_devices(["gpu:0", "cpu:0"], 2, batch=4)

"""Checkpoints to resume a run from."""

import h5py
import keras
import numpy as np
import pytest

from geoseg.errors import OutputError
from geoseg.training.run.checkpoint import SaveCheckpoint, load_checkpoint

STEPS = 4


class Killed(BaseException):
    """Stands for a signal."""


def build():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    network.compile(keras.optimizers.AdamW(0.1, use_ema=True), loss="mse", jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    return network


def run(path, epochs):
    """Train from the checkpoint, if there is one, until so many epochs are done."""
    network, pixels = build(), np.random.default_rng(0).normal(size=(8 * STEPS, 3))
    done = load_checkpoint(path, network)
    labels = pixels.sum(axis=1, keepdims=True)
    network.fit(pixels, labels, batch_size=8, epochs=epochs, initial_epoch=done, shuffle=False, verbose=0,
                callbacks=[SaveCheckpoint(path)])  # fmt: skip
    return done, network


def check_equal(one, other):
    for mine, its in zip(one.weights + one.optimizer.variables, other.weights + other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(its))


def test_a_new_run_has_no_checkpoint(tmp_path):
    """Without a checkpoint, no epoch is done and the network stays."""
    network = build()
    assert load_checkpoint(tmp_path / "latest.weights.h5", network) == 0
    check_equal(network, build())


@pytest.mark.parametrize("killed_in", ["weights", "epoch", "rename"])
def test_a_run_killed_while_it_saves(tmp_path, monkeypatch, killed_in):
    """Whatever of a checkpoint was written, the run resumes from the one before, and ends as if not interrupted."""
    _, whole = run(tmp_path / "whole.weights.h5", 3)
    path = tmp_path / "latest.weights.h5"
    run(path, 1)

    def kill(*arguments, **named):
        raise Killed

    save = keras.Model.save_weights

    def save_half(network, new):
        save(network, new)
        new.write_bytes(new.read_bytes()[:1000])
        raise Killed

    with monkeypatch.context() as patch:
        if killed_in == "weights":
            patch.setattr(keras.Model, "save_weights", save_half)
        elif killed_in == "epoch":
            patch.setattr(h5py.AttributeManager, "__setitem__", kill)
        else:
            patch.setattr("geoseg.files.publish", kill)
        with pytest.raises(Killed):
            run(path, 3)
    done, resumed = run(path, 3)
    assert done == 1
    assert int(resumed.optimizer.iterations) == 3 * STEPS
    check_equal(resumed, whole)


def test_weights_that_are_no_checkpoint(tmp_path):
    """Weights without an epoch are refused by their path."""
    path = tmp_path / "latest.weights.h5"
    build().save_weights(path)
    with pytest.raises(OutputError, match=r"latest\.weights\.h5 does not say its epoch"):
        load_checkpoint(path, build())

"""Checkpoints to resume a run from."""

import h5py
import keras
import numpy as np
import pytest
from standins import files_of_at_most

from geoseg.errors import OutputError
from geoseg.models.networks.presets import build_preset
from geoseg.training.run.best_weights import BestWeights
from geoseg.training.run.checkpoint import SaveCheckpoint, load_checkpoint, save_weights

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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_full_disk(tmp_path, share):
    """A disk without room ends in a sentence, before HDF5 finds it full: closing its file would end the process."""
    path, best = tmp_path / "latest.weights.h5", BestWeights(tmp_path / "best.weights.h5")
    _, network = run(path, 1)
    best.save(network, 1)
    checkpoint = SaveCheckpoint(path)
    checkpoint.set_model(network)
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with files_of_at_most(int(share * path.stat().st_size)):
        with pytest.raises(OutputError, match=r"latest\.weights\.h5"):
            checkpoint.on_epoch_end(1)
        with pytest.raises(OutputError, match=r"best\.weights\.h5|previous\.weights\.h5"):
            best.save(network, 2)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == files


@pytest.mark.parametrize("width", [None, 4])
def test_room_for_weights(tmp_path, monkeypatch, width):
    """The room that is taken beforehand is at least that of the file."""
    network = build() if width is None else build_preset("attention_resunet", bands=3, classes=5, width=width)
    network.compile(keras.optimizers.AdamW(0.1, use_ema=True), loss="mse")
    network.optimizer.build(network.trainable_variables)
    sizes, save = [], keras.Model.save_weights

    def measured(network, new):
        sizes.append(new.stat().st_size)
        save(network, new)

    monkeypatch.setattr(keras.Model, "save_weights", measured)
    save_weights(network, tmp_path / "a.weights.h5", epoch=1)
    (room,), needed = sizes, (tmp_path / "a.weights.h5").stat().st_size
    assert needed <= room <= 2 * needed + 100_000


def test_weights_that_are_no_checkpoint(tmp_path):
    """Weights without an epoch are refused by their path."""
    path = tmp_path / "latest.weights.h5"
    build().save_weights(path)
    with pytest.raises(OutputError, match=r"latest\.weights\.h5 does not say its epoch"):
        load_checkpoint(path, build())

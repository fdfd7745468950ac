"""Batches depend only on seed, epoch and step, in any order."""

from itertools import count

import numpy as np
import pytest

from geoseg.threads import at_work
from geoseg.training.run.batches import TrainingBatches


def streams(opened):
    """Windows that encode their stream and their number in it."""

    def windows(seed):
        opened.append(seed)
        for number in count():
            yield np.array([[[seed, number]]], np.float32), np.zeros((1, 1), np.uint8)

    return windows


def draw(seed, windows):
    """Stands in for an augmenter: its changes are the seed."""
    return {"seed": np.full(windows, seed)}


@pytest.fixture
def opened():
    return []


@pytest.fixture
def make(opened):
    made = []

    def make(**changes):
        made.append(TrainingBatches(streams(opened), draw, **({"seed": 1, "steps": 6, "size": 2} | changes)))
        return made[-1]

    yield make
    for batches in made:
        batches.close()


def epoch_of(batches, epoch):
    batches.epoch = epoch
    return [batches[step] for step in range(len(batches))]


def same(one, two):
    return all(
        left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)
        for (left,), (right,) in zip(one, two, strict=True)
    )


def test_an_epoch_is_the_same_whatever_came_before(make):
    """A run that starts at an epoch has the same batches as a run that reaches it."""
    whole = make()
    first, second = epoch_of(whole, 0), epoch_of(whole, 1)
    assert same(epoch_of(make(), 1), second)
    assert not same(first, second)
    assert not same(epoch_of(make(seed=2), 0), first)


def test_batches_follow_the_stream_of_the_epoch(make, opened):
    """Windows keep the stream's order, none left out or repeated, and each batch has its own seed."""
    batches = epoch_of(make(), 0)
    windows = np.concatenate([batch["images"][:, 0, 0] for (batch,) in batches])
    assert set(windows[:, 0]) == {np.float32(opened[0])}
    np.testing.assert_array_equal(windows[:, 1], np.arange(12))
    assert len({batch["seed"][0] for (batch,) in batches}) == 6


def test_asking_in_any_order_gives_the_same_batches(make):
    """A batch is the same when read again, early or late."""
    batches = make()
    expected = epoch_of(batches, 0)
    for step in (3, 0, 0, 5, 1, 2):
        assert same([batches[step]], [expected[step]])


def test_a_first_look_costs_no_second_stream(make, opened):
    """Keras inspects the first two batches before training: they are not read twice."""
    batches = make()
    _ = batches[0], batches[1]
    epoch_of(batches, 0)
    assert len(opened) == 1


def test_closing_ends_all_threads(make):
    """After closing, even during an epoch, no thread prepares batches."""
    before = len(at_work())
    batches = make(steps=50)
    _ = batches[0]
    assert len(at_work()) > before
    batches.close()
    assert len(at_work()) == before


def test_an_error_of_the_data_reaches_who_asks():
    """An exception from reading is raised unchanged where the batch is read."""

    def windows(seed):
        yield np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)
        raise OSError("the disk is gone")

    batches = TrainingBatches(windows, draw, seed=0, steps=3, size=1)
    with pytest.raises(OSError, match="the disk is gone") as caught:
        _ = batches[0], batches[1]
    assert batches.error is caught.value

"""Training for a time, on a clock that the test moves."""

from itertools import pairwise
from types import SimpleNamespace

import keras
import pytest

from geoseg.training.run.clock import CHECKPOINTS, FollowClock, WhenDue


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ended = []

    def on_epoch_end(self, epoch, logs=None):
        self.ended.append(epoch)


def train(seconds, *, first, step, work, steps=10, rows=(), epoch=0):
    """Train as Keras does, with seconds for the first step, each other step, and a checkpoint."""
    at = [0.0]
    clock = FollowClock(seconds, lambda share: 1 - share, rows, now=lambda: at[0])
    recorder = Recorder()
    network = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5), stop_training=False)
    both = [clock, WhenDue([recorder], clock.is_due)]
    for callback in both:
        callback.set_model(network)
        callback.on_train_begin()
    rates = []
    while not network.stop_training:
        for callback in both:
            callback.on_epoch_begin(epoch)
        for batch in range(steps):
            for callback in both:
                callback.on_train_batch_begin(batch)
            rates.append((at[0], network.optimizer.learning_rate))
            at[0] += step if len(rates) > 1 else first
            if network.stop_training:
                break
        saved = len(recorder.ended)
        for callback in both:
            callback.on_epoch_end(epoch, {})
        at[0] += work * (len(recorder.ended) - saved)
        epoch += 1
    return at[0], rates, recorder.ended, epoch


def test_training_ends_with_the_time():
    """Compiling, steps and checkpoints fit in the time, but for the last of each; the last epoch is kept."""
    end, _, ended, epochs = train(480, first=165, step=0.5, work=4)
    assert 480 <= end <= 480 + 0.5 + 0.5 + 4
    assert ended[-1] == epochs - 1


def test_the_rate_follows_the_clock():
    """From the first step, once compiled, to the end of the time, the rate's share grows evenly."""
    _, rates, _, _ = train(480, first=165, step=0.5, work=0)
    assert rates[0][1] == 1
    for time, rate in rates[1:]:
        assert 1 - rate == pytest.approx((time - 165) / (480 - 165), abs=2e-3)


def test_checkpoints_follow_the_clock():
    """The first epoch has a checkpoint, then about every tenth of the time, and the end."""
    _, _, ended, epochs = train(1000, first=1, step=0.1, work=0)
    assert ended[0] == 0
    assert ended[-1] == epochs - 1
    assert CHECKPOINTS <= len(ended) <= CHECKPOINTS + 2
    gaps = [after - before for before, after in pairwise(ended[:-1])]
    assert max(gaps) - min(gaps) <= 2


def test_a_resumed_run_has_the_time_that_is_left():
    """A run with 300 of its 480 seconds in its history goes on at the rate of that time, for 180 seconds."""
    rows = [{"epoch": 10, "seconds": 200}, {"epoch": 20, "seconds": 100}, {"epoch": 30, "seconds": 50}]
    end, rates, ended, epochs = train(480, first=10, step=0.5, work=0, rows=rows, epoch=20)
    assert 180 <= end <= 181
    assert rates[0][1] == pytest.approx(1 - 300 / 480)
    assert ended[-1] == epochs - 1

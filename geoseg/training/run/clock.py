"""Train for a given time: the learning rate and the checkpoints follow the clock."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras

from .run_folder import Row, seconds_spent

CHECKPOINTS = 10
"""Checkpoints in the time of a run, besides that of the first epoch."""
RATES = 1000
"""Steps of the learning rate in the time of a run: setting it interrupts an accelerator for milliseconds."""

Logs = dict[str, Any]


class FollowClock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Sets the learning rate by the share of the time that has passed, and ends training with the time.

    `rate` gives the learning rate at a share, 0 to 1, which grows evenly from the first step, once it is compiled, to
    the end of `seconds`. `rows` is the history of the run before an interruption; its seconds count.
    """

    def __init__(
        self,
        seconds: float,
        rate: Callable[[float], float],
        rows: Sequence[Row],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._rate = rate
        self._rows = rows
        self._now = now
        self._end: float | None = None
        self._first_step: tuple[float, float] | None = None
        """Time and share at which the first step was done."""
        self._set = -1.0
        self._saved: float | None = None

    @property
    def share(self) -> float:
        """Share of the time that has passed, 0 to 1, not counting what the first step takes to compile."""
        assert self._end is not None  # training has begun
        if self._first_step is None:
            return self._begun
        began, share = self._first_step
        return min(1.0, share + (1 - share) * (self._now() - began) / max(self._end - began, 1e-9))

    def is_due(self) -> bool:
        """Whether a checkpoint is due at the end of an epoch; if so, it counts as made."""
        share = self.share
        if self._saved is not None and share < 1 and share < self._saved + 1 / CHECKPOINTS:
            return False
        self._saved = share
        return True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock at the time recorded by the checkpoint."""
        if self._end is None:
            spent = seconds_spent([row for row in self._rows if row["epoch"] <= epoch])
            self._begun = min(1.0, spent / self._seconds)
            self._end = self._now() + self._seconds - spent
            self._saved = self._begun if epoch else None

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Set the learning rate if it has changed enough, and stop after the last step."""
        if self._first_step is None and self._set >= 0:
            self._first_step = self._now(), self._begun
        share = self.share
        if share >= min(1.0, self._set + 1 / RATES):
            self._set = share
            self.model.optimizer.learning_rate = self._rate(share)
            self.model.stop_training = share >= 1


class WhenDue(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Callbacks for which only the epochs end at which `is_due`, and that do nothing between their steps.

    Keras reads the loss of each step before it sends the next one to the device if a callback of its own list has a
    method for steps.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], is_due: Callable[[], bool]) -> None:
        super().__init__()
        self._callbacks = callbacks
        self._is_due = is_due

    def set_model(self, model: keras.Model) -> None:
        """Set the model of all."""
        for callback in self._callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the parameters of all."""
        for callback in self._callbacks:
            callback.set_params(params)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin all."""
        for callback in self._callbacks:
            callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin an epoch of all."""
        for callback in self._callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """End an epoch of all if due."""
        if self._is_due():
            for callback in self._callbacks:
                callback.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """End all."""
        for callback in self._callbacks:
            callback.on_train_end(logs)

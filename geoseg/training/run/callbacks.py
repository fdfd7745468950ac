"""Keras callbacks of a run: progress, validation and history."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Semaphore
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.tiling.progress import Progress

from .batches import TrainingBatches
from .neural_network import averaged_weights
from .run_folder import Row, is_over, write_history
from .stopwatch import Stopwatch
from .validation import ValidationTiles

AHEAD = 4
"""Steps to send to the device before the loss of the first of them is read."""
PATIENCE_S = 60.0
"""Seconds to wait for a loss before sending one more step: Keras then raises the reading thread's error."""

Logs = dict[str, Any]
EpochDone = Callable[[Row], None]
"""Called with the history row of each epoch."""


class StepProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Sets the epoch of the batches, and reports progress, of `count_steps(done)` steps in all.

    Reading a loss waits for the device, which would idle until the next step is sent. So Keras reads it in another
    thread, and the steps sent are at most `AHEAD` ahead of it.
    """

    async_safe = True
    """Lets Keras call `on_train_batch_end` in another thread."""

    def __init__(self, batches: TrainingBatches, *, count_steps: Callable[[int], int], progress: Progress) -> None:
        super().__init__()
        self._batches = batches
        self._count_steps = count_steps
        self._progress = progress
        self._before = 0
        self._steps = 0
        self._loss = ""
        self._unread = Semaphore(AHEAD)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the epoch of the batches."""
        self._batches.epoch = epoch
        self._before = epoch * len(self._batches)
        self._loss = ""
        self._report(0)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Report the previous steps, with the epoch's mean loss as far as it was read."""
        self._unread.acquire(timeout=PATIENCE_S)
        self._steps = batch + 1
        if batch:
            self._report(batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keep the loss."""
        self._unread.release()
        self._loss = f"loss {logs['loss']:.4f}" if logs and "loss" in logs else ""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Report the last step."""
        self._report(self._steps)

    def _report(self, steps: int) -> None:
        done = self._before + steps
        self._progress(done, self._count_steps(done), self._loss)


class TimeSteps(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Times the steps as `stepping`, and the work between epochs as `validating`.

    The first step is left to the part before, since it compiles. Steps are counted where they are sent to the device.
    """

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self.steps = 0
        """Steps after the first."""
        self._watch = watch
        self._compiled = False

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Begin or resume the steps."""
        if self._compiled:
            self.steps += 1
            if batch == 0 or self.steps == 1:
                self._watch.switch("stepping")
        self._compiled = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """End the steps of an epoch."""
        self._watch.switch("validating")


class KeepBest(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Scores averaged weights on the validation tiles after each epoch, and keeps the best; without tiles, the last.

    Normalisation statistics of the averaged weights are measured on the batches of images in `calibration`. `picture`
    draws the prediction of a scene after the first, the last and each new best epoch, and every `picture_every` epochs;
    it and `keep` are called with the epoch, counted from 1. `rows` is the history of the run before an interruption.
    """

    def __init__(
        self,
        tiles: ValidationTiles | None,
        calibration: Sequence[npt.NDArray[np.float32]],
        *,
        keep: Callable[[int], None],
        picture: Callable[[int], None],
        picture_every: int,
        rows: Sequence[Row],
    ) -> None:
        super().__init__()
        self._tiles = tiles
        self._calibration = calibration
        self._keep = keep
        self._picture = picture
        self._picture_every = picture_every
        self._rows = rows
        self._best: float | None = None
        self._undrawn: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Find the best score of the epochs completed before an interruption."""
        if self._best is None:
            before = (row for row in self._rows if row["epoch"] <= epoch)
            self._best = max((row.get("val_jaccard", -math.inf) for row in before), default=-math.inf)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the validation scores to the logs, for the callbacks after this one."""
        logs = {} if logs is None else logs
        with averaged_weights(self.model, self._calibration):
            if self._tiles is not None:
                scores = self.model.evaluate(self._tiles, verbose=0, return_dict=True)
                logs.update({f"val_{name}": float(score) for name, score in scores.items()})
            score = logs.get("val_jaccard", math.inf)
            # The latest of equals, as in `best_row`.
            is_best = self._best is None or score >= self._best
            if is_best:
                self._best = score
                self._keep(epoch + 1)
            if is_best or (epoch + 1) % self._picture_every == 0 or epoch in (0, self.params["epochs"] - 1):
                self._picture(epoch + 1)
                self._undrawn = None
            else:
                self._undrawn = epoch + 1

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draw the last epoch of a run that stopped early."""
        if self._undrawn is not None:
            with averaged_weights(self.model, self._calibration):
                self._picture(self._undrawn)


class WriteHistory(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Writes a row of history, then calls `done`; stops the run if the loss is not finite, or patience ends.

    `rows` is the history of the run before an interruption. Patience is counted here because Keras's `EarlyStopping`
    would start again in a resumed run.
    """

    def __init__(self, path: Path, rows: Sequence[Row], *, patience: int | None, done: EpochDone) -> None:
        super().__init__()
        self._path = path
        self._rows = list(rows)
        self._patience = patience
        self._done = done
        self._started: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock, and drop the rows of epochs to be repeated after an interruption."""
        if self._started is None:
            self._rows = [row for row in self._rows if row["epoch"] <= epoch]
            self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's row; UsageError if the loss is not finite."""
        assert self._started is not None  # an epoch has begun
        now = time.monotonic()
        row = {
            "epoch": epoch + 1,
            "seconds": round(now - self._started, 2),
            "learning_rate": float(self.model.optimizer.learning_rate),
        } | {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(row["loss"]):
            raise UsageError(f"the loss is {row['loss']} after epoch {epoch + 1}; lower schedule.rate.")
        self._started = now
        self._rows.append(row)
        write_history(self._path, self._rows)
        self._done(row)
        if is_over(self._rows, self._patience):
            self.model.stop_training = True

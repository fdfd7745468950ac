"""Keras callbacks of a run: progress, validation and history."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.tiling.progress import Progress

from .batches import TrainingBatches
from .neural_network import averaged_weights
from .run_folder import Row, is_over, write_history
from .validation import ValidationTiles

Logs = dict[str, Any]
EpochDone = Callable[[Row], None]
"""Called with the history row of each epoch."""


class StepProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Sets the epoch of the batches, and reports progress."""

    def __init__(self, batches: TrainingBatches, *, epochs: int, progress: Progress) -> None:
        super().__init__()
        self._batches = batches
        self._epochs = epochs
        self._progress = progress
        self._before = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the epoch of the batches."""
        self._batches.epoch = epoch
        self._before = epoch * len(self._batches)
        self._progress(self._before, self._epochs * len(self._batches), "")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Report the step, with the epoch's mean loss so far."""
        loss = f"loss {logs['loss']:.4f}" if logs and "loss" in logs else ""
        self._progress(self._before + batch + 1, self._epochs * len(self._batches), loss)


class KeepBest(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Scores averaged weights on the validation tiles after each epoch, and keeps the best; without tiles, the last.

    Normalisation statistics of the averaged weights are measured on the batches of images in `calibration`. `picture`
    draws the prediction of a scene after the first, the last and each new best epoch, and every `picture_every` epochs;
    it is called with the epoch, counted from 1. `rows` is the history of the run before an interruption.
    """

    def __init__(
        self,
        tiles: ValidationTiles | None,
        calibration: Sequence[npt.NDArray[np.float32]],
        *,
        keep: Callable[[], None],
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
            self._best = max((row.get("val_jaccard", -math.inf) for row in self._rows[:epoch]), default=-math.inf)

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
                self._keep()
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
    """Writes a history row per epoch, then calls `done`; stops the run if the loss is not finite, or patience ends.

    `rows` is the history of the run before an interruption. Patience is counted here because Keras's `EarlyStopping`
    would start again in a resumed run.
    """

    def __init__(self, path: Path, rows: Sequence[Row], *, patience: int | None, done: EpochDone) -> None:
        super().__init__()
        self._path = path
        self._rows = list(rows)
        self._patience = patience
        self._done = done
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock, and drop the row of an epoch that was interrupted."""
        self._rows = self._rows[:epoch]
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's row; UsageError if the loss is not finite."""
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.monotonic() - self._started, 2),
            "learning_rate": float(self.model.optimizer.learning_rate),
        } | {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(row["loss"]):
            raise UsageError(f"the loss is {row['loss']} after epoch {epoch + 1}; lower schedule.rate.")
        self._rows.append(row)
        write_history(self._path, self._rows)
        self._done(row)
        if is_over(self._rows, self._patience):
            self.model.stop_training = True

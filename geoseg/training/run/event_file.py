"""Write TensorBoard event files without TensorFlow."""

import os
import time
from pathlib import Path
from typing import Any

import keras
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class WriteEvents(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Writes the logs of each epoch to an event file in a folder; a resumed run begins another file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self._append(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append logs and learning rate, by epoch counted from 1."""
        rate = {"learning_rate": self.model.optimizer.learning_rate}
        values = [Summary.Value(tag=name, simple_value=float(value)) for name, value in (rate | (logs or {})).items()]
        self._append(Event(wall_time=time.time(), step=epoch + 1, summary=Summary(value=values)))

    def _append(self, event: Event) -> None:
        with self._path.open("ab") as file:
            RecordWriter(file).write(event.SerializeToString())

"""Checkpoints of a run: network, optimizer and epoch in one file, so that a kill leaves all of the same moment."""

from pathlib import Path
from typing import Any

import h5py
import keras

from geoseg.errors import OutputError
from geoseg.files import whole

EPOCH = "epoch"
"""Attribute of the file: the number of epochs done."""


class SaveCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Writes a checkpoint atomically after each epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replace the checkpoint."""
        with whole(self._path) as new:
            self.model.save_weights(new)
            with h5py.File(new, "a") as file:
                file.attrs[EPOCH] = epoch + 1


def load_checkpoint(path: Path, network: keras.Model) -> int:
    """Load a network and its optimizer, and return the number of epochs done; 0 if there is no checkpoint.

    Raises OSError if the file is damaged, OutputError if it is no checkpoint.
    """
    if not path.exists():
        return 0
    with h5py.File(path) as file:
        epoch = file.attrs.get(EPOCH)
    if epoch is None:
        raise OutputError(f"{path} does not say its epoch; start the run again in another folder.")
    network.load_weights(path)
    return int(epoch)

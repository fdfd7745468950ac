"""Checkpoints of a run: network, optimizer and epoch in one file, so that a kill leaves all of the same moment."""

import math
import os
from pathlib import Path
from typing import Any

import h5py
import keras

from geoseg.errors import OutputError
from geoseg.files import whole

EPOCH = "epoch"
"""Attribute of the file: the number of epochs done."""
_FILE, _VARIABLE = 2**15, 2**11
"""Most bytes that HDF5 adds to the values of a file, and of a variable; it was seen to add a thousand to each."""
_LARGEST = 4
"""Bytes of a value; those of the few larger ones, as counters, are among those of their variables."""


class SaveCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Writes a checkpoint atomically after each epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replace the checkpoint."""
        with whole(self._path) as new:
            save_weights(self.model, new, epoch=epoch + 1)


def save_weights(network: keras.Model, path: Path, *, epoch: int) -> None:
    """Save weights, those of an optimizer, and the number of epochs done, to a new file.

    OSError if there is no room for them: HDF5, which cannot close a file on a full disk, would end the process.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _room(network))
        else:  # macOS, Windows
            file.write(bytes(_room(network)))
    network.save_weights(path)  # in that room
    with h5py.File(path, "a") as stored:
        stored.attrs[EPOCH] = epoch


def _room(network: keras.Model) -> int:
    """Most bytes of a file of weights."""
    optimizer = getattr(network, "optimizer", None)  # which only a compiled network has
    variables = [*network.variables, *network.metrics_variables, *([] if optimizer is None else optimizer.variables)]
    values: int = sum(math.prod(variable.shape) for variable in variables)
    return _FILE + _VARIABLE * len(variables) + _LARGEST * values


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

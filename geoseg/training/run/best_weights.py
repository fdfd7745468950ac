"""The best weights of a run, kept so that a killed run can resume."""

import shutil
from pathlib import Path

import h5py
import keras

from geoseg.files import publish, whole

from .checkpoint import EPOCH, save_weights


class BestWeights:
    """Weights of the best epoch in one file, and in another those of the best before it.

    A run that is killed after it has kept an epoch, and before its checkpoint, resumes before that epoch. By the clock
    or on an accelerator, the epoch may come out differently, so both the history and the best weights drop it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name("previous.weights.h5")

    def save(self, network: keras.Model, epoch: int) -> None:
        """Save a network's weights of an epoch, counted from 1."""
        if self._path.exists():
            with whole(self._previous) as new:
                shutil.copyfile(self._path, new)
        with whole(self._path) as new:
            save_weights(network, new, epoch=epoch)

    def go_back(self, epochs: int) -> None:
        """Return to the best of the first `epochs` epochs, after which a run resumes; without epochs, there is none."""
        if _read_epoch(self._path) <= epochs:
            return
        if self._previous.exists() and _read_epoch(self._previous) <= epochs:
            publish(self._previous, self._path)
        else:
            for path in (self._path, self._previous):
                path.unlink(missing_ok=True)


def _read_epoch(path: Path) -> int:
    """Read the epoch of saved weights; 0 if there are none, or they do not record it."""
    if not path.exists():
        return 0
    with h5py.File(path) as file:
        return int(file.attrs.get(EPOCH, 0))

"""Batches of windows and their changes that depend only on seed, epoch and step, so that runs can be resumed."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from threading import Lock
from types import MappingProxyType

import keras
import numpy as np
import numpy.typing as npt

from geoseg.models.backend import Tensor
from geoseg.tiling import prefetch

from .changes import Changes

Batch = tuple[dict[str, Tensor]]
"""Images and labels of an augmenter's margin side, with the changes to make. Keras takes a tuple without targets."""
Window = tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8]]

AHEAD = 8
"""Batches to queue for the network, so that it does not wait for a window that is read from a file."""


def stack_images(windows: Sequence[Window]) -> Changes:
    """Stack the pixels and labels of windows."""
    images, labels = (np.stack(part) for part in zip(*windows, strict=True))
    return {"images": images, "labels": labels}


def stack_places(windows: Sequence[Window]) -> Changes:
    """Stack the places of windows in an atlas, whose labels are there, too."""
    return {"places": np.stack([place for place, _ in windows])}


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Training batches of an epoch, `steps` of them with `size` windows each; set `epoch` when one begins.

    `windows` draws windows without end, from a seed; `draw` draws the changes of a batch, from a seed and its size;
    `stack` puts windows into a batch, and `resident` is put into each.
    """

    def __init__(
        self,
        windows: Callable[[int], Iterator[Window]],
        draw: Callable[[int, int], Changes],
        *,
        seed: int,
        steps: int,
        size: int,
        stack: Callable[[Sequence[Window]], Changes] = stack_images,
        resident: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.error: Exception | None = None
        """Exception raised while reading, which TensorFlow replaces by its own."""
        self._windows = windows
        self._draw = draw
        self._stack = stack
        self._resident = dict(resident)
        self._seed = seed
        self._steps = steps
        self._size = size
        self._lock = Lock()
        self._stream: Iterator[Batch] = iter(())
        self._next = (-1, -1)
        # Keras inspects the first two batches before training.
        self._recent: deque[tuple[tuple[int, int], Batch]] = deque(maxlen=2)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        """Read a batch of the current epoch; steps out of order restart the epoch."""
        with self._lock:
            wanted = (self.epoch, step)
            for recent, batch in self._recent:
                if recent == wanted:
                    return batch
            if wanted != self._next:
                self._close()
                self._stream = prefetch(self._batches(self.epoch), AHEAD)
                deque(islice(self._stream, step), maxlen=0)
            try:
                batch = next(self._stream)
            except Exception as error:
                self.error = error
                raise
            self._next = (self.epoch, step + 1)
            self._recent.append((wanted, batch))
            return batch

    def close(self) -> None:
        """End the thread that reads windows."""
        with self._lock:
            self._close()
            self._next = (-1, -1)

    def _close(self) -> None:
        if isinstance(self._stream, Generator):
            self._stream.close()

    def _batches(self, epoch: int) -> Iterator[Batch]:
        with closing(_make_closable(self._windows(_derive_seed(self._seed, epoch)))) as windows:
            for step in range(self._steps):
                changes = self._draw(_derive_seed(self._seed, epoch, step), self._size)
                yield (self._stack(list(islice(windows, self._size))) | changes | self._resident,)


def _make_closable(windows: Iterator[Window]) -> Generator[Window, None, None]:
    yield from windows


def _derive_seed(*numbers: int) -> int:
    """Derive a 31-bit seed from the numbers of run, epoch and step."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)

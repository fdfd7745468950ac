"""Batches of augmented windows that depend only on seed, epoch and step, so that runs can be resumed."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Lock

import keras
import numpy as np
import numpy.typing as npt

from geoseg.tiling import prefetch

from .augmentation import Augmenter

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""Pixels `(windows, side, side, bands)` and label values `(windows, side, side)`."""
Window = tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8]]

WORKERS = min(8, os.cpu_count() or 1)
"""Threads that augment one batch each."""
AHEAD = 2
"""Finished batches to queue for the network."""


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Training batches of an epoch, `steps` of them with `size` windows each; set `epoch` when one begins.

    `windows` draws windows of the augmenter's margin side without end, from a seed.
    """

    def __init__(
        self, windows: Callable[[int], Iterator[Window]], augmenter: Augmenter, *, seed: int, steps: int, size: int
    ) -> None:
        super().__init__()
        self.epoch = 0
        self.error: Exception | None = None
        """Exception from reading or augmenting, which TensorFlow replaces by its own."""
        self._windows = windows
        self._augmenter = augmenter
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
        """End the threads that prepare batches."""
        with self._lock:
            self._close()
            self._next = (-1, -1)

    def _close(self) -> None:
        if isinstance(self._stream, Generator):
            self._stream.close()

    def _batches(self, epoch: int) -> Iterator[Batch]:
        pending: deque[Future[Batch]] = deque()
        with (
            ThreadPoolExecutor(WORKERS) as pool,
            closing(_make_closable(self._windows(_derive_seed(self._seed, epoch)))) as windows,
        ):
            for step in range(self._steps):
                drawn = list(islice(windows, self._size))
                pending.append(pool.submit(self._augment, drawn, _derive_seed(self._seed, epoch, step)))
                if len(pending) > WORKERS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _augment(self, drawn: Sequence[Window], seed: int) -> Batch:
        images, labels = (np.stack(part) for part in zip(*drawn, strict=True))
        return self._augmenter(images, labels, seed)


def _make_closable(windows: Iterator[Window]) -> Generator[Window, None, None]:
    yield from windows


def _derive_seed(*numbers: int) -> int:
    """Derive a 31-bit seed from the numbers of run, epoch and step."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)

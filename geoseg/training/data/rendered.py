"""Rendered scenes as a data set, made ahead in other processes and kept in bounded memory."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import count, islice

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.bundle import Card
from geoseg.rendering import SurfaceClass, render_scene
from geoseg.training.recipe.label_sets import OTHERS, LabelSets, classes_of
from geoseg.training.recipe.recipe import Rendered

from .read_pairs import Labelled

CHANNELS = ("red", "green", "blue", "nir")
"""Bands of the renderer."""
AT_HAND = 256
"""Most scenes to draw windows from at a time."""
FIRST = 8
"""Scenes to render before the first window is drawn."""
WINDOWS_A_SCENE = 4
"""Windows to draw before the next scene is added."""
STORE_BYTES = 2**30
"""Rendered scenes to keep between streams of windows: about 650 of 640 × 640 pixels."""


def processes(count: int) -> Executor:
    """Processes to render in: rendering holds Python's lock, so threads gain nothing.

    They are spawned, for a fork of TensorFlow's process may hang.
    """
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


class Store:
    """Rendered scenes, the oldest ones dropped.

    Parameters
    ----------
    limit
        Bytes to keep.
    executor
        Makes an executor of so many workers for the scenes that are missing.
    """

    def __init__(self, *, limit: int = STORE_BYTES, executor: Callable[[int], Executor] = processes) -> None:
        self.executor = executor
        self._limit = limit
        self._scenes: dict[tuple[int, int], Labelled] = {}
        self._bytes = 0

    def get(self, seed: int, side: int) -> Labelled | None:
        """Scene of a seed; None if it is not stored."""
        return self._scenes.get((seed, side))

    def put(self, seed: int, side: int, scene: Labelled) -> None:
        """Keep a scene."""
        if (seed, side) not in self._scenes:
            self._scenes[seed, side] = scene
            self._bytes += _size(scene)
        while self._bytes > self._limit and len(self._scenes) > 1:
            self._bytes -= _size(self._scenes.pop(next(iter(self._scenes))))


def _size(scene: Labelled) -> int:
    return scene[0].nbytes + scene[1].nbytes


def rendered_windows(
    rendered: Rendered, card: Card, sets: LabelSets, store: Store, *, side: int, seed: int
) -> Generator[Labelled, None, None]:
    """Draw windows of rendered scenes without end: pixels `(side, side, bands)` in uint8, label values `(side, side)`.

    The order of scenes is drawn from `seed`. Windows come from a few scenes at first, so that training need not wait;
    a scene is added every few windows, and the oldest one dropped if there are too many. Which scene a window shows
    depends on the seed alone, not on rendering speed or on the store.
    """
    bands, table = rendered_bands(card), rendered_labels(rendered, sets)
    random = np.random.default_rng(seed)
    order = [rendered.seed + int(number) for number in random.permutation(rendered.scenes)]
    side_of_scene = max(rendered.side, side)
    scenes: deque[Labelled] = deque(maxlen=AT_HAND)
    joined = 0
    with closing(_scenes(order, side_of_scene, card.gsd_m, store)) as coming:
        for drawn in count():
            wanted = FIRST + drawn // WINDOWS_A_SCENE
            for scene in islice(coming, max(0, wanted - joined)):
                scenes.append(scene)
                joined += 1
            pixels, classes = scenes[random.integers(len(scenes))]
            top, left = random.integers(side_of_scene - side + 1, size=2)
            roi = (slice(top, top + side), slice(left, left + side))
            yield pixels[roi][..., bands], table[classes[roi]]


def rendered_bands(card: Card) -> list[int]:
    """The renderer's channel for each band of the card.

    Raises
    ------
    UsageError
        If it lacks a band.
    """
    unknown = [band for band in card.bands if band not in CHANNELS]
    if unknown:
        raise UsageError(f"the renderer has no band {unknown[0]!r}; it gives {', '.join(CHANNELS)}.")
    return [CHANNELS.index(band) for band in card.bands]


def rendered_labels(rendered: Rendered, sets: LabelSets) -> npt.NDArray[np.uint8]:
    """Label value of each class of the renderer.

    Raises
    ------
    UsageError
        If a class is neither mapped nor in the legend, or `values` names one that the renderer does not have.
    """
    names = [surface.name.lower() for surface in SurfaceClass]
    for name in rendered.values:
        if name not in (*names, OTHERS):
            raise UsageError(f"rendered.values maps {name!r}; the renderer's classes are {', '.join(names)}.")
    for name in names:
        if name not in sets.legend.names and name not in rendered.values and OTHERS not in rendered.values:
            raise UsageError(f"the renderer's class {name!r} is not in the legend; map it under rendered.values.")
    same = {name: name for name in sets.legend.names}
    targets = [rendered.values.get(name) or same.get(name) or rendered.values[OTHERS] for name in names]
    return np.array([sets.value(classes_of(target, sets.legend, "rendered")) for target in targets], np.uint8)


def rendered_pixels(rendered: Rendered, card: Card, sets: LabelSets, store: Store) -> npt.NDArray[np.float64]:
    """Pixels of each label value in all scenes, estimated from the first few."""
    table = rendered_labels(rendered, sets)
    few = min(FIRST, rendered.scenes)
    counts = np.zeros(len(sets.allowed))
    with closing(_scenes(range(rendered.seed, rendered.seed + few), rendered.side, card.gsd_m, store)) as scenes:
        for _, classes in scenes:
            counts += np.bincount(table[classes].ravel(), minlength=len(counts))
    return counts * (rendered.scenes / few)


def _scenes(order: Sequence[int], side: int, gsd_m: float, store: Store) -> Generator[Labelled, None, None]:
    """Scenes of the seeds in `order`, from the store or rendered ahead."""
    workers = max(1, min(8, (os.cpu_count() or 1) - 1))
    pool: Executor | None = None
    seeds = iter(order)
    ahead: deque[tuple[int, Labelled | Future[Labelled]]] = deque()
    try:
        while True:
            for seed in islice(seeds, 2 * workers - len(ahead)):
                known = store.get(seed, side)
                if known is not None:
                    ahead.append((seed, known))
                    continue
                if pool is None:
                    pool = store.executor(workers)
                ahead.append((seed, pool.submit(render, seed, side, gsd_m)))
            if not ahead:
                return
            seed, coming = ahead.popleft()
            scene = _finished(coming)
            store.put(seed, side, scene)
            yield scene
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _finished(coming: Labelled | Future[Labelled]) -> Labelled:
    if not isinstance(coming, Future):
        return coming
    try:
        return coming.result()
    except BrokenProcessPool as error:
        raise UsageError(
            "processes that render scenes ended early; in a script, call geoseg under `if __name__ == '__main__':`, "
            "and leave memory for one more process."
        ) from error


def render(seed: int, side: int, gsd_m: float) -> Labelled:
    """Image `(side, side, channels)` and classes `(side, side)` of a seed."""
    scene = render_scene(seed, (side, side), gsd=gsd_m)
    return scene.image, scene.classes

"""Rendered scenes as a data set, rendered ahead in other processes and kept in bounded memory."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import count, islice

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.bundle import Card
from geoseg.rendering import SurfaceClass, render_scene
from geoseg.training.recipe.label_sets import OTHERS, LabelSets
from geoseg.training.recipe.recipe import Rendered

from .read_pairs import Labelled, count_bytes

CHANNELS = ("red", "green", "blue", "nir")
"""Bands of the renderer."""
MOST_SCENES = 256
"""Scenes to draw windows from at a time, at most."""
FIRST_SCENES = 8
"""Scenes to render before the first window is drawn."""
WINDOWS_PER_SCENE = 4
"""Windows to draw before the next scene is added."""
STORE_BYTES = 2**30
"""Rendered scenes to keep between streams of windows: about 650 of 640 × 640 pixels."""


def spawn_processes(count: int) -> Executor:
    """Start processes for rendering, which holds Python's lock; a fork of TensorFlow's process might hang."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


class SceneStore:
    """Rendered scenes up to `limit` bytes, the oldest dropped first; `executor` starts workers for missing scenes."""

    def __init__(self, *, limit: int = STORE_BYTES, executor: Callable[[int], Executor] = spawn_processes) -> None:
        self.executor = executor
        self._limit = limit
        self._scenes: dict[tuple[int, int], Labelled] = {}
        self._bytes = 0

    def get(self, seed: int, side: int) -> Labelled | None:
        """Find a stored scene by seed."""
        return self._scenes.get((seed, side))

    def put(self, seed: int, side: int, scene: Labelled) -> None:
        """Store a scene."""
        if (seed, side) not in self._scenes:
            self._scenes[seed, side] = scene
            self._bytes += count_bytes(scene)
        while self._bytes > self._limit and len(self._scenes) > 1:
            self._bytes -= count_bytes(self._scenes.pop(next(iter(self._scenes))))


def sample_rendered_windows(
    rendered: Rendered, card: Card, sets: LabelSets, store: SceneStore, *, side: int, seed: int
) -> Generator[Labelled, None, None]:
    """Draw windows of rendered scenes without end: pixels `(side, side, bands)` in uint8, label values `(side, side)`.

    The order of scenes is drawn from `seed`. The first windows are from a few scenes, so that training need not wait;
    a scene is added every few windows, and the oldest is dropped if there are too many. Windows depend only on the
    seed, not on rendering speed or the store.
    """
    bands, table = find_rendered_bands(card), map_rendered_classes(rendered, sets)
    random = np.random.default_rng(seed)
    order = _draw_order(rendered, random)
    scenes: deque[Labelled] = deque(maxlen=MOST_SCENES)
    added = 0
    with closing(_render_ahead(order, scene_side(rendered, side), card.gsd_m, store)) as coming:
        for (now, number), top, left in _draw_places(order, random, scene_side(rendered, side) - side + 1):
            for scene in islice(coming, now - added):
                scenes.append(scene)
            added = now
            pixels, classes = scenes[number - max(0, added - MOST_SCENES)]
            roi = (slice(top, top + side), slice(left, left + side))
            yield pixels[roi][..., bands], table[classes[roi]]


def sample_rendered_places(rendered: Rendered, *, side: int, seed: int) -> Iterator[tuple[int, int, int]]:
    """Draw scene, first row and first column of the windows of `sample_rendered_windows` without end."""
    random = np.random.default_rng(seed)
    order = _draw_order(rendered, random)
    for (_, number), top, left in _draw_places(order, random, scene_side(rendered, side) - side + 1):
        yield order[number], top, left


def render_all(
    rendered: Rendered, card: Card, sets: LabelSets, store: SceneStore, *, side: int
) -> Iterator[tuple[int, Labelled]]:
    """Yield the seed of each scene, its pixels `(side, side, bands)`, and label values `(side, side)`."""
    bands, table = find_rendered_bands(card), map_rendered_classes(rendered, sets)
    order = range(rendered.seed, rendered.seed + rendered.scenes)
    with closing(_render_ahead(order, scene_side(rendered, side), card.gsd_m, store)) as scenes:
        for number, (pixels, classes) in zip(order, scenes, strict=True):
            yield number, (pixels[..., bands], table[classes])


def scene_side(rendered: Rendered, side: int) -> int:
    """Side of the scenes for windows of a side."""
    return max(rendered.side, side)


def _draw_order(rendered: Rendered, random: np.random.Generator) -> list[int]:
    return [rendered.seed + int(number) for number in random.permutation(rendered.scenes)]


def _draw_places(
    order: Sequence[int], random: np.random.Generator, starts: int
) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Draw places: the scenes added so far and the number of one of the latest in the order, then row and column."""
    for drawn in count():
        added = min(FIRST_SCENES + drawn // WINDOWS_PER_SCENE, len(order))
        kept = min(added, MOST_SCENES)
        number = added - kept + int(random.integers(kept))
        top, left = random.integers(starts, size=2)
        yield (added, number), int(top), int(left)


def find_rendered_bands(card: Card) -> list[int]:
    """Find the renderer's channel for each band of the card."""
    unknown = [band for band in card.bands if band not in CHANNELS]
    if unknown:
        raise UsageError(f"the renderer has no band {unknown[0]!r}; its bands are {', '.join(CHANNELS)}.")
    return [CHANNELS.index(band) for band in card.bands]


def map_rendered_classes(rendered: Rendered, sets: LabelSets) -> npt.NDArray[np.uint8]:
    """Map each class of the renderer to a label value."""
    names = [surface.name.lower() for surface in SurfaceClass]
    for name in rendered.values:
        if name not in (*names, OTHERS):
            raise UsageError(f"rendered.values maps {name!r}; the renderer's classes are {', '.join(names)}.")
    for name in names:
        if name not in sets.legend.names and name not in rendered.values and OTHERS not in rendered.values:
            raise UsageError(f"the renderer's class {name!r} is not in the legend; map it under rendered.values.")
    same = {name: name for name in sets.legend.names}
    targets = [rendered.values.get(name) or same.get(name) or rendered.values[OTHERS] for name in names]
    return np.array([sets.encode(target, "rendered") for target in targets], np.uint8)


def count_rendered_pixels(
    rendered: Rendered, card: Card, sets: LabelSets, store: SceneStore
) -> npt.NDArray[np.float64]:
    """Estimate the pixels of each label value in all scenes from the first few."""
    table = map_rendered_classes(rendered, sets)
    few = min(FIRST_SCENES, rendered.scenes)
    counts = np.zeros(len(sets.allowed))
    with closing(_render_ahead(range(rendered.seed, rendered.seed + few), rendered.side, card.gsd_m, store)) as scenes:
        for _, classes in scenes:
            counts += np.bincount(table[classes].ravel(), minlength=len(counts))
    return counts * (rendered.scenes / few)


def _render_ahead(order: Sequence[int], side: int, gsd_m: float, store: SceneStore) -> Generator[Labelled, None, None]:
    """Yield the scenes of seeds in `order`, from the store or rendered ahead."""
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
            scene = _wait_for(coming) if isinstance(coming, Future) else coming
            store.put(seed, side, scene)
            yield scene
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _wait_for(coming: Future[Labelled]) -> Labelled:
    try:
        return coming.result()
    except BrokenProcessPool as error:
        raise UsageError(
            "processes that render scenes ended early; in a script, call geoseg under `if __name__ == '__main__':`, "
            "and leave memory for one more process."
        ) from error


def render(seed: int, side: int, gsd_m: float) -> Labelled:
    """Render the image `(side, side, channels)` and classes `(side, side)` of a seed."""
    scene = render_scene(seed, (side, side), gsd=gsd_m)
    return scene.image, scene.classes

"""Samples per second of reading windows alone, of the bare training step alone, and of training end to end.

The bare step repeats one augmented batch; end to end, windows are read, uploaded and augmented, too. That should
lengthen a step on a CPU by at most 5 %, and keep 0.85 of the bare step's rate on an accelerator. Runs alternate, so
drift of the machine affects all of them; each is compiled, and has filled its buffers, before it is measured. Without a
recipe, it trains on rendered scenes written to a folder, with the recipe's defaults.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Semaphore

import numpy as np
import rasterio
from rasterio import Affine

from geoseg.models.backend import start_keras
from geoseg.rendering import render_scene
from geoseg.training.recipe.load import load_recipe, parse_recipe
from geoseg.training.recipe.recipe import Recipe
from geoseg.training.recipe.resolve import resolve

start_keras(trains=True)

import keras  # noqa: E402 - started quietly

from geoseg.training.build import (  # noqa: E402
    build_augmenter,
    build_batches,
    compile_network,
    keep_compiled_for,
)
from geoseg.training.data.dataset import open_data  # noqa: E402
from geoseg.training.run.batches import Batch, TrainingBatches  # noqa: E402
from geoseg.training.run.callbacks import AHEAD  # noqa: E402
from geoseg.training.run.devices import choose_devices, find_devices, has_own_memory, spread  # noqa: E402


class Repeated(keras.utils.PyDataset):
    """One batch, again and again."""

    def __init__(self, batch: Batch, steps: int) -> None:
        super().__init__()
        self._batch = batch
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        return self._batch


class Clock(keras.callbacks.Callback):
    """Seconds and processor seconds from the end of the first steps, which fill buffers, to the end of the last.

    As in a run, Keras reads losses in other threads, and the steps sent are a few ahead: if each loss was waited for
    before the next step is sent, an accelerator would idle in between.
    """

    async_safe = True

    def __init__(self, skip: int) -> None:
        super().__init__()
        self._skip = skip
        self._unread = Semaphore(AHEAD)
        self._began = self._ended = (0.0, 0.0)

    @property
    def spent(self) -> tuple[float, float]:
        """Seconds and processor seconds."""
        return self._ended[0] - self._began[0], self._ended[1] - self._began[1]

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Wait until the device is done with an earlier step."""
        self._unread.acquire()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Start or read the clock, after the device is done."""
        self._unread.release()
        now = time.perf_counter(), time.process_time()
        if batch + 1 == self._skip:
            self._began = now
        self._ended = max(self._ended, now)


def reading(batches: TrainingBatches, skip: int) -> tuple[float, float]:
    """Seconds and processor seconds that reading the batches takes, if nothing else is done."""
    clock = Clock(skip)
    for step in range(len(batches)):
        _ = batches[step]
        clock.on_train_batch_end(step)
    return clock.spent


def training(network: keras.Model, batches: keras.utils.PyDataset, skip: int) -> tuple[float, float]:
    """Seconds and processor seconds that training on the batches takes."""
    clock = Clock(skip)
    network.fit(batches, callbacks=[clock], verbose=0, shuffle=False)
    return clock.spent


def rendered(folder: Path, changes: dict[str, int]) -> Recipe:
    """A recipe with default augmentation for scenes that are rendered to a folder."""
    for number in range(8):
        scene = render_scene(number, (640, 640))
        for kind, pixels in (("images", np.moveaxis(scene.image[..., :3], -1, 0)), ("labels", scene.classes[None])):
            (folder / kind).mkdir(exist_ok=True)
            shape = {"height": 640, "width": 640, "count": len(pixels), "dtype": "uint8"}
            place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 500_000 + 1000 * number, 0, -1, 5_400_000)}
            with rasterio.open(folder / kind / f"{number}.tif", "w", driver="GTiff", **shape, **place) as raster:
                raster.write(pixels)
    data = {"name": "rendered", "images": str(folder / "images"), "split": {"validation": 0.0}}
    return parse_recipe({"name": "rendered", "data": [data], "schedule": changes}, source="benchmark")


def rounds(recipe: Recipe, steps: int, skip: int, count: int) -> Iterator[dict[str, tuple[float, float]]]:
    """Measure the three ways in alternation."""
    names = choose_devices(find_devices(), None, batch=recipe.schedule.batch)
    keep_compiled_for(names)
    run = resolve(recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"steps": steps + skip})}))
    data = open_data(run)
    augmenter = build_augmenter(run)
    batches = build_batches(run, data, augmenter, resident=has_own_memory(names))
    with spread(names):
        network = compile_network(run, data, augmenter, names)
        bare = compile_network(run, data, lambda batch: (batch["images"], batch["labels"]), names)
        pixels, labels = (np.array(keras.ops.convert_to_numpy(part)) for part in augmenter(*batches[0]))
        augmented: Batch = ({"images": pixels, "labels": labels},)
        for compiled, batch in ((network, batches[0]), (bare, augmented)):
            training(compiled, Repeated(batch, 2), 1)
        for batches.epoch in range(1, count + 1):
            yield {
                "reading": reading(batches, skip),
                "bare step": training(bare, Repeated(augmented, steps + skip), skip),
                "end to end": training(network, batches, skip),
            }
    batches.close()


def main() -> None:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=20, help="measured steps of each run and round")
    parser.add_argument("--skip", type=int, default=6, help="steps before measuring")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8, help="without a recipe")
    parser.add_argument("--window", type=int, default=256, help="without a recipe")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.recipe is None:
            recipe = rendered(Path(folder), {"batch": options.batch, "window": options.window})
        else:
            recipe = load_recipe(options.recipe)
        measured = list(rounds(recipe, options.steps, options.skip, options.rounds))
    samples = options.steps * recipe.schedule.batch
    size = f"{recipe.schedule.batch} windows of {recipe.schedule.window} px"
    print(f"{keras.backend.backend()}, {os.cpu_count()} cores, {size}")
    print(f"{'way':<10} {'samples/s':>10} {'Mpx/s':>8} {'CPU s/sample':>13}")
    for way in ("reading", "bare step", "end to end"):
        rate = statistics.median(samples / one[way][0] for one in measured)
        cost = statistics.median(one[way][1] / samples for one in measured)
        print(f"{way:<10} {rate:>10.2f} {rate * recipe.schedule.window**2 / 1e6:>8.2f} {cost:>13.4f}")
    longer = statistics.median(one["end to end"][0] / one["bare step"][0] for one in measured)
    work = statistics.median(one["end to end"][1] / one["bare step"][1] for one in measured)
    print(f"end to end has {1 / longer:.2f} of the bare step's rate")
    print(f"a step is {longer - 1:.1%} longer, and takes {work - 1:.1%} more CPU time")


if __name__ == "__main__":
    main()

"""The training loop: Keras's `fit` with the recipe's data, loss and schedule; resumed where it was killed."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt

from geoseg.files import whole
from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard

from .recipe.recipe import Recipe
from .report import write_report, write_scene_frame
from .run.augmentation import Augmenter, margin_side
from .run.averaging import copied_weights
from .run.batches import TrainingBatches
from .run.callbacks import EpochDone, Judging, Progress, Recording, Stepping
from .run.devices import choose_devices, share_statistics, spread
from .run.fused_batch_norm import fused
from .run.loss import build_loss
from .run.network import build_optimizer, build_shipped, build_trained
from .run.run_folder import Row, RunFolder, is_over, read_history
from .run.validation import Image, Scorer, ValidationTiles, class_map, known_classes

if TYPE_CHECKING:
    from .data.dataset import Data

CALIBRATION_PIXELS = 2**21
"""Of training windows that the normalisation statistics of averaged weights are measured on."""
SCENE_SIDE = 1024
"""Largest side of the scene that shows how training comes along, in pixels."""


def run(
    recipe: Recipe,
    data: "Data",
    folder: RunFolder,
    *,
    devices: int | None,
    progress: Progress,
    epoch_done: EpochDone,
    remark: Callable[[str], None],
) -> None:
    """Train until the schedule or the patience ends; the folder then holds the best weights.

    Raises
    ------
    BundleError, OutputError, SceneError, UsageError
        Each a sentence on what was found, what was expected, and what to do.
    """
    schedule = recipe.schedule
    rows = read_history(folder.history)
    if len(rows) >= schedule.epochs or is_over(rows, schedule.patience):
        return
    for sentence in data.remarks():
        remark(sentence)
    names = choose_devices(devices, batch=schedule.batch)
    keras.utils.set_random_seed(recipe.seed % 2**32)
    images = data.validation_images()
    shipped = build_shipped(recipe, data.labels.legend)
    with closing(training_batches(recipe, data)) as batches, spread(names):
        network = compiled(recipe, data, names)
        tiles = _tiles(recipe, images, data.labels.ignored, len(names))
        callbacks = [
            Stepping(batches, epochs=schedule.epochs, progress=progress),
            Judging(
                tiles,
                _calibration(batches, schedule.batch * schedule.window**2),
                keep=partial(_keep, network, shipped, folder),
                picture=_painter(recipe, data, images, partial(_scores, network, len(names)), folder),
                picture_every=schedule.table_every,
                rows=rows,
            ),
            Recording(folder.history, rows, patience=schedule.patience, done=_reporting(recipe, folder, epoch_done)),
            *_tensorboard(folder),
            # After all that a resumed run repeats if this was not done.
            keras.callbacks.BackupAndRestore(folder.backup, double_checkpoint=True, delete_checkpoint=False),
        ]
        try:
            network.fit(batches, epochs=schedule.epochs, callbacks=callbacks, verbose=0, shuffle=False)
        except Exception:
            raised = batches.error or (tiles and tiles.error)
            if raised:
                raise raised from None
            raise


def training_batches(recipe: Recipe, data: "Data") -> TrainingBatches:
    """Augmented batches of the recipe's training windows."""
    schedule = recipe.schedule
    augmenter = Augmenter(
        recipe.augmentation,
        side=schedule.window,
        ignored=data.labels.ignored,
        colour=recipe.card.bands[:3] == ["red", "green", "blue"],
    )
    side = margin_side(recipe.augmentation, schedule.window)
    return TrainingBatches(
        partial(data.windows, side=side), augmenter, seed=recipe.seed, steps=schedule.steps, size=schedule.batch
    )


def compiled(recipe: Recipe, data: "Data", devices: Sequence[str]) -> keras.Model:
    """The network with its optimizer, loss and metrics."""
    legend = data.labels.legend
    network = build_trained(recipe, legend)
    # XLA gains TensorFlow nothing on a CPU, and takes minutes; JAX without it runs operation by operation.
    accelerated = keras.backend.backend() == "jax" or any("gpu" in name.lower() for name in devices)
    if keras.backend.backend() == "tensorflow" and len(devices) == 1 and not accelerated:
        network = fused(network)
    share_statistics(network, devices)
    network.compile(
        optimizer=build_optimizer(recipe.schedule),
        loss=build_loss(recipe.loss, data.labels, data.class_pixels, sample=recipe.schedule.window**2),
        metrics=[metric(data.labels.allowed, classes=len(legend)) for metric in (LabelAccuracy, LabelJaccard)],
        jit_compile=accelerated,
    )
    return network


def _tiles(recipe: Recipe, images: Sequence[Image], ignored: int, devices: int) -> ValidationTiles | None:
    """Validation tiles, about as many pixels at once as in a training step; None if nothing is held out."""
    if not images:
        return None
    at_once = recipe.schedule.batch * recipe.schedule.window**2 // recipe.card.tile**2
    size = max(1, at_once // devices) * devices
    return ValidationTiles(images, tile=recipe.card.tile, size=size, ignored=ignored)


def _calibration(batches: TrainingBatches, pixels: int) -> list[npt.NDArray[np.float32]]:
    """Images of a few batches of the first epoch."""
    count = min(len(batches), -(-CALIBRATION_PIXELS // pixels))
    return [batches[step][0] for step in range(count)]


def _keep(network: keras.Model, shipped: keras.Model, folder: RunFolder) -> None:
    """Store the network's weights, without the optimizer's, whole or not at all."""
    shipped.set_weights(copied_weights(network))
    with whole(folder.best) as new:
        shipped.save_weights(new)


def _scores(network: keras.Model, devices: int, tiles: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Class probabilities `(tiles, side, side, classes)` of one tile; every device wants one."""
    scores: npt.NDArray[np.float32] = network.predict_on_batch(np.repeat(tiles, devices, axis=0))
    return scores[:1]


def _painter(
    recipe: Recipe, data: "Data", images: Sequence[Image], score: Scorer, folder: RunFolder
) -> Callable[[int], None]:
    """What shows the network's classes, blended and not, of the middle of the first validation image."""
    if not images:
        return lambda epoch: None
    pixels, labels = images[0].read()
    inside = tuple(
        slice((size - min(size, SCENE_SIDE)) // 2, (size + min(size, SCENE_SIDE)) // 2) for size in labels.shape
    )
    pixels, truth = pixels[inside], known_classes(labels[inside], data.labels)
    card = recipe.card

    def paint(epoch: int) -> None:
        blended = class_map(score, pixels, tile=card.tile, overlap=card.overlap, window=card.window)
        plain = class_map(score, pixels, tile=card.tile, overlap=0, window="flat")
        write_scene_frame(folder.path, epoch, pixels, truth, plain, blended, data.labels.legend)

    return paint


def _reporting(recipe: Recipe, folder: RunFolder, epoch_done: EpochDone) -> EpochDone:
    """Tell of each epoch, and write the report of those so far as often as the recipe says."""

    def done(row: Row) -> None:
        epoch_done(row)
        if row["epoch"] % recipe.schedule.table_every == 0:
            write_report(folder.path)

    return done


def _tensorboard(folder: RunFolder) -> list[keras.callbacks.Callback]:
    """Keras's callback where TensorBoard is installed; TensorFlow cannot write event files without it."""
    if find_spec("tensorboard") is None:
        return []
    return [keras.callbacks.TensorBoard(str(folder.tensorboard), write_graph=False)]

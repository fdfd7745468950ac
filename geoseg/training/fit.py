"""Run the training loop: Keras's `fit` with the data, loss and schedule of a run, resumed after an interruption."""

import gc
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt

from geoseg.tiling.progress import Progress

from .build import build_augmenter, build_batches, compile_network, draw_calibration_images, keep_compiled_for
from .recipe.learning import Schedule, TeacherTable
from .recipe.resolve import Run
from .report import write_report, write_scene_frame
from .run.batches import TrainingBatches
from .run.best_weights import BestWeights
from .run.callbacks import EpochDone, KeepBest, StepProgress, TimeSteps, WriteHistory
from .run.checkpoint import SaveCheckpoint, load_checkpoint
from .run.clock import RATES, FollowClock, WhenDue
from .run.devices import has_own_memory, spread
from .run.event_file import WriteEvents
from .run.neural_network import build_rate, build_shipped
from .run.run_folder import Row, RunFolder, read_history
from .run.stopwatch import Stopwatch
from .run.teacher import LeadTeacher
from .run.training_network import TrainingNetwork
from .run.validation import Scorer, ValidationTiles, map_classes, mask_unknown

if TYPE_CHECKING:
    from .data.dataset import Data, LabelledImage

SCENE_SIDE = 1024
"""Longest side of the validation scene in the report, in pixels."""


def fit(
    run: Run,
    data: "Data",
    folder: RunFolder,
    *,
    devices: Sequence[str],
    watch: Stopwatch,
    progress: Progress,
    epoch_done: EpochDone,
) -> int:
    """Train until schedule or patience ends, and keep the best weights in the folder; return the timed steps."""
    schedule = run.schedule
    keep_compiled_for(devices)  # before data and validation make arrays
    rows = read_history(folder.history)
    random.seed(run.seed)  # Keras's layers draw their seeds from Python's generator
    images = data.validation_images()
    shipped, best = build_shipped(run.network, run.card), BestWeights(folder.best)

    def report(row: Row) -> None:
        epoch_done(row)
        if row["epoch"] % schedule.rows_every == 0:
            write_report(folder.path)

    augmenter = build_augmenter(run)
    watch.switch("reading")
    tiles = _build_tiles(run, images, len(devices))
    batches = build_batches(run, data, augmenter, resident=has_own_memory(devices))
    watch.switch("compiling")
    with closing(batches), spread(devices):
        network = compile_network(run, data, augmenter, devices)
        calibration = draw_calibration_images(batches, augmenter, schedule.batch * schedule.window**2)
        clock = _build_clock(schedule, rows)
        at_checkpoints = [
            KeepBest(
                tiles,
                calibration,
                keep=partial(_save_weights, network, shipped, best),
                picture=_build_painter(run, images, partial(_predict_tile, network, len(devices)), folder),
                picture_every=schedule.rows_every,
                rows=rows,
            ),
            WriteHistory(folder.history, rows, patience=schedule.patience, done=report),
            WriteEvents(folder.tensorboard),
            *_build_leads(run, network, clock, calibration),
            # Last, since a resumed run repeats all callbacks before an unfinished checkpoint.
            SaveCheckpoint(folder.checkpoint),
        ]
        timed = TimeSteps(watch)
        callbacks = [timed, *_build_callbacks(schedule, clock, batches, progress, at_checkpoints)]
        try:
            epochs = schedule.epochs if schedule.minutes is None else sys.maxsize
            done = load_checkpoint(folder.checkpoint, network)
            best.go_back(done)
            network.fit(batches, epochs=epochs, initial_epoch=done, callbacks=callbacks, verbose=0, shuffle=False)
        except Exception:
            raised = batches.error or (tiles and tiles.error)
            if raised:
                raise raised from None
            raise
    gc.collect()  # TensorFlow complains of a generator that the time has cut off, if it outlives Python
    return timed.steps


def _build_clock(schedule: Schedule, rows: Sequence[Row]) -> FollowClock | None:
    """Build the clock of a schedule in minutes."""
    if schedule.minutes is None:
        return None
    curve = build_rate(schedule, RATES)
    return FollowClock(60 * schedule.minutes, lambda share: float(curve(share * RATES)), rows)


def _build_leads(
    run: Run, network: TrainingNetwork, clock: FollowClock | None, calibration: Sequence[npt.NDArray[np.float32]]
) -> Iterator[LeadTeacher]:
    """Build the callback of each of the recipe's teachers."""

    def has_begun(choice: TeacherTable, epoch: int) -> bool:
        # A network that was never trained knows nothing.
        first = 1 if choice.bundle is None and run.network.initial is None else 0
        return epoch >= first and (epoch / run.schedule.epochs if clock is None else clock.share) >= choice.start

    for choice, teacher in zip(run.teachers, network.teachers, strict=True):
        yield LeadTeacher(teacher, partial(has_begun, choice), calibration, renewed=choice.bundle is None)


def _build_callbacks(
    schedule: Schedule,
    clock: FollowClock | None,
    batches: TrainingBatches,
    progress: Progress,
    at_checkpoints: Sequence[keras.callbacks.Callback],
) -> list[keras.callbacks.Callback]:
    """Add progress, and the clock of a schedule in minutes, to the callbacks of each epoch or checkpoint."""
    if clock is None:
        total = schedule.epochs * schedule.steps
        pace = StepProgress(batches, count_steps=lambda done: total, progress=progress)
        return [pace, WhenDue(at_checkpoints, lambda: True)]

    def estimate(done: int) -> int:
        return max(done, round(done / max(clock.share, 1 / RATES)))

    pace = StepProgress(batches, count_steps=estimate, progress=progress)
    return [clock, pace, WhenDue(at_checkpoints, clock.is_due)]


def _build_tiles(run: Run, images: "Sequence[LabelledImage]", devices: int) -> ValidationTiles | None:
    """Batch validation tiles to about the pixels of a training step; None if nothing is held out."""
    if not images:
        return None
    tiles = run.schedule.batch * run.schedule.window**2 // run.card.tile**2
    size = max(1, tiles // devices) * devices
    return ValidationTiles(images, tile=run.card.tile, size=size, ignored=run.labels.ignored)


def _save_weights(network: TrainingNetwork, shipped: keras.Model, best: BestWeights, epoch: int) -> None:
    """Save the network's weights of an epoch, without the optimizer's."""
    shipped.set_weights(network.copy_network_weights())
    best.save(shipped, epoch)


def _predict_tile(network: keras.Model, devices: int, tile: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Predict class probabilities `(1, side, side, classes)` of a tile, with a copy of it for each device."""
    scores: npt.NDArray[np.float32] = network.predict_on_batch(np.repeat(tile, devices, axis=0))
    return scores[:1]


def _build_painter(
    run: Run, images: "Sequence[LabelledImage]", score: Scorer, folder: RunFolder
) -> Callable[[int], None]:
    """Build a function that draws predicted classes at the centre of the first validation image, blended and not."""
    if not images:
        return lambda epoch: None
    centre = _cut_centre(images[0])
    pixels, labels, _ = centre.read()
    reference, card = mask_unknown(labels, run.labels), run.card

    def paint(epoch: int) -> None:
        blended = map_classes(score, centre, tile=card.tile, overlap=card.overlap, window=card.window)
        plain = map_classes(score, centre, tile=card.tile, overlap=0, window="flat")
        write_scene_frame(folder.path, epoch, pixels, reference, plain, blended, card.legend)

    return paint


def _cut_centre(image: "LabelledImage") -> "LabelledImage":
    """Read the centre of an image, at most `SCENE_SIDE` wide and high, and keep it."""
    rows, cols = (
        slice((size - min(size, SCENE_SIDE)) // 2, (size + min(size, SCENE_SIDE)) // 2) for size in image.shape
    )
    shown, values, mask = image.read_region((rows, cols))
    pixels, labels, valid = shown.copy(), values.copy(), mask.copy()  # views would keep the whole image
    return replace(image, shape=labels.shape, read_region=lambda roi: (pixels[roi], labels[roi], valid[roi]))

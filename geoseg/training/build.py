"""Build the parts of the training loop: the augmenter, its batches, and the compiled network."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.models.backend import without_chatter
from geoseg.models.engines.devices import keep_compiled
from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard

from .recipe.resolve import Run
from .run.augmentation import Augmenter
from .run.batches import TrainingBatches, stack_places
from .run.cpu_layers import use_cpu_layers
from .run.devices import share_statistics
from .run.loss import build_loss
from .run.neural_network import build_optimizer, build_trained
from .run.precision import choose_precision
from .run.teacher import build_teacher
from .run.training_network import Prepare, TrainingNetwork
from .run.views import Views

if TYPE_CHECKING:
    from .data.dataset import Data

CALIBRATION_PIXELS = 2**21
"""Pixels of training windows for measuring the normalisation statistics of averaged weights."""


def build_augmenter(run: Run) -> Augmenter:
    """Build the augmenter of training windows."""
    bands = run.card.bands
    return Augmenter(
        run.augmentation,
        side=run.schedule.window,
        bands=len(bands),
        colour=bands[:3] == ("red", "green", "blue"),
    )


def build_batches(run: Run, data: "Data", augmenter: Augmenter, *, resident: bool) -> TrainingBatches:
    """Build the batches of training windows, to be augmented.

    If `resident`, and they are small enough, all images are put into the memory of the device.
    """
    schedule = run.schedule
    build = partial(TrainingBatches, draw=augmenter.draw, seed=run.seed, steps=schedule.steps, size=schedule.batch)
    atlas = data.atlas(side=augmenter.margin_side) if resident else None
    windows = partial(data.windows, margin=augmenter.margin, atlas=atlas)
    if atlas is None:
        return build(windows)
    parts = {"atlas": ops.convert_to_tensor(atlas.pixels), "atlas_labels": ops.convert_to_tensor(atlas.labels)}
    atlas.release_pixels()
    if keras.backend.backend() == "jax":  # which compiles everything but the step's arguments as constants
        return build(windows, stack=stack_places, resident=parts)
    augmenter.resident = parts
    return build(windows, stack=stack_places)


def compile_network(run: Run, data: "Data", prepare: Prepare, devices: Sequence[str]) -> TrainingNetwork:
    """Build the network and compile it with the preparation of its batches, its optimizer, loss and metrics."""
    labels, precision = run.labels, choose_precision(run.schedule.precision, devices)
    network = build_trained(run.network, run.card, precision=precision)
    # XLA takes minutes and gains TensorFlow nothing on a CPU; JAX without it runs operation by operation.
    accelerated = keras.backend.backend() == "jax" or any("gpu" in name.lower() for name in devices)
    if keras.backend.backend() == "tensorflow" and len(devices) == 1 and not accelerated:
        network = use_cpu_layers(network)
    share_statistics(network, devices)
    views = Views(run.augmentation)
    teachers = [build_teacher(choice, network, labels, views, precision=precision) for choice in run.teachers]
    training = TrainingNetwork(network, prepare, teachers)
    training.compile(
        optimizer=build_optimizer(run.schedule, precision),
        loss=build_loss(run.loss, labels, data.class_pixels, sample=run.schedule.window**2),
        metrics=[metric(labels.allowed, classes=len(labels.legend)) for metric in (LabelAccuracy, LabelJaccard)],
        jit_compile=accelerated,
    )
    training.build_variables()
    return training


def draw_calibration_images(
    batches: TrainingBatches, augmenter: Augmenter, batch_pixels: int
) -> list[npt.NDArray[np.float32]]:
    """Draw the images of the first few batches."""
    count = min(len(batches), -(-CALIBRATION_PIXELS // batch_pixels))
    with without_chatter():  # XLA announces its devices
        return [np.array(ops.convert_to_numpy(augmenter(*batches[step])[0])) for step in range(count)]


def keep_compiled_for(devices: Sequence[str]) -> None:
    """Keep what JAX compiles for accelerators from now on."""
    if keras.backend.backend() == "jax" and not any("cpu" in name for name in devices):
        keep_compiled()

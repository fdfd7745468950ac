"""Build the network and optimizer of a run, and average its weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.errors import UsageError
from geoseg.models.bundle import Card, read_card
from geoseg.models.legend import Legend
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import load_network
from geoseg.training.recipe.learning import Schedule
from geoseg.training.recipe.recipe import Network


def build_trained(choice: Network, card: Card, *, precision: str) -> keras.Model:
    """Build the network to train, with its initial weights; UsageError if the initial bundle's network differs."""
    with _precision(precision):
        network = _build(choice, card, weights=choice.encoder_weights)
    if choice.initial is not None:
        _load_initial(Path(choice.initial), network, card.legend)
    return network


def _load_initial(bundle: Path, network: keras.Model, legend: Legend) -> None:
    """Load the weights of a bundle; in the last layer, only those of classes that both legends have by name."""
    initial = load_network(bundle)
    *ours, our_head = (layer for layer in network.layers if layer.weights)
    *theirs, their_head = (layer for layer in initial.layers if layer.weights)
    shapes = [[weight.shape for layer in layers for weight in layer.weights] for layers in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise UsageError(
            f"the network in {bundle} is not the recipe's: its weights differ in shape. To use the bundle's network, "
            "remove preset, width, depth and encoder from the recipe; the number of bands must be the same."
        )
    for mine, other in zip(ours, theirs, strict=True):
        mine.set_weights(other.get_weights())
    names = read_card(bundle).legend.names
    shared = [name for name in legend.names if name in names]
    to, of = [legend.names.index(name) for name in shared], [names.index(name) for name in shared]
    weights = our_head.get_weights()
    for mine, other in zip(weights, their_head.get_weights(), strict=True):
        mine[..., to] = other[..., of]
    our_head.set_weights(weights)


def build_shipped(choice: Network, card: Card) -> keras.Model:
    """Build the same network in float32, for trained weights."""
    return _build(choice, card, weights=None)


def _build(choice: Network, card: Card, *, weights: str | None) -> keras.Model:
    overrides = {"encoder": choice.encoder, "encoder_weights": weights}
    try:
        return build_preset(
            choice.preset,
            bands=len(card.bands),
            classes=len(card.legend),
            width=choice.width,
            depth=choice.depth,
            **{key: value for key, value in overrides.items() if value is not None},
        )
    except ValueError as error:
        raise UsageError(f"the recipe's network cannot be built: {error}") from error


@contextmanager
def _precision(name: str) -> Iterator[None]:
    """Set the precision for the network only: losses and metrics stay in float32."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def build_rate(schedule: Schedule, total: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Learning rate by step, of `total` steps: warm-up and cosine decay."""
    warmup = min(round(total * schedule.warmup), total - 1)
    return keras.optimizers.schedules.CosineDecay(
        schedule.rate / 100 if warmup else schedule.rate,
        total - warmup,
        warmup_target=schedule.rate if warmup else None,
        warmup_steps=warmup,
    )


@keras.saving.register_keras_serializable("geoseg")
class AveragingAdamW(keras.optimizers.AdamW):  # type: ignore[misc]  # Keras is not typed
    """AdamW whose average of the weights begins with a smaller momentum, and so soon forgets the first steps.

    After `n` steps it is `(1 + n) / (10 + n)` until that exceeds `ema_momentum`, as in TensorFlow's
    `ExponentialMovingAverage`: from step 3,000 or so for 0.997.
    """

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[keras.Variable]) -> None:
        """Overrides Keras's method, which is called after each step and before `iterations` counts it."""
        steps = ops.cast(self.iterations, "float32")
        momentum = ops.minimum((1 + steps) / (10 + steps), self.ema_momentum)
        momentum = ops.where(steps > 0, momentum, 0.0)
        for weight, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                kept = ops.cast(momentum, weight.dtype)
                average.assign(kept * average + (1 - kept) * weight)


def build_optimizer(schedule: Schedule, precision: str = "float32") -> keras.optimizers.Optimizer:
    """AdamW with warm-up, cosine decay and averaged weights (Loshchilov and Hutter, 2019, arXiv:1711.05101).

    A rate that follows the clock is set from outside. Gradients are not clipped: TensorFlow's devices would clip by
    their own part of the batch. In float16, the loss is scaled: gradients of a mean over a batch's pixels are too small
    for it. Keras would do so by itself only if losses and metrics were of that precision, too.
    """
    rate = build_rate(schedule, schedule.epochs * schedule.steps) if schedule.minutes is None else schedule.rate
    averaging = {"use_ema": True, "ema_momentum": schedule.ema} if schedule.ema else {}
    optimizer = AveragingAdamW(rate, weight_decay=schedule.weight_decay, **averaging)
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer


@contextmanager
def averaged_weights(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> Iterator[None]:
    """Use the averaged weights, if the optimizer has any, for the block.

    Their normalisation statistics are measured on batches of training images `(windows, side, side, bands)`.
    """
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not optimizer.use_ema:
        yield
        return
    trained = copy_weights(network)
    optimizer.finalize_variable_values(network.trainable_variables)
    # On JAX network and optimizer would now share arrays, which the next call may donate.
    network.set_weights(copy_weights(network))
    measure_statistics(network, images)
    try:
        yield
    finally:
        network.set_weights(trained)


def copy_weights(network: keras.Model) -> list[npt.NDArray[np.generic]]:
    """Copy the weights of a network."""
    return [np.array(weight) for weight in network.get_weights()]


def measure_statistics(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> None:
    """Set the moving statistics of batch normalisation to the mean over batches of images."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for number, batch in enumerate(images):
        for layer in layers:
            layer.momentum = number / (number + 1)  # turns the moving mean into the mean of all batches
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum

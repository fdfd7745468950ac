"""The network of a run: built, optimised, and its weights averaged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.bundle import Card, load_network, read_card
from geoseg.models.legend import Legend
from geoseg.models.networks.presets import build_preset
from geoseg.training.recipe.recipe import Network, Schedule


def build_trained(choice: Network, card: Card, *, precision: str) -> keras.Model:
    """Build the network to train, with its initial weights.

    Raises
    ------
    BundleError, UsageError
        If the initial bundle cannot be loaded, or has another network.
    """
    with _policy(precision):
        network = _build(choice, card, weights=choice.encoder_weights)
    if choice.initial is not None:
        _begin_with(Path(choice.initial), network, card.legend)
    return network


def _begin_with(bundle: Path, network: keras.Model, legend: Legend) -> None:
    """Load the weights of a bundle; in the last layer, only those of classes that both legends have by name."""
    initial = load_network(bundle)
    *ours, head = (layer for layer in network.layers if layer.weights)
    *theirs, known = (layer for layer in initial.layers if layer.weights)
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
    to, at = [legend.names.index(name) for name in shared], [names.index(name) for name in shared]
    weights = head.get_weights()
    for mine, other in zip(weights, known.get_weights(), strict=True):
        mine[..., to] = other[..., at]
    head.set_weights(weights)


def build_shipped(choice: Network, card: Card) -> keras.Model:
    """Build the same network in float32, to hold trained weights."""
    return _build(choice, card, weights=None)


def _build(choice: Network, card: Card, *, weights: str | None) -> keras.Model:
    overrides = {"encoder": choice.encoder} if choice.encoder is not None else {}
    try:
        return build_preset(
            choice.preset,
            bands=len(card.bands),
            classes=len(card.legend),
            width=choice.width,
            depth=choice.depth,
            **overrides,
            **({} if weights is None else {"encoder_weights": weights}),
        )
    except ValueError as error:
        raise UsageError(f"the recipe's network cannot be built: {error}") from error


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Set the precision for the network alone: augmentation layers would round pixels to 8 bits."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def build_optimizer(schedule: Schedule) -> keras.optimizers.Optimizer:
    """AdamW with warm-up, cosine decay and averaged weights (Loshchilov and Hutter, 2019, arXiv:1711.05101).

    Gradients are not clipped: TensorFlow's devices would clip by their own part of the batch.
    """
    total = schedule.epochs * schedule.steps
    warmup = min(round(total * schedule.warmup), total - 1)
    rate = keras.optimizers.schedules.CosineDecay(
        schedule.rate / 100 if warmup else schedule.rate,
        total - warmup,
        warmup_target=schedule.rate if warmup else None,
        warmup_steps=warmup,
    )
    averaging = {"use_ema": True, "ema_momentum": schedule.ema} if schedule.ema else {}
    return keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay, **averaging)


@contextmanager
def averaged(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> Iterator[None]:
    """Swap in the averaged weights, with normalisation statistics of their own, for the block.

    Parameters
    ----------
    network
        Compiled; unchanged if its optimizer does not average weights.
    images
        Batches of training images `(windows, side, side, bands)` to measure statistics on.
    """
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not optimizer.use_ema:
        yield
        return
    trained = copied_weights(network)
    optimizer.finalize_variable_values(network.trainable_variables)
    # On JAX network and optimizer would now share arrays, which the next call may donate.
    network.set_weights(copied_weights(network))
    measure_statistics(network, images)
    try:
        yield
    finally:
        network.set_weights(trained)


def copied_weights(network: keras.Model) -> list[npt.NDArray[np.generic]]:
    """Copy the weights of a network."""
    return [np.array(weight) for weight in network.get_weights()]


def measure_statistics(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> None:
    """Set the moving statistics of batch normalisation to the mean over batches of images."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for number, batch in enumerate(images):
        for layer in layers:
            layer.momentum = number / (number + 1)  # makes the moving mean the mean of all so far
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum

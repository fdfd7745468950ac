"""The network of a recipe: to train in the recipe's precision, and to ship in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from geoseg.errors import UsageError
from geoseg.models.bundle import load_network, read_card
from geoseg.models.legend import Legend
from geoseg.models.networks.presets import build_preset
from geoseg.models.shipped import find_model
from geoseg.training.recipe.card import network_depth
from geoseg.training.recipe.recipe import Recipe, Schedule


def build_trained(recipe: Recipe, legend: Legend) -> keras.Model:
    """Build the network that is trained, with the weights that training begins with.

    Raises
    ------
    BundleError, UsageError
        If the initial bundle cannot be loaded, or is of another network.
    """
    with _policy(recipe.schedule.precision):
        network = _build(recipe, len(legend), weights=recipe.network.encoder_weights)
    if recipe.network.initial is not None:
        _begin_with(find_model(recipe.network.initial), network, legend)
    return network


def _begin_with(bundle: Path, network: keras.Model, legend: Legend) -> None:
    """Give a network the weights of a bundle; of its last layer, those of the classes that both know by name."""
    initial = load_network(bundle)
    *ours, head = (layer for layer in network.layers if layer.weights)
    *theirs, known = (layer for layer in initial.layers if layer.weights)
    shapes = [[weight.shape for layer in layers for weight in layer.weights] for layers in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise UsageError(
            f"the network in {bundle} is not the recipe's: its weights differ in shape. A recipe that gives neither "
            "preset, width, depth nor encoder has the network of its initial bundle; the number of bands is its own."
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


def build_shipped(recipe: Recipe, legend: Legend) -> keras.Model:
    """Build the same network in float32, for weights that are trained."""
    return _build(recipe, len(legend), weights=None)


def _build(recipe: Recipe, classes: int, *, weights: str | None) -> keras.Model:
    choice = recipe.network
    overrides = {"encoder": choice.encoder} if choice.encoder is not None else {}
    try:
        return build_preset(
            choice.preset,
            bands=len(recipe.card.bands),
            classes=classes,
            width=choice.width,
            depth=network_depth(recipe),
            **overrides,
            **({} if weights is None else {"encoder_weights": weights}),
        )
    except ValueError as error:
        raise UsageError(f"the recipe's network cannot be built: {error}") from error


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Only the network is built in mixed precision: augmentation layers made under it would round pixels to 8 bits."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def build_optimizer(schedule: Schedule) -> keras.optimizers.Optimizer:
    """AdamW with warm-up, cosine decay and averaged weights (Loshchilov and Hutter, 2019, arXiv:1711.05101).

    Gradients are not clipped: TensorFlow's devices would each clip those of their own part of the batch.
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

"""Averaged weights: what a run is judged by and ships, beside the weights that it goes on training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np
import numpy.typing as npt


@contextmanager
def averaged(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> Iterator[None]:
    """Put the averaged weights, with normalisation statistics of their own, in the place of the trained ones.

    Parameters
    ----------
    network
        Compiled; if its optimizer averages no weights, nothing is done.
    images
        Batches of training images `(windows, side, side, bands)` that statistics are measured on.
    """
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not optimizer.use_ema:
        yield
        return
    trained = copied_weights(network)
    optimizer.finalize_variable_values(network.trainable_variables)
    # On JAX the network and the optimizer would now share arrays, which the network's next call may give away.
    network.set_weights(copied_weights(network))
    measure_statistics(network, images)
    try:
        yield
    finally:
        network.set_weights(trained)


def copied_weights(network: keras.Model) -> list[npt.NDArray[np.generic]]:
    """The network's weights in memory of their own."""
    return [np.array(weight) for weight in network.get_weights()]


def measure_statistics(network: keras.Model, images: Sequence[npt.NDArray[np.float32]]) -> None:
    """Set the moving statistics of batch normalisation to their mean over batches of images."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for number, batch in enumerate(images):
        for layer in layers:
            layer.momentum = number / (number + 1)  # the moving mean is then the mean of all so far
        network(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum

"""Encoders of the U-Net: backbones of `keras.applications`, and EfficientNet-Lite0."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from geoseg.errors import UsageError
from geoseg.models.backend import Tensor

from .backbones import ENCODERS
from .efficientnet_lite import lite0_features

_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue in ImageNet, divided by 255; from `keras.applications.efficientnet`."""


def encoder_features(name: str, pixels: Tensor, *, weights: str | None) -> list[Tensor]:
    """Return the feature maps of backbone `name` on raw `pixels`, finest first.

    `weights` is a file of the published weights, `imagenet` (downloaded by Keras), or None for random weights. Raises
    UsageError if they cannot be read or downloaded.
    """
    encoder = ENCODERS[name]
    if encoder.application is None:
        if weights == "imagenet":
            raise ValueError(f"Keras cannot download weights of {name}; use a file.")
        features = lite0_features(pixels)
        if weights is not None:
            with _weight_errors(weights):
                keras.Model(pixels, features).load_weights(weights)
        return features
    scaled = pixels
    if encoder.mean is not None:
        bands = pixels.shape[-1]
        offset = [-value for value in encoder.mean] if bands == 3 else [-sum(encoder.mean) / 3] * bands
        scaled = layers.Rescaling(1.0, offset=offset, name="backbone_scaling")(pixels)
    build = getattr(keras.applications, encoder.application)
    with _weight_errors(weights):
        backbone = build(include_top=False, weights=weights, input_tensor=scaled)
    if weights is not None and encoder.mean is not None:
        # The published weights were trained on blue, green, red.
        _change_kernel(backbone.get_layer("block1_conv1"), lambda kernel: kernel[:, :, ::-1])
    if weights not in (None, "imagenet") and encoder.mean is None:
        # With `imagenet`, but not with a file of the same weights, Keras also divides by the root of the deviation.
        _change_kernel(backbone.get_layer("stem_conv"), lambda kernel: kernel / np.sqrt(_DEVIATION)[:, None])
    return [backbone.get_layer(tap).output for tap in encoder.taps]


@contextmanager
def _weight_errors(weights: str | None) -> Iterator[None]:
    """Raise errors as UsageError that names the weights; Keras raises a plain Exception for a failed download."""
    try:
        yield
    except Exception as error:
        if weights is None:
            raise
        reason = "no such file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"the published encoder weights {weights} cannot be loaded: {reason}.") from error


def _change_kernel(
    convolution: layers.Conv2D, change: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]]
) -> None:
    kernel, *bias = convolution.get_weights()
    convolution.set_weights([change(kernel), *bias])

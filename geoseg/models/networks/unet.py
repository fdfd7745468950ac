"""A parametric U-Net of stock Keras layers.

A saved network loads with plain `keras.saving.load_model(path, safe_mode=True)`, on every Keras backend and without
geoseg. It scales raw pixel values itself and returns class probabilities.
"""

from collections.abc import Callable
from typing import Literal, get_args

import keras
from keras import layers

from geoseg.models.backend import Tensor

from .backbones import ENCODERS
from .encoders import encoder_features

Block = Literal["plain", "residual"]
Skip = Literal["concat", "add", "attention", "attention_add"]

MAX_WIDENING = 16
"""Channels stop doubling at this multiple of `width`."""


def build_unet(
    *,
    bands: int,
    classes: int,
    depth: int = 4,
    width: int = 32,
    block: Block = "plain",
    skip: Skip = "concat",
    encoder: str | None = None,
    encoder_weights: str | None = None,
    name: str = "unet",
) -> keras.Model:
    """Build a U-Net from pixels `(tiles, height, width, bands)` to probabilities `(tiles, height, width, classes)`.

    Height and width must be multiples of `2 ** depth`. Pixels are raw values, 0–255.

    Parameters
    ----------
    depth
        Number of halvings between the input and the bottleneck; must be 4 for `vgg16` and 5 for the EfficientNets.
    width
        Channels at full resolution, doubled at each level up to `MAX_WIDENING * width`.
    block
        `plain`: two 3 × 3 convolutions (Ronneberger et al., 2015). `residual`: the same with a projected shortcut
        (He et al., 2016; Zhang et al., 2018).
    skip
        How encoder features join the decoder: `concat` (Ronneberger et al., 2015), `add` (Quan et al., 2021),
        `attention` (gated, then concatenated: Oktay et al., 2018) or `attention_add` (gated, then added).
    encoder
        Name of a backbone in `ENCODERS`, or None for the same blocks as the decoder.
    encoder_weights
        File of the backbone's published weights, or `imagenet`; only with `encoder` and 3 bands.
    """
    if block not in _BLOCKS:
        raise ValueError(f"block {block!r} is unknown; choose one of {', '.join(_BLOCKS)}.")
    if skip not in get_args(Skip):
        raise ValueError(f"skip {skip!r} is unknown; choose one of {', '.join(get_args(Skip))}.")
    if encoder is None and encoder_weights is not None:
        raise ValueError("`encoder_weights` needs an `encoder`.")
    if encoder is not None and encoder not in ENCODERS:
        raise ValueError(f"encoder {encoder!r} is unknown; choose one of {', '.join(ENCODERS)}.")
    if encoder is not None and depth != ENCODERS[encoder].depth:
        raise ValueError(f"encoder {encoder} needs a depth of {ENCODERS[encoder].depth}, not {depth}.")
    if encoder_weights is not None and bands != 3:
        raise ValueError(f"published weights of {encoder} are for red, green and blue, not for {bands} bands.")

    convolve = _BLOCKS[block]
    widths = [width * min(2**level, MAX_WIDENING) for level in range(depth + 1)]
    pixels = keras.Input((None, None, bands), name="pixels")
    if encoder is None:
        features = _encode(layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pixels), widths, convolve)
    else:
        features = encoder_features(encoder, pixels, weights=encoder_weights)
        if len(features) == depth:  # the backbone starts at half resolution: the pixels themselves are the first skip
            scaled = layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pixels)
            features.insert(0, convolve(scaled, widths[0], "encoder_0"))

    decoded = features[-1]
    for level in reversed(range(depth)):
        decoded = _join(decoded, features[level], widths[level], skip, f"skip_{level}")
        decoded = convolve(decoded, widths[level], f"decoder_{level}")
    # float32 even with mixed precision: blended probabilities are compared for equality.
    scores = layers.Conv2D(classes, 1, activation="softmax", dtype="float32", name="probabilities")(decoded)
    return keras.Model(pixels, scores, name=name)


def _encode(tensor: Tensor, widths: list[int], convolve: Callable[[Tensor, int, str], Tensor]) -> list[Tensor]:
    features = []
    for level, width in enumerate(widths):
        if level:
            tensor = layers.MaxPooling2D(name=f"down_{level}")(tensor)
        tensor = convolve(tensor, width, f"encoder_{level}")
        features.append(tensor)
    return features


def _join(coarse: Tensor, fine: Tensor, width: int, skip: Skip, name: str) -> Tensor:
    """Upsample the decoder's `coarse` features and merge them with the encoder's `fine` ones."""
    if skip.startswith("attention"):
        fine = _attention_gate(coarse, fine, name)
    up = layers.UpSampling2D(name=f"{name}_up")(coarse)
    if skip in ("add", "attention_add"):
        up = _conv_norm(up, width, f"{name}_narrow", kernel=1)
        if fine.shape[-1] != width:
            fine = _conv_norm(fine, width, f"{name}_project", kernel=1)
        return layers.Add(name=f"{name}_add")([up, fine])
    return layers.Concatenate(name=f"{name}_concat")([up, fine])


def _attention_gate(coarse: Tensor, fine: Tensor, name: str) -> Tensor:
    """Weight each pixel of `fine` by attention from `coarse`: the gate of Oktay et al. (2018), figure 2."""
    channels = max(fine.shape[-1] // 2, 1)
    query = layers.Conv2D(channels, 1, name=f"{name}_gate_query")(coarse)
    key = layers.Conv2D(channels, 2, strides=2, use_bias=False, name=f"{name}_gate_key")(fine)
    attended = layers.ReLU(name=f"{name}_gate_relu")(layers.Add(name=f"{name}_gate_add")([query, key]))
    weight = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_gate_weight")(attended)
    weight = layers.UpSampling2D(interpolation="bilinear", name=f"{name}_gate_up")(weight)
    return layers.Multiply(name=f"{name}_gate")([fine, weight])


def _conv_norm(tensor: Tensor, width: int, name: str, *, kernel: int = 3) -> Tensor:
    # A bias would be cancelled by the normalisation.
    tensor = layers.Conv2D(
        width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(tensor)
    return layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(tensor)


def _plain_block(tensor: Tensor, width: int, name: str) -> Tensor:
    for step in ("a", "b"):
        tensor = _conv_norm(tensor, width, f"{name}{step}")
        tensor = layers.ReLU(name=f"{name}{step}_relu")(tensor)
    return tensor


def _residual_block(tensor: Tensor, width: int, name: str) -> Tensor:
    shortcut = tensor if tensor.shape[-1] == width else _conv_norm(tensor, width, f"{name}_shortcut", kernel=1)
    inner = layers.ReLU(name=f"{name}a_relu")(_conv_norm(tensor, width, f"{name}a"))
    inner = _conv_norm(inner, width, f"{name}b")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([inner, shortcut]))


_BLOCKS: dict[str, Callable[[Tensor, int, str], Tensor]] = {"plain": _plain_block, "residual": _residual_block}

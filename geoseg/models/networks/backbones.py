"""Backbones for encoders of the U-Net by name, listed without loading Keras."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A backbone and the layers that its features are taken from."""

    depth: int
    """Number of halvings between the input and the bottleneck."""
    application: str | None = None
    """Name of the constructor in `keras.applications`; None for our EfficientNet-Lite0."""
    taps: tuple[str, ...] = ()
    """Layers of the application for the skips, finest first; the last is the bottleneck."""
    mean: tuple[float, float, float] | None = None
    """Red, green and blue to subtract for the published weights; None if the backbone scales its input."""


_EFFICIENTNET_TAPS = (
    "block2a_expand_activation",
    "block3a_expand_activation",
    "block4a_expand_activation",
    "block6a_expand_activation",
    "top_activation",
)

ENCODERS = {
    "vgg16": Encoder(
        application="VGG16",
        taps=("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
        depth=4,
        mean=(123.68, 116.779, 103.939),
    ),
    "efficientnetb0": Encoder(application="EfficientNetB0", taps=_EFFICIENTNET_TAPS, depth=5),
    "efficientnetb3": Encoder(application="EfficientNetB3", taps=_EFFICIENTNET_TAPS, depth=5),
    "efficientnet_lite0": Encoder(depth=5),
}
"""Encoders by name."""

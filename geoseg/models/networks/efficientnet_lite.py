"""EfficientNet-Lite0 from stock layers, a backbone missing from `keras.applications`.

Unlike EfficientNet-B0 it has no squeeze-and-excitation, and ReLU6 instead of swish (Tan and Le, arXiv:1905.11946; Liu,
2020, "Higher accuracy on vision models with EfficientNet-Lite"). Without averages over a whole tile, a pixel's score
depends only on its surroundings.
"""

from dataclasses import dataclass

from keras import layers

from geoseg.models.backend import Tensor


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """A sequence of inverted residual blocks; only the first is strided."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(blocks=1, kernel=3, stride=1, expansion=1, channels=16),
    _Stage(blocks=2, kernel=3, stride=2, expansion=6, channels=24),
    _Stage(blocks=2, kernel=5, stride=2, expansion=6, channels=40),
    _Stage(blocks=3, kernel=3, stride=2, expansion=6, channels=80),
    _Stage(blocks=3, kernel=5, stride=1, expansion=6, channels=112),
    _Stage(blocks=4, kernel=5, stride=2, expansion=6, channels=192),
)
"""Table 1 of Tan and Le (2019) without the last stage, which is for classification."""

_TAPPED = (0, 1, 2, 4, 5)
"""Last stages at each resolution: 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's."""


def lite0_features(pixels: Tensor) -> list[Tensor]:
    """Return feature maps of raw `pixels` (0–255), finest first: 16, 24, 40, 112, 192 channels at 1/2 to 1/32."""
    tensor = layers.Rescaling(1 / 128, offset=-127 / 128, name="backbone_scaling")(pixels)
    tensor = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(tensor)
    tensor = _norm(tensor, "stem_norm", active=True)
    features = []
    for index, stage in enumerate(_STAGES):
        for block in range(stage.blocks):
            tensor = _inverted_residual(
                tensor, stage, stage.stride if block == 0 else 1, f"stage{index}{'abcd'[block]}"
            )
        if index in _TAPPED:
            features.append(tensor)
    return features


def _inverted_residual(tensor: Tensor, stage: _Stage, stride: int, name: str) -> Tensor:
    inner, channels = tensor, tensor.shape[-1]
    if stage.expansion > 1:
        inner = layers.Conv2D(channels * stage.expansion, 1, use_bias=False, name=f"{name}_expand")(inner)
        inner = _norm(inner, f"{name}_expand_norm", active=True)
    inner = layers.DepthwiseConv2D(
        stage.kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(inner)
    inner = _norm(inner, f"{name}_depthwise_norm", active=True)
    inner = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project")(inner)
    inner = _norm(inner, f"{name}_project_norm", active=False)
    return layers.Add(name=f"{name}_sum")([inner, tensor]) if stride == 1 and channels == stage.channels else inner


def _norm(tensor: Tensor, name: str, *, active: bool) -> Tensor:
    tensor = layers.BatchNormalization(epsilon=1e-3, momentum=0.95, name=name)(tensor)
    return layers.ReLU(max_value=6.0, name=f"{name}_relu")(tensor) if active else tensor

"""Find batch normalisations to fold into the convolution before them, and its weights; needs no Keras."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_FOLDABLE = ("Conv2D", "DepthwiseConv2D")


def find_folds(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of normalisations in a functional configuration that can be folded, each with its convolution.

    Not folded are normalisations that are outputs, use batch statistics (`training=True`), or are not the only consumer
    of a linear Conv2D or DepthwiseConv2D.
    """
    layers = {layer["name"]: layer for layer in config["layers"]}
    consumers = Counter(used_layers([layer["inbound_nodes"] for layer in layers.values()]))
    outputs = set(used_layers(config["output_layers"]))
    for name, norm in layers.items():
        if norm["class_name"] != "BatchNormalization" or name in outputs or len(norm["inbound_nodes"]) != 1:
            continue
        (node,) = norm["inbound_nodes"]
        source, *others = used_layers(node)
        convolution = layers[source]
        if (
            not others  # a mask
            and convolution["class_name"] in _FOLDABLE
            and convolution["config"]["activation"] == "linear"
            and convolution["config"]["data_format"] == "channels_last"
            and norm["config"]["axis"] in (-1, 3)
            and consumers[source] == 1  # hence one call
            and source not in outputs
            and not node["kwargs"].get("training")
        ):
            yield name, source


def used_layers(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    """Yield the names of layers whose tensors are used in part of a functional configuration."""
    match value:
        case {"keras_history": [name, _, _]} | [str(name), int(), int()]:
            yield name
        case dict():
            for part in value.values():
                yield from used_layers(part)
        case list() | tuple():
            for part in value:
                yield from used_layers(part)


def fold_weights(
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32] | None,
    *,
    mean: npt.NDArray[np.float32],
    variance: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32] | None,
    shift: npt.NDArray[np.float32] | None,
    epsilon: float,
    depthwise: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return kernel and bias of a convolution that includes a normalisation, computed in float64.

    `kernel` is `(height, width, inputs, outputs)`, all others are `(channels,)`.
    """
    gains = np.ones(mean.shape) if gain is None else gain.astype(np.float64)
    gains = gains / np.sqrt(variance.astype(np.float64) + epsilon)
    before = 0 if bias is None else bias.astype(np.float64)
    shifts = (0 if shift is None else shift.astype(np.float64)) + (before - mean.astype(np.float64)) * gains
    # Output channels are the last axis of a kernel, the last two of a depthwise kernel.
    per_channel = gains.reshape(kernel.shape[2:]) if depthwise else gains
    return (kernel.astype(np.float64) * per_channel).astype(np.float32), shifts.astype(np.float32)

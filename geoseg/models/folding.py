"""Fold batch normalisations into the preceding convolutions, to save passes over the pixels."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

_FOLDABLE = ("Conv2D", "DepthwiseConv2D")


def fold_batch_norm(network: keras.Model) -> keras.Model:
    """Copy a network for inference, with batch normalisations folded into the convolutions before them.

    At inference a normalisation is `scale * x + shift` per channel, so the linear convolution before it can include it.
    Scores agree with the original's up to float32 rounding. Not folded are normalisations that are outputs, use batch
    statistics (`training=True`), or are not the only consumer of a linear Conv2D or DepthwiseConv2D. Networks that are
    not functional are returned unchanged.
    """
    config = network.get_config()
    if "input_layers" not in config:
        return network
    folds = dict(_find_folds(config))
    if not folds:
        return network
    folded = keras.Model.from_config(_remove_norms(config, folds))
    norms = {convolution: norm for norm, convolution in folds.items()}
    for layer in folded.layers:
        original = network.get_layer(layer.name)
        if layer.name in norms:
            layer.set_weights(_folded_weights(original, network.get_layer(norms[layer.name])))
        else:
            layer.set_weights(original.get_weights())
    return folded


def _find_folds(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of normalisations that can be folded, each with its convolution."""
    layers = {layer["name"]: layer for layer in config["layers"]}
    consumers = Counter(_used_layers([layer["inbound_nodes"] for layer in layers.values()]))
    outputs = set(_used_layers(config["output_layers"]))
    for name, norm in layers.items():
        if norm["class_name"] != "BatchNormalization" or name in outputs or len(norm["inbound_nodes"]) != 1:
            continue
        (node,) = norm["inbound_nodes"]
        source, *others = _used_layers(node)
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


def _used_layers(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    """Yield the names of layers whose tensors are used in part of a functional configuration."""
    match value:
        case {"keras_history": [name, _, _]} | [str(name), int(), int()]:
            yield name
        case dict():
            for part in value.values():
                yield from _used_layers(part)
        case list() | tuple():
            for part in value:
                yield from _used_layers(part)


def _remove_norms(config: dict[str, Any], folds: dict[str, str]) -> dict[str, Any]:
    """Remove folded normalisations: their consumers use the convolution, which gains a bias."""

    def rewired(value: Any) -> Any:  # noqa: ANN401
        match value:
            case {"keras_history": [name, node, tensor]}:
                return value | {"keras_history": [folds.get(name, name), node, tensor]}
            case dict():
                return {key: rewired(part) for key, part in value.items()}
            case list() | tuple():
                return [rewired(part) for part in value]
        return value

    layers = []
    for layer in config["layers"]:
        if layer["name"] in folds:
            continue
        settings = layer["config"] | ({"use_bias": True} if layer["name"] in folds.values() else {})
        layers.append(layer | {"config": settings, "inbound_nodes": rewired(layer["inbound_nodes"])})
    return config | {"layers": layers}


def _folded_weights(convolution: keras.Layer, norm: keras.Layer) -> list[npt.NDArray[np.float32]]:
    """Return kernel and bias of a convolution that includes `norm`, computed in float64."""
    mean, variance = _to_float64(norm.moving_mean), _to_float64(norm.moving_variance)
    gain = _to_float64(norm.gamma) if norm.scale else np.ones_like(mean)
    shift = _to_float64(norm.beta) if norm.center else np.zeros_like(mean)
    gain = gain / np.sqrt(variance + norm.epsilon)
    kernel, *bias = (np.asarray(values, np.float64) for values in convolution.get_weights())
    # Output channels are the last axis of a kernel, the last two of a depthwise kernel.
    per_channel = gain.reshape(kernel.shape[2:]) if isinstance(convolution, keras.layers.DepthwiseConv2D) else gain
    shift = shift + (sum(bias) - mean) * gain
    return [(kernel * per_channel).astype(np.float32), shift.astype(np.float32)]


def _to_float64(variable: keras.Variable) -> npt.NDArray[np.float64]:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)

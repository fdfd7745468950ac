"""Fold batch normalisation into the convolutions that feed it: the same function in fewer passes over the pixels."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

_FOLDABLE = ("Conv2D", "DepthwiseConv2D")


def fold_batch_norm(network: keras.Model) -> keras.Model:
    """A copy of `network` for inference, without the batch normalisations that directly follow a convolution.

    At inference a normalisation is `scale * x + shift` for each channel, and so is a part of the linear convolution
    before it. Scores agree with the original's up to float32 rounding. Left as they are: a normalisation that follows
    anything but a linear Conv2D or DepthwiseConv2D, whose convolution has another consumer, that is itself an output,
    or that normalises by batch statistics (`training=True`); and networks that are not functional.
    """
    config = network.get_config()
    if "input_layers" not in config:
        return network
    folds = dict(_folds(config))
    if not folds:
        return network
    folded = keras.Model.from_config(_without(config, folds))
    norms = {convolution: norm for norm, convolution in folds.items()}
    for layer in folded.layers:
        original = network.get_layer(layer.name)
        if layer.name in norms:
            layer.set_weights(_folded_weights(original, network.get_layer(norms[layer.name])))
        else:
            layer.set_weights(original.get_weights())
    return folded


def _folds(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of the normalisations that can be folded, each with the convolution that takes it up."""
    layers = {layer["name"]: layer for layer in config["layers"]}
    consumers = Counter(_sources([layer["inbound_nodes"] for layer in layers.values()]))
    outputs = set(_sources(config["output_layers"]))
    for name, norm in layers.items():
        if norm["class_name"] != "BatchNormalization" or name in outputs or len(norm["inbound_nodes"]) != 1:
            continue
        (node,) = norm["inbound_nodes"]
        source, *others = _sources(node)
        convolution = layers[source]
        if (
            not others  # a mask
            and convolution["class_name"] in _FOLDABLE
            and convolution["config"]["activation"] == "linear"
            and convolution["config"]["data_format"] == "channels_last"
            and norm["config"]["axis"] in (-1, 3)
            and consumers[source] == 1  # so it has one call, too
            and source not in outputs
            and not node["kwargs"].get("training")
        ):
            yield name, source


def _sources(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    """Names of the layers whose tensors a part of a functional configuration refers to."""
    match value:
        case {"keras_history": [name, _, _]} | [str(name), int(), int()]:
            yield name
        case dict():
            for part in value.values():
                yield from _sources(part)
        case list() | tuple():
            for part in value:
                yield from _sources(part)


def _without(config: dict[str, Any], folds: dict[str, str]) -> dict[str, Any]:
    """The configuration without folded normalisations: who read them reads their convolution, which gains a bias."""

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
    """Kernel and bias of a convolution that also does what `norm` did; computed in float64."""
    mean, variance = _wide(norm.moving_mean), _wide(norm.moving_variance)
    gain = _wide(norm.gamma) if norm.scale else np.ones_like(mean)
    shift = _wide(norm.beta) if norm.center else np.zeros_like(mean)
    gain = gain / np.sqrt(variance + norm.epsilon)
    kernel, *bias = (np.asarray(values, np.float64) for values in convolution.get_weights())
    # The last axis of a kernel counts output channels; depthwise kernels count them on the last two.
    per_channel = gain.reshape(kernel.shape[2:]) if isinstance(convolution, keras.layers.DepthwiseConv2D) else gain
    shift = shift + (sum(bias) - mean) * gain
    return [(kernel * per_channel).astype(np.float32), shift.astype(np.float32)]


def _wide(variable: keras.Variable) -> npt.NDArray[np.float64]:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)

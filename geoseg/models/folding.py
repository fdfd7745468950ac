"""Fold batch normalisations into the preceding convolutions, to save passes over the pixels."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.models.graph.folds import find_folds, fold_weights


def fold_batch_norm(network: keras.Model) -> keras.Model:
    """Copy a network for inference, with batch normalisations folded into the convolutions before them.

    At inference a normalisation is `scale * x + shift` per channel, so the linear convolution before it can include it.
    Scores agree with the original's up to float32 rounding. `find_folds` says which normalisations stay. Networks that
    are not functional are returned unchanged.
    """
    config = network.get_config()
    if "input_layers" not in config:
        return network
    folds = dict(find_folds(config))
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


def _folded_weights(convolution: keras.Layer, norm: keras.Layer) -> tuple[npt.NDArray[np.float32], ...]:
    """Return kernel and bias of a convolution that includes `norm`."""
    kernel, *bias = convolution.get_weights()
    return fold_weights(
        kernel,
        bias[0] if bias else None,
        mean=_values(norm.moving_mean),
        variance=_values(norm.moving_variance),
        gain=_values(norm.gamma) if norm.scale else None,
        shift=_values(norm.beta) if norm.center else None,
        epsilon=norm.epsilon,
        depthwise=isinstance(convolution, keras.layers.DepthwiseConv2D),
    )


def _values(variable: keras.Variable) -> npt.NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(variable))

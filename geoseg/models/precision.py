"""Run a network's layers in mixed precision: float32 weights, 16-bit arithmetic."""

from typing import Any

import keras

from geoseg.models.graph.folds import used_layers

_EXACT = frozenset({"InputLayer", "Rescaling", "Normalization"})
"""Layers that stay in float32: in bfloat16, pixel values above 128 are integers."""


def mixed(network: keras.Model, policy: str) -> keras.Model:
    """Copy a network with the dtype policy `mixed_bfloat16` or `mixed_float16`, except for its input and last layers.

    Blended probabilities are compared for equality, so the layers that return them stay as they are.
    """
    config = network.get_config()
    copied = network.__class__.from_config(_rewritten(config, policy))
    copied.set_weights(network.get_weights())
    return copied


def _rewritten(config: dict[str, Any], policy: str) -> dict[str, Any]:
    """Change the policy of the layers of a functional or sequential network, and of networks among its layers."""
    layers = config["layers"]
    last = _last_layers(config) if "output_layers" in config else {layers[-1]["config"]["name"]}
    return config | {"layers": [_changed(layer, policy, last) for layer in layers]}


def _last_layers(config: dict[str, Any]) -> set[str]:
    """Names of the layers that return a network's scores, and of those before them if they are operations."""
    entries = {entry["name"]: entry for entry in config["layers"]}
    waiting, last = list(used_layers(config["output_layers"])), set()
    while waiting:
        name = waiting.pop()
        if name not in last and _is_operation(entries[name]):
            waiting.extend(used_layers(entries[name]["inbound_nodes"]))
        last.add(name)
    return last


def _is_operation(layer: dict[str, Any]) -> bool:
    """Whether this is `x + y` or the like, which has no policy: it computes in the number format of its inputs."""
    return str(layer["module"]).startswith("keras.src.ops.")


def _changed(layer: dict[str, Any], policy: str, last: set[str]) -> dict[str, Any]:
    settings = layer["config"]
    if layer["class_name"] in _EXACT or settings.get("name") in last or _is_operation(layer):
        return layer
    if "layers" in settings:
        return layer | {"config": _rewritten(settings, policy)}
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": policy}, "registered_name": None}
    return layer | {"config": settings | {"dtype": dtype}}

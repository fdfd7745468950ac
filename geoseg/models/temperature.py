"""Divide the logits of a network by a temperature: its probabilities change, its classes do not."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoseg.errors import BundleError

from .graph.folds import used_layers

if TYPE_CHECKING:
    import keras

CALIBRATION = "calibration"
"""Key of a card's provenance: the temperature of the network's probabilities, and their calibration error."""

_WEIGHTED = ("Conv2D", "Conv2DTranspose", "Dense")
"""Layers whose output is divided by a number if their weights are."""
_LINEAR = ("Cropping2D", "Dropout", "UpSampling2D", "ZeroPadding2D")
"""Layers whose output is divided by a number if their input is."""


def divide_logits(network: "keras.Model", temperature: float, *, source: Path) -> None:
    """Divide the weights before the last softmax by a temperature (C. Guo et al., 2017, arXiv:1706.04599).

    Errors are those of `find_head`.
    """
    head = network.get_layer(find_head(network.get_config(), source=source))
    head.set_weights([weight / temperature for weight in head.get_weights()])


def find_head(config: dict[str, Any], *, source: Path) -> str:
    """Find the layer whose weights scale the logits of a network, given its configuration.

    Raises BundleError unless the network of `source` ends in a softmax over the channels of one such layer.
    """
    layers = {layer["config"]["name"]: layer for layer in config["layers"]}
    before = _sources(config)
    consumers = Counter(name for names in before.values() for name in names)
    outputs = list(used_layers(config["output_layers"])) if "output_layers" in config else [list(layers)[-1]]
    name, normalised = outputs[0], False
    while True:
        kind, settings = layers[name]["class_name"], layers[name]["config"]
        activation = settings.get("activation", "linear")
        if len(outputs) > 1 or consumers[name] != (name != outputs[0]):
            raise _unknown(source, f"uses the output of layer {name} more than once")
        if kind in _WEIGHTED and activation == ("linear" if normalised else "softmax"):
            return name
        softmax = (kind == "Activation" and activation == "softmax") or (
            kind == "Softmax" and settings["axis"] in (-1, 3)
        )
        linear = kind in _LINEAR or (kind == "Activation" and activation == "linear")
        if not (linear if normalised else softmax) or len(before[name]) != 1:
            called = f" and activation {activation}" if "activation" in settings else ""
            raise _unknown(source, f"ends in layer {name}, of class {kind}{called}")
        (name,), normalised = before[name], True


def _sources(config: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the layers that each layer of a functional or sequential configuration takes as inputs."""
    names = [layer["config"]["name"] for layer in config["layers"]]
    if "output_layers" not in config:
        return {name: names[max(number - 1, 0) : number] for number, name in enumerate(names)}
    return {layer["config"]["name"]: list(used_layers(layer["inbound_nodes"])) for layer in config["layers"]}


def _unknown(source: Path, found: str) -> BundleError:
    return BundleError(
        f"the network in {source} {found}; only a softmax right after one convolution can be calibrated."
    )

"""Layers and settings that can be run without Keras; all others are refused by name."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .folds import used_layers
from .network import Layer, Shape, unsupported

ACTIVATIONS = ("linear", "relu", "sigmoid", "silu", "softmax")
"""Activations of layers."""

_CONVOLUTION = ("kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias")
_SETTINGS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "BatchNormalization": ("axis", "epsilon", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv2D": (*_CONVOLUTION, "filters", "groups"),
    "DepthwiseConv2D": (*_CONVOLUTION, "depth_multiplier"),
    "Dropout": (),
    "GlobalAveragePooling2D": ("keepdims",),
    "InputLayer": ("batch_shape",),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Multiply": (),
    "Normalization": ("axis", "mean", "variance"),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "UpSampling2D": ("size", "interpolation"),
    "ZeroPadding2D": ("padding",),
}
"""Settings that change the output, by layer class in `keras.layers`."""

_FOR_TRAINING = {
    *("trainable", "momentum", "synchronized", "renorm_clipping", "renorm_momentum"),
    *("rate", "noise_shape", "seed"),
}
"""Settings without effect on the output."""
_OF_WEIGHTS = ("_initializer", "_regularizer", "_constraint")
"""Endings of names of more such settings."""
_DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")
"""Policies with float32 weights; the precision of the layers is the engine's."""


def read_layer(path: Path, entry: Mapping[str, Any]) -> Layer:
    """Read a layer of a configuration; raises BundleError if its call needs Keras, KeyError if a setting is missing."""
    name, kind, calls = str(entry["name"]), entry["class_name"], entry["inbound_nodes"]
    if len(calls) != 1:
        raise unsupported(path, f"layer {name}", f"called {len(calls)} times")
    (call,) = calls
    arguments = [key for key, value in call["kwargs"].items() if key != "inputs" and value not in (None, False)]
    if arguments:
        raise unsupported(path, f"layer {name}", f"called with {', '.join(arguments)}")
    settings = {name: entry["config"][name] for name in _SETTINGS[kind]}
    return Layer(name=name, kind=kind, inputs=tuple(used_layers(call)), settings=settings)


def find_obstacle(entry: Mapping[str, Any]) -> str | None:
    """Name the part of a layer's configuration that only Keras can run; None without any."""
    kind, config = entry["class_name"], entry["config"]
    if entry["module"] != "keras.layers" or kind not in _SETTINGS:
        return f"of class {kind}" if entry["module"] == "keras.layers" else f"of class {entry['module']}.{kind}"
    if _policy(config["dtype"]) not in _DTYPES:
        return f"of type {_policy(config['dtype'])}"
    if config.get("data_format", "channels_last") != "channels_last":
        return f"a {kind} with channels first"
    # Later versions of Keras may have more settings, which are off unless they were set.
    for name in sorted(set(config) - {*_SETTINGS[kind], *_FOR_TRAINING, "name", "dtype", "data_format"}):
        if config[name] not in (None, False) and not name.endswith(_OF_WEIGHTS):
            return f"a {kind} with {name}={config[name]!r}"
    return _refused_value(kind, config)


def find_misfit(layer: Layer, inputs: Sequence[Shape]) -> str | None:
    """Name the feature of a layer that only Keras can run, given the shapes of its inputs; None without any."""
    axes = {len(shape) for shape in inputs}
    match layer.kind:
        case "Multiply" if len(inputs) != 2:
            return f"a product of {len(inputs)}"
        case "Reshape" if [*layer.settings["target_shape"]] != [1, 1, *inputs[0]]:
            return "a reshaping of more than channels"
        case "Rescaling" | "Normalization" if axes != {3}:
            return f"a {layer.kind} of what is not a map"
        case _ if len(axes) > 1:
            return f"a {layer.kind} of a map and a vector"
    return None


def _refused_value(kind: str, config: Mapping[str, Any]) -> str | None:
    activation = config.get("activation", "linear")
    if activation not in ACTIVATIONS:
        return f"activated by {activation['config'] if isinstance(activation, dict) else activation}"
    found = None
    match kind:
        case "ReLU" if config["negative_slope"] or config["threshold"]:
            found = "a ReLU with a slope or a threshold"
        case "UpSampling2D" if config["interpolation"] not in ("nearest", "bilinear"):
            found = f"an upsampling by {config['interpolation']} interpolation"
        case "Concatenate" | "BatchNormalization" if config["axis"] not in (-1, 3):
            found = f"a {kind} along axis {config['axis']}"
        case "Normalization" if list(config["axis"]) not in ([-1], [3]):
            found = f"a {kind} along axes {config['axis']}"
        case "Rescaling" if not all(map(_is_number, _values(config["scale"], config["offset"]))):
            found = "a Rescaling by arrays"
    return found


def _values(*settings: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    for value in settings:
        yield from value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int | float)


def _policy(dtype: Any) -> str:  # noqa: ANN401 - a name, or a configuration
    return str(dtype["config"].get("name", dtype["class_name"]) if isinstance(dtype, dict) else dtype)

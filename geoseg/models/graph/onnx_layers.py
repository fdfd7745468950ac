"""Write layers of a network as ONNX operators, channels first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from .network import Layer, Weights
from .shapes import kernel_reach

KERAS_EPSILON = 1e-7
"""Smallest deviation that a Normalization divides by: `keras.backend.epsilon()`, unless a program changes it."""


@dataclass
class OnnxGraph:
    """A graph under construction; tensors are identified by name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:  # noqa: ANN401 - by operator
        """Append a node and return the name of its output."""
        output = f"{name}/output"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def constant(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Append a constant and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name


@dataclass(frozen=True, kw_only=True)
class LayerCall:
    """A layer, the tensors it takes, and their shapes."""

    layer: Layer
    sources: list[str]
    shapes: list[tuple[int, ...]]

    def __getitem__(self, setting: str) -> Any:  # noqa: ANN401 - by setting
        return self.layer.settings[setting]

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name


def _convolution(graph: OnnxGraph, call: LayerCall) -> str:
    return _add_convolution(graph, call, call.layer.weights["kernel"].transpose(3, 2, 0, 1), groups=call["groups"])


def _depthwise(graph: OnnxGraph, call: LayerCall) -> str:
    kernel = call.layer.weights["kernel"]
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _add_convolution(graph, call, kernel, groups=channels)


def _transposed_convolution(graph: OnnxGraph, call: LayerCall) -> str:
    """Write a convolution that doubles height and width, as `convolve_coarse` makes them."""
    weights = _constants(graph, call, call.layer.weights["kernel"].transpose(3, 2, 0, 1))
    return graph.add("ConvTranspose", call.name, call.sources + weights, strides=call["strides"], pads=[1] * 4)


def _add_convolution(graph: OnnxGraph, call: LayerCall, kernel: Weights, *, groups: int) -> str:
    """Write a convolution with its activation; `kernel` is `(outputs, inputs / groups, height, width)`."""
    output = graph.add(
        "Conv",
        call.name,
        call.sources + _constants(graph, call, kernel),
        strides=call["strides"],
        dilations=call["dilation_rate"],
        group=groups,
        pads=_pads(call, kernel_reach(call.layer)),
    )
    return _add_activation(graph, call, output)


def _constants(graph: OnnxGraph, call: LayerCall, kernel: Weights) -> list[str]:
    """Write a convolution's weights and return their names."""
    names = [graph.constant(f"{call.name}/kernel", kernel)]
    if call["use_bias"]:
        names.append(graph.constant(f"{call.name}/bias", call.layer.weights["bias"]))
    return names


def _pads(call: LayerCall, reach: Sequence[int]) -> list[int]:
    """Return zero padding before and after each axis; with `same` an odd pixel is added after, as in TensorFlow."""
    if call["padding"] == "valid":
        return [0, 0, 0, 0]
    *sizes, _ = call.shapes[0]
    missing = [
        max((-(-size // step) - 1) * step + extent - size, 0)
        for size, step, extent in zip(sizes, call["strides"], reach, strict=True)
    ]
    return [total // 2 for total in missing] + [total - total // 2 for total in missing]


def _add_activation(graph: OnnxGraph, call: LayerCall, source: str) -> str:
    match call["activation"]:
        case "linear":
            return source
        case "softmax":
            return graph.add("Softmax", f"{call.name}/softmax", [source], axis=1)
        case "silu":
            gate = graph.add("Sigmoid", f"{call.name}/gate", [source])
            return graph.add("Mul", f"{call.name}/silu", [source, gate])
        case name:  # relu, sigmoid
            return graph.add(name.capitalize(), f"{call.name}/{name}", [source])


def _activation(graph: OnnxGraph, call: LayerCall) -> str:
    return _add_activation(graph, call, call.sources[0])


def _relu(graph: OnnxGraph, call: LayerCall) -> str:
    if call["max_value"] is None:
        return graph.add("Relu", call.name, call.sources)
    limits = [graph.constant(f"{call.name}/{end}", value) for end, value in (("min", 0), ("max", call["max_value"]))]
    return graph.add("Clip", call.name, call.sources + limits)


def _batch_norm(graph: OnnxGraph, call: LayerCall) -> str:
    weights = call.layer.weights
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    statistics = {
        "scale": weights.get("gamma", np.ones_like(mean)),
        "shift": weights.get("beta", np.zeros_like(mean)),
        "mean": mean,
        "variance": variance,
    }
    constants = [graph.constant(f"{call.name}/{name}", values) for name, values in statistics.items()]
    return graph.add("BatchNormalization", call.name, call.sources + constants, epsilon=call["epsilon"])


def _rescaling(graph: OnnxGraph, call: LayerCall) -> str:
    return _add_scaling(graph, call, np.asarray(call["scale"]), np.asarray(call["offset"]))


def _normalization(graph: OnnxGraph, call: LayerCall) -> str:
    given = {name: call[name] for name in ("mean", "variance") if call[name] is not None} or call.layer.weights
    # float32, as Keras keeps them
    mean, variance = (np.asarray(given[name], np.float32).astype(np.float64) for name in ("mean", "variance"))
    deviation = np.maximum(np.sqrt(variance), KERAS_EPSILON)
    return _add_scaling(graph, call, 1 / deviation, -mean / deviation)


def _add_scaling(
    graph: OnnxGraph, call: LayerCall, scale: npt.NDArray[np.floating], offset: npt.NDArray[np.floating]
) -> str:
    """Write `scale * x + offset`, with one value for all bands or one per band."""
    factor = graph.constant(f"{call.name}/scale", scale.reshape(-1, 1, 1))
    summand = graph.constant(f"{call.name}/offset", offset.reshape(-1, 1, 1))
    return graph.add("Add", call.name, [graph.add("Mul", f"{call.name}/scaled", [*call.sources, factor]), summand])


def _max_pooling(graph: OnnxGraph, call: LayerCall) -> str:
    size, strides = call["pool_size"], call["strides"]
    return graph.add("MaxPool", call.name, call.sources, kernel_shape=size, strides=strides, pads=_pads(call, size))


def _up_sampling(graph: OnnxGraph, call: LayerCall) -> str:
    how = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }
    scales = graph.constant(f"{call.name}/scales", (1, 1, *call["size"]))
    return graph.add("Resize", call.name, [*call.sources, "", scales], **how[call["interpolation"]])


def _concatenate(graph: OnnxGraph, call: LayerCall) -> str:
    return graph.add("Concat", call.name, call.sources, axis=1)


def _sum(graph: OnnxGraph, call: LayerCall) -> str:
    return graph.add("Sum", call.name, call.sources)


def _multiply(graph: OnnxGraph, call: LayerCall) -> str:
    return graph.add("Mul", call.name, call.sources)


def _zero_padding(graph: OnnxGraph, call: LayerCall) -> str:
    (top, bottom), (left, right) = call["padding"]
    pads = graph.constant(f"{call.name}/pads", (0, 0, top, left, 0, 0, bottom, right), np.int64)
    return graph.add("Pad", call.name, [*call.sources, pads])


def _global_pooling(graph: OnnxGraph, call: LayerCall) -> str:
    if call["keepdims"]:
        return graph.add("GlobalAveragePool", call.name, call.sources)
    pooled = graph.add("GlobalAveragePool", f"{call.name}/pooled", call.sources)
    return graph.add("Flatten", call.name, [pooled])


def _reshape(graph: OnnxGraph, call: LayerCall) -> str:
    """Reshape channels to a map of one pixel, as in squeeze-and-excitation."""
    ((channels,),) = call.shapes
    shape = graph.constant(f"{call.name}/shape", (-1, channels, 1, 1), np.int64)
    return graph.add("Reshape", call.name, [*call.sources, shape])


def _skip(graph: OnnxGraph, call: LayerCall) -> str:
    """Skip a layer that does nothing at inference."""
    return call.sources[0]


WRITERS: dict[str, Callable[[OnnxGraph, LayerCall], str]] = {
    "Activation": _activation,
    "Add": _sum,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _skip,
    "GlobalAveragePooling2D": _global_pooling,
    "MaxPooling2D": _max_pooling,
    "Multiply": _multiply,
    "Normalization": _normalization,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "UpSampling2D": _up_sampling,
    "ZeroPadding2D": _zero_padding,
}
"""Writers by Keras layer class; each returns the name of the layer's output."""

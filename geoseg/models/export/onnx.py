"""Write a network as an ONNX graph, channels first, layer by layer.

Keras's own exporter keeps channels last, which ONNX operators do not support, so runtimes spend much of their time
transposing. It also needs TensorFlow; this works on any backend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from geoseg.errors import BundleError

OPSET = 17
"""Operator set, supported by runtimes since 2022."""
IR_VERSION = 8
"""File format version of this operator set."""


@dataclass
class _Graph:
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


def to_onnx(network: keras.Model, side: int) -> onnx.ModelProto:
    """Write a functional `network` as ONNX: pixels `(tiles, bands, side, side)` to `(tiles, classes, side, side)`.

    Input and output are named `pixels` and `probabilities`. The side of every feature map must be a multiple of the
    stride that reduces it, as a bundle's `multiple` ensures. Raises BundleError if a layer or setting is not supported.
    """
    graph = _Graph()
    (entry,), (result,) = network.inputs, network.outputs
    tensors = {id(entry): "pixels"}
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        kind = type(layer).__name__
        if kind not in _WRITERS:
            raise _unsupported(layer, f"a {kind}")
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise _unsupported(layer, "channels first")
        sources = layer.input if isinstance(layer.input, list) else [layer.input]
        tensors[id(layer.output)] = _WRITERS[kind](graph, layer, [tensors[id(source)] for source in sources])
    graph.nodes.append(helper.make_node("Identity", [tensors[id(result)]], ["probabilities"]))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["tiles", entry.shape[-1], side, side])
    scores = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph(graph.nodes, network.name, [pixels], [scores], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="geoseg",
    )
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    # Shape inference loses this name where feature maps are upsampled.
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "tiles"
    onnx.checker.check_model(model, full_check=True)
    return model


def _unsupported(layer: keras.Layer, found: str) -> BundleError:
    return BundleError(f"layer {layer.name} is {found}, which geoseg cannot write as ONNX.")


def _convolution(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    kernel, *bias = layer.get_weights()
    return _add_convolution(graph, layer, sources, kernel.transpose(3, 2, 0, 1), bias, groups=layer.groups)


def _depthwise(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    kernel, *bias = layer.get_weights()
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _add_convolution(graph, layer, sources, kernel, bias, groups=channels)


def _add_convolution(
    graph: _Graph,
    layer: keras.Layer,
    sources: list[str],
    kernel: npt.NDArray[np.float32],
    bias: list[npt.NDArray[np.float32]],
    *,
    groups: int,
) -> str:
    """Write a convolution with its activation; `kernel` is `(outputs, inputs / groups, height, width)`."""
    weights = [graph.constant(f"{layer.name}/kernel", kernel)]
    weights += [graph.constant(f"{layer.name}/bias", values) for values in bias]
    reach = [(size - 1) * step + 1 for size, step in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    output = graph.add(
        "Conv",
        layer.name,
        sources + weights,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        group=groups,
        pads=_pads(layer, reach),
    )
    return _add_activation(graph, layer, output)


def _pads(layer: keras.Layer, reach: Sequence[int]) -> list[int]:
    """Return zero padding before and after each axis; with `same` an odd pixel is added after, as in TensorFlow."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    missing = [max(size - step, 0) for size, step in zip(reach, layer.strides, strict=True)]
    return [total // 2 for total in missing] + [total - total // 2 for total in missing]


def _add_activation(graph: _Graph, layer: keras.Layer, source: str) -> str:
    name = keras.activations.serialize(layer.activation)
    if name == "linear":
        return source
    if name == "softmax":
        return graph.add("Softmax", f"{layer.name}/softmax", [source], axis=1)
    if name == "silu":
        gate = graph.add("Sigmoid", f"{layer.name}/gate", [source])
        return graph.add("Mul", f"{layer.name}/silu", [source, gate])
    if name in ("relu", "sigmoid"):
        return graph.add(name.capitalize(), f"{layer.name}/{name}", [source])
    raise _unsupported(layer, f"activated by {name}")


def _activation(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    return _add_activation(graph, layer, sources[0])


def _relu(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    if layer.negative_slope or layer.threshold:
        raise _unsupported(layer, "a ReLU with a slope or a threshold")
    if layer.max_value is None:
        return graph.add("Relu", layer.name, sources)
    limits = [graph.constant(f"{layer.name}/{end}", value) for end, value in (("min", 0), ("max", layer.max_value))]
    return graph.add("Clip", layer.name, sources + limits)


def _batch_norm(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(of)) for of in (layer.moving_mean, layer.moving_variance))
    scale = keras.ops.convert_to_numpy(layer.gamma) if layer.scale else np.ones_like(mean)
    shift = keras.ops.convert_to_numpy(layer.beta) if layer.center else np.zeros_like(mean)
    names = ("scale", "shift", "mean", "variance")
    statistics = [
        graph.constant(f"{layer.name}/{name}", values)
        for name, values in zip(names, (scale, shift, mean, variance), strict=True)
    ]
    return graph.add("BatchNormalization", layer.name, sources + statistics, epsilon=layer.epsilon)


def _rescaling(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    return _add_scaling(graph, layer, sources, np.asarray(layer.scale), np.asarray(layer.offset))


def _normalization(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(of), np.float64) for of in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return _add_scaling(graph, layer, sources, 1 / deviation, -mean / deviation)


def _add_scaling(
    graph: _Graph,
    layer: keras.Layer,
    sources: list[str],
    scale: npt.NDArray[np.floating],
    offset: npt.NDArray[np.floating],
) -> str:
    """Write `scale * x + offset`, with one value for all bands or one per band."""
    factor = graph.constant(f"{layer.name}/scale", scale.reshape(-1, 1, 1))
    summand = graph.constant(f"{layer.name}/offset", offset.reshape(-1, 1, 1))
    return graph.add("Add", layer.name, [graph.add("Mul", f"{layer.name}/scaled", [*sources, factor]), summand])


def _max_pooling(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    return graph.add(
        "MaxPool",
        layer.name,
        sources,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        pads=_pads(layer, layer.pool_size),
    )


def _up_sampling(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    how = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }
    if layer.interpolation not in how:
        raise _unsupported(layer, f"an upsampling by {layer.interpolation} interpolation")
    scales = graph.constant(f"{layer.name}/scales", (1, 1, *layer.size))
    return graph.add("Resize", layer.name, [*sources, "", scales], **how[layer.interpolation])


def _concatenate(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    if layer.axis not in (-1, 3):
        raise _unsupported(layer, f"a concatenation along axis {layer.axis}")
    return graph.add("Concat", layer.name, sources, axis=1)


def _sum(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    return graph.add("Sum", layer.name, sources)


def _multiply(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    if len(sources) != 2:
        raise _unsupported(layer, f"a product of {len(sources)}")
    return graph.add("Mul", layer.name, sources)


def _zero_padding(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    pads = graph.constant(f"{layer.name}/pads", (0, 0, top, left, 0, 0, bottom, right), np.int64)
    return graph.add("Pad", layer.name, [*sources, pads])


def _global_pooling(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    if layer.keepdims:
        return graph.add("GlobalAveragePool", layer.name, sources)
    pooled = graph.add("GlobalAveragePool", f"{layer.name}/pooled", sources)
    return graph.add("Flatten", layer.name, [pooled])


def _reshape(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    """Reshape channels to a map of one pixel, as in squeeze-and-excitation; other reshapes would mix axes."""
    channels = layer.input.shape[-1]
    if len(layer.input.shape) != 2 or tuple(layer.target_shape) != (1, 1, channels):
        raise _unsupported(layer, "a reshaping of more than channels")
    shape = graph.constant(f"{layer.name}/shape", (-1, channels, 1, 1), np.int64)
    return graph.add("Reshape", layer.name, [*sources, shape])


def _skip(graph: _Graph, layer: keras.Layer, sources: list[str]) -> str:
    """Skip a layer that does nothing at inference."""
    return sources[0]


_WRITERS: dict[str, Callable[[_Graph, keras.Layer, list[str]], str]] = {
    "Activation": _activation,
    "Add": _sum,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
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
"""Writers by layer class; they take the names of a layer's inputs and return that of its output."""

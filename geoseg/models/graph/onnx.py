"""Write a network as an ONNX graph, channels first, layer by layer.

Keras's own exporter keeps channels last, which ONNX operators do not support, so runtimes spend much of their time
transposing. It also needs TensorFlow; this needs neither Keras nor a backend.
"""

from typing import cast

import onnx
from onnx import TensorProto, helper

from .network import Network
from .onnx_layers import WRITERS, LayerCall, OnnxGraph
from .shapes import feature_shapes

OPSET = 17
"""Operator set, supported by runtimes since 2022."""
IR_VERSION = 8
"""File format version of this operator set."""


def to_onnx(network: Network, side: int) -> onnx.ModelProto:
    """Write a network as ONNX: pixels `(tiles, bands, side, side)` to `(tiles, classes, side, side)`.

    Input and output are named `pixels` and `probabilities`.
    """
    graph = OnnxGraph()
    shapes = cast("dict[str, tuple[int, ...]]", feature_shapes(network, side))  # all known, since the side is
    tensors = {network.entry: "pixels"}
    for layer in network.layers:
        call = LayerCall(
            layer=layer,
            sources=[tensors[name] for name in layer.inputs],
            shapes=[shapes[name] for name in layer.inputs],
        )
        tensors[layer.name] = WRITERS[layer.kind](graph, call)
    graph.nodes.append(helper.make_node("Identity", [tensors[network.output]], ["probabilities"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["tiles", shapes[layer][-1], side, side])
        for name, layer in (("pixels", network.entry), ("probabilities", network.output))
    ]
    return helper.make_model(
        helper.make_graph(graph.nodes, network.name, ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="geoseg",
    )


def to_checked_onnx(network: Network, side: int) -> onnx.ModelProto:
    """Write a network as `to_onnx` does, with the shapes of all tensors, and let ONNX's own checker approve it."""
    model = onnx.shape_inference.infer_shapes(to_onnx(network, side), strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model

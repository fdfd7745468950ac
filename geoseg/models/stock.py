"""The classes of Keras that a network may name; all others are refused before Keras sees the network.

Keras imports what a configuration names, and calls it with the configuration's values. Several classes and functions
have bypassed its safe mode, so only those that compute with their arguments alone are accepted. Operations, which stand
in a network for `x + y` or `keras.ops.relu(x)`, are stock by their module: a layer may have the same name.
"""

from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

from geoseg.errors import BundleError

_BY_DIMENSIONS = (
    *("AdaptiveAveragePooling", "AdaptiveMaxPooling", "AveragePooling", "Conv", "Cropping", "GlobalAveragePooling"),
    *("GlobalMaxPooling", "MaxPooling", "SpatialDropout", "UpSampling", "ZeroPadding"),
)
_LAYERS = {
    *(f"{name}{dimensions}D" for name in _BY_DIMENSIONS for dimensions in (1, 2, 3)),
    *(f"Conv{dimensions}DTranspose" for dimensions in (1, 2, 3)),
    *(f"{kind}Conv{dimensions}D" for kind in ("Depthwise", "Separable") for dimensions in (1, 2)),
    *("Activation", "ActivityRegularization", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"),
    *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
    *("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
    *("BatchNormalization", "GroupNormalization", "LayerNormalization", "Normalization", "RMSNormalization"),
    *("SpectralNormalization", "UnitNormalization"),
    *("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"),
    *("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN"),
    *("SimpleRNN", "SimpleRNNCell", "StackedRNNCells", "TimeDistributed"),
    *("Dense", "EinsumDense", "Embedding", "Flatten", "Identity", "InputLayer", "Masking", "Permute", "RepeatVector"),
    *("CenterCrop", "Rescaling", "Reshape", "Resizing"),
}
_INITIALIZERS = {
    *("Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform"),
    *("Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"),
}
_OF_NUMPY = {
    *("Abs", "Absolute", "Add", "Amax", "Amin", "Average", "Ceil", "Clip", "Divide", "DivideNoNan", "Equal", "Exp"),
    *("Expm1", "Floor", "FloorDivide", "Greater", "GreaterEqual", "Less", "LessEqual", "Log", "Log10", "Log1p", "Log2"),
    *("Logaddexp", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "Maximum", "Minimum", "Mod", "Multiply"),
    *("NanToNum", "Negative", "NotEqual", "Power", "Reciprocal", "Round", "Sign", "Sqrt", "Square", "Subtract"),
    *("TrueDivide", "Where"),
    *("Arctan", "Arctan2", "Cos", "Cosh", "Sin", "Sinh", "Tan", "Tanh"),
    *("All", "Any", "Argmax", "Argmin", "Cumsum", "Max", "Mean", "Median", "Min", "Prod", "Std", "Sum", "Var"),
    *("BroadcastTo", "Concatenate", "Copy", "ExpandDims", "Flip", "GetItem", "Moveaxis", "OnesLike", "Pad", "Ravel"),
    *("Repeat", "Reshape", "Roll", "Split", "Squeeze", "Stack", "Swapaxes", "Take", "Tile", "Transpose", "ZerosLike"),
    *("Dot", "Einsum", "Matmul", "Tensordot"),
}
_OF_NETWORKS = {
    *("Celu", "Elu", "Gelu", "Glu", "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "LogSigmoid"),
    *("LogSoftmax", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "SoftShrink", "Softmax", "Softplus", "Softsign"),
    *("SparsePlus", "SparseSigmoid", "Squareplus", "TanhShrink", "Threshold"),
    *("AdaptiveAveragePool", "AdaptiveMaxPool", "AveragePool", "Conv", "ConvTranspose", "DepthwiseConv", "MaxPool"),
    *("SeparableConv",),
    *("BatchNorm", "DepthToSpace", "DotProductAttention", "LayerNorm", "Moments", "Normalize", "OneHot", "RMSNorm"),
    *("SpaceToDepth",),
}

STOCK = {
    "keras": {"DTypePolicy", "Functional", "Model", "Sequential"},
    "keras.constraints": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"},
    "keras.initializers": _INITIALIZERS,
    "keras.layers": _LAYERS,
    "keras.models": {"Model", "Sequential"},
    "keras.regularizers": {"L1", "L1L2", "L2", "OrthogonalRegularizer"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.core": {"Cast", "SaturateCast", "Slice", "StopGradient", "Unstack"},
    "keras.src.ops.image": {"CropImages", "PadImages", "Resize", "RGBToGrayscale"},
    "keras.src.ops.linalg": {"Norm"},
    "keras.src.ops.math": {"Erf", "Erfc", "Logsumexp", "Rsqrt", "TopK"},
    "keras.src.ops.nn": _OF_NETWORKS,
    "keras.src.ops.numpy": _OF_NUMPY,
    None: {"__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__"},  # a layer's result, an array, an index
}
"""Classes by module, as configurations name them."""


def check_classes(path: Path, document: dict[str, Any]) -> None:
    """Raise BundleError if the configuration of the network in `path` names anything but stock classes."""
    for part in _parts({**document, "compile_config": None}):  # networks are not compiled on loading
        module, name = part.get("module"), part["class_name"]
        registered = part.get("registered_name") or name
        if not (isinstance(module, str | None) and isinstance(name, str) and name in STOCK.get(module, ())):
            named = ".".join(str(word) for word in (module, name) if word is not None)
        elif registered != name:
            named = str(registered)
        else:
            continue
        raise BundleError(
            f"the network in {path} uses {shorten(named, 100)}, which may run code and is not loaded; "
            "build it from layers and operations of Keras that take no Python functions or files."
        )


def _parts(document: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Yield all objects of a configuration that name a class, however deep."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
            if "class_name" in value:
                yield value
        elif isinstance(value, list):
            waiting.extend(value)

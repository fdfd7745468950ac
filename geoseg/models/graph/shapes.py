"""Shapes of feature maps, and of the weights that settings ask for."""

from collections.abc import Callable, Mapping, Sequence

from .network import Layer, Network, Shape


def feature_shapes(network: Network, side: int | None = None) -> dict[str, Shape]:
    """Return the shapes of the input and of every layer's output, by name, for tiles of `side` pixels.

    None stands for the sizes of the network's input. Raises ValueError if layers do not fit together.
    """
    shape: Shape = network.input_shape if side is None else (side, side, network.input_shape[-1])
    shapes = {network.entry: shape}
    for layer in network.layers:
        shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
    return shapes


def output_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a layer's output; raises ValueError if it does not accept `inputs`."""
    return _RULES.get(layer.kind, _same)(layer, inputs)


def weight_shapes(layer: Layer, channels: int) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of a layer's weights, in the order in which Keras stores them, for its number of inputs."""
    settings = layer.settings
    match layer.kind:
        case "Conv2D":
            kernel = (*settings["kernel_size"], channels // settings["groups"], settings["filters"])
            return {"kernel": kernel} | ({"bias": (settings["filters"],)} if settings["use_bias"] else {})
        case "DepthwiseConv2D":
            kernel = (*settings["kernel_size"], channels, settings["depth_multiplier"])
            return {"kernel": kernel} | ({"bias": (kernel[2] * kernel[3],)} if settings["use_bias"] else {})
        case "BatchNormalization":
            names = ["gamma"] * settings["scale"] + ["beta"] * settings["center"] + ["moving_mean", "moving_variance"]
            return dict.fromkeys(names, (channels,))
        case "Normalization" if settings["mean"] is None:
            return {"mean": (channels,), "variance": (channels,), "count": ()}
    return {}


def kernel_reach(layer: Layer) -> list[int]:
    """Return height and width of what a dilated kernel covers, in pixels."""
    axes = zip(layer.settings["kernel_size"], layer.settings["dilation_rate"], strict=True)
    return [(size - 1) * step + 1 for size, step in axes]


def _same(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    (shape,) = inputs
    return shape


def _convolved(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((*sizes, channels),) = inputs
    settings = layer.settings
    depthwise = layer.kind == "DepthwiseConv2D"
    outputs = (channels or 0) * settings["depth_multiplier"] if depthwise else settings["filters"]
    return *_strided(layer, sizes, kernel_reach(layer)), outputs


def _pooled(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((*sizes, channels),) = inputs
    return *_strided(layer, sizes, layer.settings["pool_size"]), channels


def _strided(layer: Layer, sizes: Sequence[int | None], reach: Sequence[int]) -> list[int | None]:
    if len(sizes) != 2:
        raise ValueError(f"layer {layer.name} needs a feature map.")
    missing = [0, 0] if layer.settings["padding"] == "same" else [extent - 1 for extent in reach]
    strides = layer.settings["strides"]
    result = [
        None if size is None else -(-(size - less) // step)
        for size, less, step in zip(sizes, missing, strides, strict=True)
    ]
    if any(size is not None and size < 1 for size in result):
        raise ValueError(f"layer {layer.name} needs a larger feature map.")
    return result


def _upsampled(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((height, width, channels),) = inputs
    rows, columns = layer.settings["size"]
    return height and height * rows, width and width * columns, channels


def _doubled(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((height, width, _),) = inputs
    return height and 2 * height, width and 2 * width, layer.settings["filters"]


def _padded(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((height, width, channels),) = inputs
    rows, columns = map(sum, layer.settings["padding"])
    return height and height + rows, width and width + columns, channels


def _joined(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a concatenation of channels."""
    sizes = [_common(layer, along, broadcast=False) for along in zip(*(shape[:-1] for shape in inputs), strict=True)]
    return *sizes, sum(shape[-1] or 0 for shape in inputs)


def _combined(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of an element-wise sum or product."""
    return tuple(_common(layer, along, broadcast=True) for along in zip(*inputs, strict=True))


def _common(layer: Layer, sizes: Sequence[int | None], *, broadcast: bool) -> int | None:
    known = {size for size in sizes if size is not None and not (broadcast and size == 1)}
    if len(known) > 1:
        raise ValueError(f"layer {layer.name} takes maps of different sizes, {sorted(known)}.")
    return known.pop() if known else (None if None in sizes else 1)


def _averaged(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    ((_, _, channels),) = inputs
    return (1, 1, channels) if layer.settings["keepdims"] else (channels,)


def _reshaped(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    return tuple(layer.settings["target_shape"])


_RULES: dict[str, Callable[[Layer, Sequence[Shape]], Shape]] = {
    "Add": _combined,
    "Concatenate": _joined,
    "Conv2D": _convolved,
    "Conv2DTranspose": _doubled,
    "DepthwiseConv2D": _convolved,
    "GlobalAveragePooling2D": _averaged,
    "MaxPooling2D": _pooled,
    "Multiply": _combined,
    "Reshape": _reshaped,
    "UpSampling2D": _upsampled,
    "ZeroPadding2D": _padded,
}
"""By layer class; others keep the shape of their input."""

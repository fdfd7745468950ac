"""Convolve features before they are upsampled: the same sums with fewer products.

A decoder repeats each coarse pixel 2 × 2 times and convolves the result, so most products are computed several times. A
3 × 3 convolution of repeated pixels is a transposed 4 × 4 convolution of the coarse ones: four products for each output
instead of nine (the sub-pixel kernels of Shi et al., 2016, "Is the deconvolution layer the same as a convolutional
layer?"). A 1 × 1 convolution can be taken before the repetition. Concatenated features are convolved one by one, and
summed. Outputs differ by rounding only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .network import Layer, Network, Weights
from .shapes import feature_shapes


def convolve_coarse(network: Network) -> Network:
    """Return an equal network that convolves coarse features where it can."""
    layers = {layer.name: layer for layer in network.layers}
    channels = {name: int(shape[-1] or 0) for name, shape in feature_shapes(network).items()}
    changed = [part for layer in network.layers for part in _changed(layer, layers, channels)]
    return replace(network, layers=tuple(_used(changed, network.output)))


def _changed(layer: Layer, layers: Mapping[str, Layer], channels: Mapping[str, int]) -> Iterator[Layer]:
    """Yield a layer, or the layers that replace it; the last keeps its name."""
    sources = _sources(layer, layers)
    if not (_convolves_each_pixel(layer) and any(_repeats(layer, layers.get(name)) for name in sources)):
        yield layer
        return
    ends = np.cumsum([channels[name] for name in sources])[:-1]
    kernels = np.split(layer.weights["kernel"], ends, axis=2)
    sums: list[str] = []
    for number, (source, kernel) in enumerate(zip(sources, kernels, strict=True)):
        parts = _part(layer, number, source, kernel, layers)
        yield from parts
        sums.append(parts[-1].name)
    linear = layer.settings["activation"] == "linear"
    total = Layer(name=layer.name if linear else f"{layer.name}/sum", kind="Add", inputs=tuple(sums), settings={})
    yield total
    if not linear:
        settings = {"activation": layer.settings["activation"]}
        yield Layer(name=layer.name, kind="Activation", inputs=(total.name,), settings=settings)


def _sources(layer: Layer, layers: Mapping[str, Layer]) -> tuple[str, ...]:
    """Return what a layer takes, or what is concatenated for it."""
    before = layers.get(layer.inputs[0])
    return before.inputs if before is not None and before.kind == "Concatenate" else layer.inputs


def _convolves_each_pixel(layer: Layer) -> bool:
    """Whether a layer is a convolution of 1 × 1 or 3 × 3 neighbouring pixels at every pixel."""
    if layer.kind != "Conv2D" or layer.settings["groups"] != 1:
        return False
    kernel, strides, steps = (tuple(layer.settings[name]) for name in ("kernel_size", "strides", "dilation_rate"))
    alike = kernel == (1, 1) or (kernel == (3, 3) and layer.settings["padding"] == "same")
    return alike and strides == steps == (1, 1)


def _repeats(convolution: Layer, source: Layer | None) -> bool:
    """Whether a source repeats pixels, as often as a convolution of coarse pixels can stand for."""
    if source is None or source.kind != "UpSampling2D" or source.settings["interpolation"] != "nearest":
        return False
    return tuple(convolution.settings["kernel_size"]) == (1, 1) or tuple(source.settings["size"]) == (2, 2)


def _part(layer: Layer, number: int, source: str, kernel: Weights, layers: Mapping[str, Layer]) -> tuple[Layer, ...]:
    """Return the layers that convolve one source with its part of the kernel; the first source takes the bias."""
    bias = layer.settings["use_bias"] and number == 0
    weights = {"kernel": kernel} | ({"bias": layer.weights["bias"]} if bias else {})
    settings = {**layer.settings, "use_bias": bias, "activation": "linear"}
    name = f"{layer.name}/{number}"
    part = replace(layer, name=name, inputs=(source,), settings=settings, weights=weights)
    repeat = layers.get(source)
    if repeat is None or not _repeats(layer, repeat):
        return (part,)
    coarse = replace(part, inputs=repeat.inputs)
    if kernel.shape[:2] == (1, 1):
        return coarse, replace(repeat, name=f"{name}/repeated", inputs=(name,))
    transposed = {**settings, "kernel_size": (4, 4), "strides": (2, 2)}
    weights = {**weights, "kernel": _transposed(kernel)}
    return (replace(coarse, kind="Conv2DTranspose", settings=transposed, weights=weights),)


def _transposed(kernel: Weights) -> Weights:
    """Return the 4 × 4 kernel `(4, 4, outputs, inputs)` that adds what 2 × 2 equal pixels add with a 3 × 3 kernel."""
    for axis in (0, 1):
        first, middle, last = np.moveaxis(kernel, axis, 0)
        kernel = np.stack([last, middle + last, first + middle, first], axis)
    return kernel.swapaxes(2, 3)


def _used(layers: Sequence[Layer], output: str) -> list[Layer]:
    """Return the layers that the output needs."""
    needed, kept = {output}, []
    for layer in reversed(layers):
        if layer.name in needed:
            needed.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]

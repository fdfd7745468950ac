"""Read a bundle's network from its configuration and weights, without Keras or a backend."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from geoseg.models.archive import CONFIG, WEIGHTS, count_values, parse_json, read_members, readable
from geoseg.models.bundle import read_card
from geoseg.models.saved_network import check_shapes, check_tiles

from .folds import find_folds, fold_weights, used_layers
from .layers import find_misfit, find_obstacle, read_layer
from .network import Layer, Network, Shape, unsupported
from .shapes import feature_shapes, output_shape, weight_shapes
from .stored import open_weights, read_weights, stored_names


def read_network(path: Path) -> Network:
    """Read a bundle's network for inference, batch normalisations folded into the convolutions before them.

    Raises BundleError if the network cannot be read, does not match its card, or needs Keras.
    """
    card = read_card(path)
    with readable(path):
        config, weights = read_members(path, CONFIG, WEIGHTS)
        count_values(weights)
        network = _read(path, parse_json(config), weights)
        found = feature_shapes(network)
    check_shapes(path, card, *((None, *found[name]) for name in (network.entry, network.output)))
    check_tiles(path, card, lambda side: _accepts(network, side))
    return network


def _read(path: Path, document: Mapping[str, Any], weights: bytes) -> Network:
    if document["class_name"] not in ("Functional", "Model") or "input_layers" not in document["config"]:
        raise unsupported(path, "the network", f"of class {document['class_name']}, not functional")
    config = document["config"]
    inputs, outputs = (list(used_layers(config[key])) for key in ("input_layers", "output_layers"))
    if len(inputs) != 1 or len(outputs) != 1:
        raise unsupported(path, "the network", f"one of {len(inputs)} inputs and {len(outputs)} outputs")
    groups = list(stored_names(entry["class_name"] for entry in config["layers"]))
    shapes: dict[str, Shape] = {}
    layers = []
    with open_weights(path, weights) as stored:
        for entry, group in zip(config["layers"], groups, strict=True):
            obstacle = find_obstacle(entry)
            if obstacle:
                raise unsupported(path, f"layer {entry['name']}", obstacle)
            if entry["name"] == inputs[0]:
                _, *shape = entry["config"]["batch_shape"]
                shapes[inputs[0]] = tuple(shape)
                continue
            layer = read_layer(path, entry)
            before = [shapes[name] for name in layer.inputs]
            misfit = find_misfit(layer, before)
            if misfit:
                raise unsupported(path, f"layer {layer.name}", misfit)
            shapes[layer.name] = output_shape(layer, before)
            needed = weight_shapes(layer, before[0][-1] or 0)
            arrays = read_weights(path, stored, layer=layer.name, group=group, shapes=needed)
            layers.append(replace(layer, weights=arrays))
    height, width, bands = shapes[inputs[0]]
    return Network(
        name=str(config["name"]),
        entry=inputs[0],
        input_shape=(height, width, int(bands or 0)),
        classes=int(shapes[outputs[0]][-1] or 0),
        layers=tuple(_folded(layers, dict(find_folds(config)))),
        output=outputs[0],
    )


def _folded(layers: list[Layer], folds: Mapping[str, str]) -> Iterator[Layer]:
    """Yield layers without the normalisations in `folds`, whose convolutions include them."""
    norms = {folds[layer.name]: layer for layer in layers if layer.name in folds}
    for layer in layers:
        if layer.name in folds:
            continue
        inputs = tuple(folds.get(name, name) for name in layer.inputs)
        if layer.name not in norms:
            yield replace(layer, inputs=inputs)
            continue
        norm = norms[layer.name]
        kernel, bias = fold_weights(
            layer.weights["kernel"],
            layer.weights.get("bias"),
            mean=norm.weights["moving_mean"],
            variance=norm.weights["moving_variance"],
            gain=norm.weights.get("gamma"),
            shift=norm.weights.get("beta"),
            epsilon=norm.settings["epsilon"],
            depthwise=layer.kind == "DepthwiseConv2D",
        )
        settings = {**layer.settings, "use_bias": True}
        yield replace(layer, inputs=inputs, settings=settings, weights={"kernel": kernel, "bias": bias})


def _accepts(network: Network, side: int) -> bool:
    """Whether the network accepts tiles of `side` pixels and returns scores of the same size."""
    try:
        return feature_shapes(network, side)[network.output][:-1] == (side, side)
    except ValueError:
        return False

"""Size of a bundle's network, from its configuration alone: what its weights and feature maps take."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoseg.errors import BundleError
from geoseg.models.archive import CONFIG, MALFORMED, WEIGHTS, open_archive, parse_json, read_member
from geoseg.models.bundle import read_card

from .folds import used_layers
from .layers import read_layer
from .network import Layer, Shape
from .shapes import output_shape

_FLOAT = 4
"""Bytes of a value."""


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """What a network takes in float32, without what an engine adds."""

    weights: int
    """Bytes of its weights."""
    maps: float
    """Bytes for each pixel of a tile: of the feature maps that are needed at the same time, where they are most."""
    assumed: bool = False
    """Whether these are figures of another network, since its own are not known."""


SHIPPED = NetworkSize(weights=10_633_553, maps=384, assumed=True)
"""Size of the shipped networks, also assumed for an unknown one."""


def read_size(path: Path) -> NetworkSize:
    """Read the size of a bundle's network, in milliseconds.

    A network that only Keras runs, or that cannot be read, counts as one of the shipped: its engine reports it.
    BundleError if there is no valid card.
    """
    card = read_card(path)
    try:
        with open_archive(path) as archive:
            weights = archive.getinfo(WEIGHTS).file_size
            config = parse_json(read_member(archive, CONFIG))["config"]
        maps = max(_maps(path, config, card.tile)) / card.tile**2
    except (BundleError, *MALFORMED):
        return SHIPPED
    return NetworkSize(weights=weights, maps=maps)


def _maps(path: Path, config: Mapping[str, Any], side: int) -> Iterator[int]:
    """Yield the bytes of the feature maps of one tile that are kept while each layer is computed."""
    (entry,) = used_layers(config["input_layers"])
    layers: list[Layer] = []
    shapes: dict[str, Shape] = {}
    for each in config["layers"]:
        if each["name"] == entry:
            *_, bands = each["config"]["batch_shape"]
            shapes[entry] = side, side, bands
            continue
        layer = read_layer(path, each)
        shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
        layers.append(layer)
    last = {name: layer.name for layer in layers for name in layer.inputs}
    kept = {entry}
    for layer in layers:
        kept.add(layer.name)
        yield sum(_FLOAT * math.prod(size or 1 for size in shapes[name]) for name in kept)
        kept -= {name for name in layer.inputs if last[name] == layer.name}

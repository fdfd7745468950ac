"""Graphs that OpenVINO runs: the network of a bundle, or its 8-bit form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.models.bundle import read_card
from geoseg.models.graph.coarse import convolve_coarse
from geoseg.models.graph.onnx import to_onnx
from geoseg.models.graph.read import read_network
from geoseg.models.int8.stored import damaged, read_form

if TYPE_CHECKING:
    import openvino


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A network for OpenVINO, with channels first."""

    of_tiles: Callable[[int], "openvino.Model"]
    """Returns it for tiles of a side in pixels."""
    bands: int
    classes: int


def read_float(core: "openvino.Core", bundle: Path) -> Graph:
    """Read the network of a bundle."""
    network = convolve_coarse(read_network(bundle))  # a quarter of the time; ONNX Runtime gains nothing

    def of_tiles(side: int) -> "openvino.Model":
        return core.read_model(to_onnx(network, side).SerializeToString())

    return Graph(of_tiles=of_tiles, bands=network.input_shape[-1], classes=network.classes)


def read_int8(core: "openvino.Core", bundle: Path) -> Graph:
    """Read the 8-bit form, which is the same for any size of tiles; raises BundleError if it does not fit the card."""
    form, card = read_form(bundle), read_card(bundle)
    bands, classes = len(card.bands), len(card.legend)
    try:
        model = core.read_model(form.graph, form.weights)
        model.reshape({"pixels": [1, bands, card.tile, card.tile]})
        found = tuple(model.output("probabilities").shape)
    except RuntimeError as error:
        raise damaged(bundle, error) from error
    if found != (1, classes, card.tile, card.tile):
        raise damaged(bundle, ValueError(f"its output has shape {found}"))
    return Graph(of_tiles=lambda _side: model.clone(), bands=bands, classes=classes)

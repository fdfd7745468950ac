"""Make the 8-bit form of a network by post-training quantisation with NNCF."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from geoseg.errors import BundleError
from geoseg.extras import require
from geoseg.models.bundle import read_card
from geoseg.models.graph.onnx import to_onnx
from geoseg.models.graph.read import read_network
from geoseg.models.openvino_core import openvino_core
from geoseg.models.telemetry import start_nncf
from geoseg.work_folders import temporary_folder

from .stored import Form

if TYPE_CHECKING:
    import openvino

Pixels = npt.NDArray[np.float32]


def require_nncf() -> None:
    """Raise UsageError unless NNCF is installed."""
    require("quantisation", ["nncf"], "quantize")


def make_form(bundle: Path, tiles: Iterable[Pixels], *, most: int) -> tuple[Form, int]:
    """Quantise a bundle's network; return its 8-bit form, and the number of tiles that it was calibrated on.

    `tiles` are network inputs `(side, side, bands)`, 0–255, with the side that the card names; `most` are used. Raises
    UsageError without NNCF, BundleError if the network cannot be quantised.
    """
    require_nncf()
    start_nncf()
    import nncf
    import openvino

    count = 0

    def counted() -> Iterator[Pixels]:
        nonlocal count
        for pixels in tiles:
            count += 1
            yield np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])

    with _quietly(), temporary_folder() as folder:
        quantised = nncf.quantize(
            _float_graph(bundle),
            nncf.Dataset(counted()),
            # Weights are symmetric, activations asymmetric.
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=most,
        )
        graph = folder / "network.xml"
        openvino.save_model(quantised, graph, compress_to_fp16=False)
        return Form(graph=graph.read_bytes(), weights=graph.with_suffix(".bin").read_bytes()), count


def _float_graph(bundle: Path) -> "openvino.Model":
    """Return the graph for single tiles of the card's size, which may be reshaped to any other size."""
    card, network = read_card(bundle), read_network(bundle)
    model = to_onnx(network, card.tile)
    # Padding is the only part of a graph that may depend on the size of tiles. If it is the same for the next size, it
    # is for all: every strided layer then divides both by the same number.
    if model.graph.node != to_onnx(network, card.tile + card.multiple).graph.node:
        raise BundleError(
            f"the network in {bundle} pads tiles of {card.tile} and {card.tile + card.multiple} pixels differently, "
            "so it cannot be quantised for both."
        )
    graph = openvino_core().read_model(model.SerializeToString())
    graph.reshape({"pixels": [1, len(card.bands), card.tile, card.tile]})
    return graph


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress NNCF's log lines and progress bars."""
    from rich import get_console

    log, console = logging.getLogger("nncf"), get_console()
    before = log.disabled, console.quiet
    log.disabled = console.quiet = True
    try:
        yield
    finally:
        log.disabled, console.quiet = before

"""Export a bundle's network for other runtimes; what does not give the scores of the original is not written."""

import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.files import check_outputs, whole_files
from geoseg.models.backend import start_keras, without_chatter
from geoseg.models.bundle import Card, load_network, read_card

from .runtimes import FORMATS, Format, Tiles

TOLERANCE = 1e-4
"""Largest difference of a probability between an export and the network it was made from."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export that was written."""

    files: tuple[Path, ...]
    """What belongs together, the one to open first."""
    difference: float
    """Largest difference of a probability from the network's, over the tiles it was checked on."""
    advice: str
    """What its user must do to have the same; empty if nothing."""


def export_bundle(bundle: Path, output: Path, *, format: str, tiles: Tiles, overwrite: bool = False) -> Export:
    """Write a bundle's network as `format`, checked on `tiles` against Keras.

    Parameters
    ----------
    output
        File to write, with the format's suffix; a folder for `savedmodel`.
    format
        One of `FORMATS`. `onnx` and `openvino` take and give channels first, `(tiles, bands, side, side)`; `savedmodel`
        and `tflite` channels last. `tflite` takes one tile at a time, the others any number.
    tiles
        Network inputs `(tiles, side, side, bands)` in 0–255 to compare on; the export is for tiles of their side.
    overwrite
        Replace an export that exists.

    Raises
    ------
    UsageError
        If a package is missing, Keras runs on a backend that cannot write the format, or the side does not fit.
    BundleError
        If the network cannot be loaded or translated, or its export gives other scores.
    OutputError
        If the output exists, has another suffix, or cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}.")
    kind = FORMATS[format]
    _require(format, kind.packages)
    _check_target(output, kind, overwrite=overwrite)
    card = _card_for(read_card(bundle), tiles.shape[1])
    start_keras()
    import keras

    if kind.on_tensorflow and keras.backend.backend() != "tensorflow":
        raise UsageError(f"Keras writes {format} on TensorFlow only; unset KERAS_BACKEND={keras.backend.backend()}.")
    network = load_network(bundle)
    expected = np.concatenate([keras.ops.convert_to_numpy(network(tile[None], training=False)) for tile in tiles])
    files = kind.files(output)
    # The file that is opened comes last, so that its presence means that all are there.
    with whole_files(files[::-1]) as work:
        made = work / output.name
        with without_chatter():
            kind.write(network, card, made)
            difference = float(np.abs(kind.run(made, tiles) - expected).max())
        if not difference <= TOLERANCE:
            raise BundleError(
                f"{bundle} as {format} differs from the Keras network by {difference:.2g}, "
                f"more than the {TOLERANCE:g} allowed; it was not written."
            )
        if output.is_dir():
            shutil.rmtree(output.resolve())
    return Export(files=tuple(files), difference=difference, advice=kind.advice)


def _require(format: str, packages: tuple[str, ...]) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"exporting to {format} needs {' and '.join(missing)}, not installed here: pip install 'geoseg[{format}]'."
        )


def _check_target(output: Path, kind: Format, *, overwrite: bool) -> None:
    if kind.suffix and output.suffix != kind.suffix:
        raise OutputError(f"{output} is no name for this format; give one that ends in {kind.suffix}.")
    if kind.suffix:
        check_outputs(kind.files(output), overwrite=overwrite)
    else:
        model = output / "saved_model.pb"
        if output.is_dir() and not model.exists():
            raise OutputError(f"{output} is a folder that holds no SavedModel; it is not replaced.")
        check_outputs([model], overwrite=overwrite, create=True)


def _card_for(card: Card, side: int) -> Card:
    """The card of an export for tiles of `side`, with the same share of overlap."""
    if side == card.tile:
        return card
    if side < 1 or side % card.multiple:
        raise UsageError(f"the tile of model {card.name} must be a multiple of {card.multiple} pixels, got {side}.")
    return replace(card, tile=side, overlap=card.overlap * side // card.tile)

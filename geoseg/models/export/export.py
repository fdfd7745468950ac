"""Export a bundle's network for another runtime, if its scores match the original's."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.extras import require
from geoseg.files import check_outputs, check_suffix, whole_files
from geoseg.models.backend import start_keras, without_chatter
from geoseg.models.bundle import Card, read_card
from geoseg.models.saved_network import load_network

from .runtimes import FORMATS, Format, Source, Tiles

_SAVED_MODEL = {"assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables"}
"""What TensorFlow writes to the folder of a SavedModel."""
TOLERANCE = 1e-4
"""Largest difference allowed between probabilities of an export and its network."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """A written export."""

    files: tuple[Path, ...]
    """The file to open comes first."""
    difference: float
    """Largest difference from the network's probabilities on the checked tiles."""
    advice: str
    """How to get the same probabilities; empty if nothing needs to be done."""


def export_bundle(bundle: Path, output: Path, *, format: str, tiles: Tiles, overwrite: bool = False) -> Export:
    """Write a bundle's network to `output` as `format`, one of `FORMATS`, after comparing it with Keras on `tiles`.

    `tiles` are network inputs `(tiles, side, side, bands)`, 0–255; they also set the tile size of the export. Inputs of
    `onnx` and `openvino` are channels first, `(tiles, bands, side, side)`, the others channels last; `tflite` takes one
    tile at a time.
    """
    kind, card = check_export(bundle, output, format=format, side=tiles.shape[1], overwrite=overwrite)
    start_keras()
    import keras

    if kind.on_tensorflow and keras.backend.backend() != "tensorflow":
        raise UsageError(f"Keras exports {format} only on TensorFlow; unset KERAS_BACKEND={keras.backend.backend()}.")
    network = load_network(bundle)
    expected = np.concatenate([keras.ops.convert_to_numpy(network(tile[None], training=False)) for tile in tiles])
    files = kind.files(output)
    # The file to open is moved last, so that all are complete once it exists.
    with whole_files(files[::-1]) as work:
        made = work / output.name
        with without_chatter():
            kind.write(Source(bundle=bundle, network=network), card, made)
            difference = float(np.abs(kind.run(made, tiles) - expected).max())
        if not difference <= TOLERANCE:
            raise BundleError(
                f"{bundle} as {format} differs from the Keras network by {difference:.2g}; "
                f"at most {TOLERANCE:g} is allowed, so it was not written."
            )
        if output.is_dir():
            output.resolve().rename(work / "replaced")
    return Export(files=tuple(files), difference=difference, advice=kind.advice)


def check_export(bundle: Path, output: Path, *, format: str, side: int, overwrite: bool) -> tuple[Format, Card]:
    """Return the format, and the card for tiles of `side` pixels; raises what `export_bundle` can tell beforehand."""
    if format not in FORMATS:
        raise UsageError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}.")
    kind = FORMATS[format]
    require(f"exporting to {format}", kind.packages, kind.extra)
    _check_target(output, kind, overwrite=overwrite)
    return kind, _card_for(read_card(bundle), side)


def _check_target(output: Path, kind: Format, *, overwrite: bool) -> None:
    if kind.suffix:
        check_suffix(output, kind.suffix)
        check_outputs(kind.files(output), overwrite=overwrite)
    else:
        model = output / "saved_model.pb"
        try:
            os.path.realpath(output).encode()
        except UnicodeEncodeError:
            raise OutputError(f"{output} is not UTF-8, as TensorFlow needs it; choose another name.") from None
        if output.is_dir() and not model.exists():
            raise OutputError(f"{output} is a folder without a SavedModel and is not replaced; choose another name.")
        if output.is_dir() and (others := {path.name for path in output.iterdir()} - _SAVED_MODEL):
            raise OutputError(
                f"{output} holds {min(others)} beside a SavedModel and is not replaced; choose another name."
            )
        check_outputs([model], overwrite=overwrite, create=True)


def _card_for(card: Card, side: int) -> Card:
    """Return the card for tiles of `side` pixels, with the same relative overlap."""
    if side == card.tile:
        return card
    if side < 1 or side % card.multiple:
        raise UsageError(f"`tile` must be a multiple of {card.multiple} pixels for model {card.name}, got {side}.")
    return replace(card, tile=side, overlap=card.overlap * side // card.tile)

"""Export a model for other runtimes, and compare it with its Keras network on a scene."""

from itertools import islice
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt

from geoseg.errors import SceneError, UsageError
from geoseg.models.bundle import Card, read_card
from geoseg.models.engines.hardware import most_memory
from geoseg.models.export.export import Export, check_export, export_bundle
from geoseg.models.shipped import find_model
from geoseg.prediction.enough_memory import check_tile
from geoseg.prediction.memory import least_of_tile
from geoseg.prediction.settings import ImageryOptions, Settings
from geoseg.rendering import render_scene

from .sample_tiles import read_samples

_TILES = 3
"""Number of tiles to compare."""
_RENDERED_BANDS = ("red", "green", "blue", "nir")


def export(
    model: str | Path,
    output: str | Path,
    *,
    format: str,
    tile: int | None = None,
    source: str | Path | None = None,
    overwrite: bool = False,
    **imagery: Unpack[ImageryOptions],
) -> Export:
    """Export a model, and compare it with its Keras network on tiles of a scene; fails if they differ by over 1e-4.

    Parameters
    ----------
    model
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    output
        File to write: `.onnx`, `.xml` or `.tflite`; for `savedmodel` a folder.
    format
        `onnx`, `openvino`, `savedmodel` or `tflite`.
    tile
        Side of the export's input, pixels; the model's by default.
    source
        Raster to compare on, assumed to have the model's GSD if it has no georeference; rendered scenes by default.
    overwrite
        Replace an existing export.
    **imagery
        bands, nodata, stretch, stretch_from: how to read `source`, as in `geoseg.Settings`.

    Raises
    ------
    UsageError, SceneError, BundleError, OutputError
        With one sentence: what was found, what was expected, what to do.
    """
    bundle = find_model(model)
    card = read_card(bundle)
    side = card.tile if tile is None else tile
    if source is None and Settings(**imagery) != Settings():
        raise UsageError(
            "`bands`, `nodata`, `stretch` and `stretch_from` apply to a scene to compare on; name one with `source`."
        )
    check_export(bundle, Path(output), format=format, side=side, overwrite=overwrite)  # before tiles are made
    check_tile(card, side, least_of_tile(card, tile=side), most_memory())
    tiles = _render_tiles(card, side) if source is None else _read_tiles(card, side, source, imagery)
    return export_bundle(bundle, Path(output), format=format, tiles=tiles, overwrite=overwrite)


def _render_tiles(card: Card, side: int) -> npt.NDArray[np.float32]:
    """Render network inputs `(tiles, side, side, bands)`; bands that cannot be rendered are filled with others."""
    known = {name: number for number, name in enumerate(_RENDERED_BANDS)}
    bands = [known.get(name, number % len(known)) for number, name in enumerate(card.bands)]
    scenes = (render_scene(seed, (side, side)).image for seed in range(_TILES))
    return np.stack([image[..., bands] for image in scenes]).astype(np.float32)


def _read_tiles(card: Card, side: int, scene: str | Path, imagery: ImageryOptions) -> npt.NDArray[np.float32]:
    """Read the first tiles of a scene that have data, as prediction passes them to the network."""
    tiles = [sample.pixels for sample in islice(read_samples(scene, card, side, **imagery), _TILES)]
    if not tiles:
        raise SceneError(f"{scene} has no data to compare on.")
    return np.stack(tiles)

"""Write images and class maps to the run folder as PNG files small enough for a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from geoseg.files import whole
from geoseg.models.legend import Legend
from geoseg.pages.pictures import scaled_size
from geoseg.training.run.best_and_worst import Pixels, ScoredTile

MAX_SIDE = 1024
"""Longest side of a scene, in pixels."""
TILE_SIDE = 320
"""Longest side of a tile, in pixels; a report shows many."""
GAP = 8
"""White pixels between panels."""

HATCH = (254, 255)
"""Palette entries of the hatching, for pixels without a single known class."""
_HATCH_GREYS = (206, 238)
_HATCH_WIDTH = 4
GREYS, GREY_LEVELS = 200, 16
"""First palette entry and number of greys for text, from black to white; a legend of more classes has none."""


Classes = npt.NDArray[np.uint8]


def write_scene_frame(  # noqa: PLR0917 - in the order of the pictures
    run: Path, epoch: int, image: Pixels, reference: Classes, plain: Classes, blended: Classes, legend: Legend
) -> None:
    """Write pictures of the validation scene to `run/scene` after an epoch, counted from 1.

    `image` has pixels 0–255 `(height, width, bands)`, red, green and blue first. `plain` and `blended` are class ids
    `(height, width)` predicted tile by tile, and with overlapping tiles blended; `reference` may have other values,
    which are hatched.
    """
    folder = run / "scene"
    pictures = {
        "image": photograph(image, MAX_SIDE),
        "reference": class_picture(reference, legend, MAX_SIDE),
        f"epoch_{epoch:04d}_plain": class_picture(plain, legend, MAX_SIDE),
        f"epoch_{epoch:04d}_blended": class_picture(blended, legend, MAX_SIDE),
    }
    for name, picture in pictures.items():
        _save(picture, folder / f"{name}.png")


def write_tile_pictures(run: Path, kind: str, tiles: Sequence[ScoredTile], legend: Legend) -> list[dict[str, Any]]:
    """Write image, reference and prediction of each tile side by side to `run/tiles`: `worst_1.png` etc.

    Returns for each tile its `file` name, `image`, `row` and `column` of its upper left pixel, and `accuracy`.
    """
    folder = run / "tiles"
    entries = []
    for number, tile in enumerate(tiles, start=1):
        file = f"{kind}_{number}.png"
        _save(_side_by_side(tile, legend), folder / file)
        entries.append(
            {"file": file, "image": tile.source, "row": tile.row, "column": tile.column, "accuracy": tile.accuracy}
        )
    return entries


def _side_by_side(tile: ScoredTile, legend: Legend) -> Image.Image:
    parts = [
        photograph(tile.image, TILE_SIDE),
        class_picture(tile.reference, legend, TILE_SIDE).convert("RGB"),
        class_picture(tile.predicted, legend, TILE_SIDE).convert("RGB"),
    ]
    width, height = parts[0].size
    row = Image.new("RGB", (3 * width + 2 * GAP, height), "white")
    for number, part in enumerate(parts):
        row.paste(part, (number * (width + GAP), 0))
    return row


def photograph(image: Pixels, most: int) -> Image.Image:
    """Picture of pixels 0–255 `(height, width, bands)`, at most `most` pixels a side; grey if there are no 3 bands."""
    bands = [0, 1, 2] if image.shape[-1] >= 3 else [0, 0, 0]
    values = np.clip(np.rint(image[..., bands]), 0, 255).astype(np.uint8)
    picture = Image.fromarray(values)
    return picture.resize(scaled_size(picture.size, most), Image.Resampling.LANCZOS)


def class_picture(classes: Classes, legend: Legend, most: int) -> Image.Image:
    """Palette picture of class ids `(height, width)`, at most `most` pixels a side; other values are hatched."""
    height, width = classes.shape
    across, down = scaled_size((width, height), most)
    rows = (2 * np.arange(down) + 1) * height // (2 * down)
    cols = (2 * np.arange(across) + 1) * width // (2 * across)
    values = classes[np.ix_(rows, cols)]
    stripe = (np.add.outer(np.arange(down), np.arange(across)) // _HATCH_WIDTH) % 2
    picture = Image.fromarray(np.where(values < len(legend), values, np.asarray(HATCH)[stripe]).astype(np.uint8))
    picture.putpalette(palette(legend))
    return picture


def palette(legend: Legend) -> list[int]:
    """Red, green and blue of 256 entries: classes from 0, greys from `GREYS`, and hatching last."""
    entries = np.zeros((256, 3), np.uint8)
    entries[GREYS : GREYS + GREY_LEVELS] = np.linspace(0, 255, GREY_LEVELS).round()[:, None]
    entries[: len(legend)] = [entry.rgb for entry in legend.classes]
    entries[list(HATCH)] = np.asarray(_HATCH_GREYS)[:, None]
    flat: list[int] = entries.ravel().tolist()
    return flat


def _save(picture: Image.Image, path: Path) -> None:
    """Write a picture atomically: a report may be written during training."""
    with whole(path) as new:
        picture.save(new, "PNG", optimize=True)

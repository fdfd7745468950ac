"""Write images and class maps as PNG files in the run folder, small enough for a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from geoseg.files import whole
from geoseg.models.legend import Legend
from geoseg.training.run.best_and_worst import ScoredTile

MAX_SIDE = 1024
"""Longest side of a scene, in pixels."""
TILE_SIDE = 320
"""Longest side of a tile, in pixels: a report shows many."""
GAP = 8
"""White pixels between panels."""

HATCH = (254, 255)
"""Palette entries of the hatching for pixels not of a single known class."""
_HATCH_GREYS = (206, 238)
_HATCH_WIDTH = 4
_MOST_CLASSES = 200
GREYS, GREY_LEVELS = _MOST_CLASSES, 16
"""First palette entry, and number, of greys from black to white, for text."""

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Classes = npt.NDArray[np.uint8]


def write_scene_frame(  # noqa: PLR0917 - in the order of the pictures
    run: Path, epoch: int, image: Pixels, reference: Classes, plain: Classes, blended: Classes, legend: Legend
) -> None:
    """Write the pictures of the validation scene after an epoch to `run/scene`.

    Parameters
    ----------
    epoch
        Counted from 1.
    image
        Pixels `(height, width, bands)` in 0–255, red, green and blue first.
    reference
        Label values `(height, width)`; values outside the legend are hatched.
    plain, blended
        Class ids `(height, width)` predicted tile by tile, and with overlapping tiles blended.
    """
    folder = run / "scene"
    pictures = {
        "image": photograph(image, MAX_SIDE),
        "truth": class_picture(reference, legend, MAX_SIDE),
        f"epoch_{epoch:04d}_plain": class_picture(plain, legend, MAX_SIDE),
        f"epoch_{epoch:04d}_blended": class_picture(blended, legend, MAX_SIDE),
    }
    for name, picture in pictures.items():
        _save(picture, folder / f"{name}.png")


def write_tile_pictures(run: Path, kind: str, tiles: Sequence[ScoredTile], legend: Legend) -> list[dict[str, Any]]:
    """Write image, reference and prediction of each tile side by side to `run/tiles`, as `worst_1.png` and so on.

    Parameters
    ----------
    kind
        `best` or `worst`, for file names.
    tiles
        Tiles in the order of the report.

    Returns
    -------
    list
        For each tile its `file` name, its `image`, the `row` and `column` of its upper left pixel, and its `accuracy`.
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
        class_picture(tile.found, legend, TILE_SIDE).convert("RGB"),
    ]
    width, height = parts[0].size
    row = Image.new("RGB", (3 * width + 2 * GAP, height), "white")
    for number, part in enumerate(parts):
        row.paste(part, (number * (width + GAP), 0))
    return row


def photograph(image: Pixels, most: int) -> Image.Image:
    """Picture of pixels `(height, width, bands)` in 0–255, at most `most` pixels a side; grey if bands are fewer."""
    bands = [0, 1, 2] if image.shape[-1] >= 3 else [0, 0, 0]
    values = np.clip(np.rint(image[..., bands]), 0, 255).astype(np.uint8)
    picture = Image.fromarray(values)
    return picture.resize(_reduced(picture.size, most), Image.Resampling.LANCZOS)


def class_picture(classes: Classes, legend: Legend, most: int) -> Image.Image:
    """Palette picture of class ids `(height, width)` in the legend's colours, at most `most` pixels a side."""
    if len(legend) > _MOST_CLASSES:
        raise ValueError(f"a picture shows at most {_MOST_CLASSES} classes, the legend has {len(legend)}.")
    height, width = classes.shape
    across, down = _reduced((width, height), most)
    rows = (2 * np.arange(down) + 1) * height // (2 * down)
    cols = (2 * np.arange(across) + 1) * width // (2 * across)
    values = classes[np.ix_(rows, cols)]
    stripe = (np.add.outer(np.arange(down), np.arange(across)) // _HATCH_WIDTH) % 2
    picture = Image.fromarray(np.where(values < len(legend), values, np.asarray(HATCH)[stripe]).astype(np.uint8))
    picture.putpalette(palette(legend))
    return picture


def palette(legend: Legend) -> list[int]:
    """Red, green and blue of 256 entries: classes from 0, greys from `GREYS`, the hatching last."""
    entries = np.zeros((256, 3), np.uint8)
    entries[: len(legend)] = [entry.rgb for entry in legend.classes]
    entries[GREYS : GREYS + GREY_LEVELS] = np.linspace(0, 255, GREY_LEVELS).round()[:, None]
    entries[list(HATCH)] = np.asarray(_HATCH_GREYS)[:, None]
    flat: list[int] = entries.ravel().tolist()
    return flat


def _reduced(size: tuple[int, int], most: int) -> tuple[int, int]:
    """Width and height scaled down so that the longer side is at most `most`."""
    scale = min(1.0, most / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _save(picture: Image.Image, path: Path) -> None:
    """Write a picture atomically: a report may be written during training."""
    with whole(path) as new:
        picture.save(new, "PNG", optimize=True)

"""Small pictures for pages."""

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def indexed_png(values: npt.NDArray[np.uint8], colours: Mapping[int, tuple[int, int, int, int]]) -> bytes:
    """Encode pixels `(rows, columns)` as a PNG with a palette of only the colours that occur.

    `colours` are red, green, blue and alpha by pixel value; a value without one is transparent.
    """
    from PIL import Image

    present, positions = np.unique(values, return_inverse=True)
    used = [colours.get(int(value), (0, 0, 0, 0)) for value in present]
    picture = Image.fromarray(positions.reshape(values.shape).astype(np.uint8))
    picture.putpalette([part for colour in used for part in colour[:3]])
    target = io.BytesIO()
    picture.save(target, "PNG", transparency=bytes(colour[3] for colour in used))
    return target.getvalue()


def scaled_size(size: tuple[int, int], most: int) -> tuple[int, int]:
    """Scale two lengths down to at most `most` pixels each."""
    scale = min(1.0, most / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

"""Fill pixels without data from what surrounds them, before the network sees them.

At the border of a black hole, a network sees an edge that is not there. A filled hole mirrors its surroundings: texture
continues as texture, and a road as a road. Each tile is filled from its own pixels, so that the result does not
depend on blocks, workers or devices.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.strips import Layout

from .strips import Strip


def fill_holes(pixels: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.generic]:
    """Fill pixels `(rows, columns, bands)` that are not valid `(rows, columns)`; unchanged if all are, or none.

    Each becomes its mirror image in the nearest valid pixel, or that pixel where the image is not valid. Returns the
    array itself if there is nothing to fill.
    """
    if valid.all() or not valid.any():
        return pixels
    from scipy.ndimage import distance_transform_edt

    hole = ~valid
    nearest = distance_transform_edt(hole, return_distances=False, return_indices=True)[:, hole]
    mirrored = 2 * nearest - np.stack(np.nonzero(hole))
    size = np.array(valid.shape)[:, None]
    seen = ((mirrored >= 0) & (mirrored < size)).all(axis=0)
    seen[seen] = valid[tuple(mirrored[:, seen])]
    filled = np.copy(pixels)  # in the order of the bands, as strips are stored
    filled[hole] = pixels[tuple(np.where(seen, mirrored, nearest))]
    return filled


def fill_strip(strip: Strip, layout: Layout) -> tuple[npt.NDArray[np.generic], Layout]:
    """Return the pixels of a strip with its tiles filled, and where the tiles start.

    Tiles that overlap are filled differently: if there is anything to fill, they are laid out beside each other.
    """
    spans = [slice(start, start + layout.side) for start in layout.starts]
    if all(strip.valid[:, span].all() for span, some in zip(spans, strip.with_data, strict=True) if some):
        return strip.pixels, layout
    tiles = [
        np.moveaxis(fill_holes(strip.pixels[:, span], strip.valid[:, span]) if some else strip.pixels[:, span], -1, 0)
        for span, some in zip(spans, strip.with_data, strict=True)
    ]
    starts = np.arange(len(spans), dtype=np.int32) * np.int32(layout.side)
    return np.moveaxis(np.concatenate(tiles, axis=-1), 0, -1), replace(layout, starts=starts)

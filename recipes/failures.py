"""Draw squares of held-out imagery beside what a model makes of them; the model card shows the picture.

    python recipes/failures.py aerial DATA docs/images/aerial_failures.webp

DATA, an absolute path, holds geonrw/, massachusetts_roads/ and mbrsc_dubai/; aerial.md says where they come from.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window
from skimage.util import montage

import geoseg

SQUARES = (
    ("geonrw/images/hamm_428_5727.tif", 0, 330),
    ("mbrsc_dubai/Tile 3/images/image_part_002.jpg", 60, 400),
    ("mbrsc_dubai/Tile 1/images/image_part_001.jpg", 230, 20),
    ("geonrw/images/duesseldorf_351_5668.tif", 0, 770),
    ("geonrw/images/koeln_351_5648.tif", 440, 440),
    ("geonrw/images/hamm_428_5727.tif", 550, 110),
    ("geonrw/images/koeln_361_5634.tif", 110, 440),
    ("massachusetts_roads/images/23129125_15.tif", 840, 208),
)
"""Images of 1 m, and the column and row of a corner; those that the card describes, in its order."""
SIDE, MARGIN = 220, 128
"""Pixels of a square, and around it, of which the network sees, too."""


def draw(model: geoseg.Model, image: Path, column: int, row: int) -> npt.NDArray[np.uint8]:
    """Return a square and its classes, side by side, as `(rows, columns, 3)`."""
    with rasterio.open(image) as raster:
        window = Window(max(0, column - MARGIN), max(0, row - MARGIN), *[SIDE + 2 * MARGIN] * 2)
        window = window.intersection(Window(0, 0, raster.width, raster.height))
        pixels = raster.read([1, 2, 3], window=window)
    classes = model.predict_array(pixels, image_gsd_m=1.0)
    colours = np.array([entry.rgb for entry in model.legend.classes], np.uint8)
    top, left = row - int(window.row_off), column - int(window.col_off)
    square = np.s_[top : top + SIDE, left : left + SIDE]
    return np.hstack([np.moveaxis(pixels, 0, -1)[square], colours[classes][square]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("picture", metavar="PICTURE", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the images of Dubai have no place
    with geoseg.Model(arguments.model) as network:
        pairs = [draw(network, arguments.data / image, column, row) for image, column, row in SQUARES]
    sheet = montage(pairs, grid_shape=(-(-len(pairs) // 2), 2), padding_width=6, fill=[255] * 3, channel_axis=-1)
    Image.fromarray(sheet).save(arguments.picture, quality=80, method=6)

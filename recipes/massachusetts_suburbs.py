"""Make images and labels for training from 16 tiles of Massachusetts Roads (V. Mnih, 2013), mostly suburbs and towns.

    python recipes/massachusetts_suburbs.py IMAGES LABELS DATA/massachusetts_suburbs

IMAGES and LABELS are folders of tiles named as published (10228690_15.tiff, .tif, .jpg or .png). Their places are read
from these names. A white collar has no label.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning
from scipy.ndimage import binary_dilation, label

VALIDATION = (
    *("10228690", "10978735", "10978795", "18028945", "21929020", "22528900", "22829035", "22978990"),
    *("23128930", "24179245", "24328810", "24929245", "25229230", "25229245"),
)
"""All tiles that are published for validation."""
TRAINING, TEST = "11278720", "24478825"
"""One of those published for training, and one of those for testing, which `roads_suburbs.toml` holds out."""
TILES = tuple(f"{name}_15" for name in (*VALIDATION, TRAINING, TEST))
SIDE, UNKNOWN = 1500, 255
SHIFT = 36.436174001, 21.024778
"""Metres from the corners that the names of tiles say to those in the tags of tiles that have them."""
COLLAR = 2000
"""Pixels of a white region that is a collar, and not a roof."""


def place(name: str) -> Affine:
    """Return the transform of a tile in EPSG:26986; its name holds the centre, in units of 100 m."""
    west, north = 100 * int(name[:4]) - SIDE / 2, 100 * int(name[4:8]) + SIDE / 2
    return Affine(1, 0, west + SHIFT[0], 0, -1, north + SHIFT[1])


def find_collar(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return which pixels `(bands, rows, columns)` belong to large white regions, or are within 3 pixels of one."""
    regions, _ = label((pixels >= 250).all(axis=0))
    large = np.bincount(regions.ravel()) > COLLAR
    large[0] = False
    return np.asarray(binary_dilation(large[regions], iterations=3))


def read(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    """Read a tile, whatever its format."""
    path = next(path for path in sorted(folder.glob(f"{name}.*")) if path.suffix in (".tiff", ".tif", ".jpg", ".png"))
    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), rasterio.open(path) as raster:
        return np.asarray(raster.read())


def main() -> None:
    """Write an image and a label raster for each tile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("images", "labels", "output"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    for kind in ("images", "labels"):
        (options.output / kind).mkdir(parents=True, exist_ok=True)
    for name in TILES:
        pixels, roads = read(options.images, name), read(options.labels, name)[0] > 127
        ids = np.where(find_collar(pixels), UNKNOWN, roads).astype(np.uint8)
        profile = {"driver": "GTiff", "dtype": "uint8", "height": SIDE, "width": SIDE, "tiled": True}
        profile |= {"crs": "EPSG:26986", "transform": place(name)}
        colours = {"count": 3, "compress": "jpeg", "jpeg_quality": 95, "photometric": "ycbcr"}
        with rasterio.open(options.output / "images" / f"{name}.tif", "w", **profile, **colours) as raster:
            raster.write(pixels)
        with rasterio.open(
            options.output / "labels" / f"{name}.tif", "w", **profile, count=1, compress="deflate", nodata=UNKNOWN
        ) as raster:
            raster.write(ids, 1)


if __name__ == "__main__":
    main()

"""Read what the levels of a Cloud Optimized GeoTIFF hold, for comparison."""

import numpy as np
import rasterio


def pixels_of(path):
    """Pixels of a raster and of its overviews."""
    with rasterio.open(path) as raster:
        found, count = [raster.read()], len(raster.overviews(1))
    for level in range(count):
        with rasterio.open(path, overview_level=level) as raster:
            found.append(raster.read())
    return found


def tags_of(page):
    """Tags of a page of tifffile's, without those of its blocks."""
    blocks = {"TileOffsets", "TileByteCounts"}
    return {tag.name: np.asarray(tag.value).tolist() for tag in page.tags if tag.name not in blocks}

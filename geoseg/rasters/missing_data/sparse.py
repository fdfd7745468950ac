"""Find the blocks with data of a mostly empty raster."""

import math
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import rasterio

from geoseg.rasters.sources.vrt_sources import SIDE, Blocks, has_no_sources, path_of, region_of, shape_of


def find_written(vrt: Path) -> Blocks:
    """Return which blocks of a VRT of rasters, beside or below each other, have pixels that are not nodata.

    Of sparse GeoTIFFs, blocks that they do not hold are not read; nor are VRTs without sources.
    """
    root = Xml.parse(vrt).getroot()
    shape = shape_of(root)
    found = np.zeros([math.ceil(size / SIDE) for size in shape], bool)
    (first, *_) = root.iter("VRTRasterBand")
    nodata = float(first.findtext("NoDataValue", "nan"))
    for source in first.iter("SimpleSource"):
        (rows, cols), path = region_of(source), path_of(source, vrt)
        if has_no_sources(path):
            continue
        with rasterio.open(path) as raster:
            for (row, col), window in raster.block_windows(1):
                sparse = raster.driver == "GTiff"
                if sparse and raster.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1) is None:
                    continue
                _mark(
                    found,
                    raster.read(1, window=window) != nodata,
                    rows.start + window.row_off,
                    cols.start + window.col_off,
                )
    return found


def _mark(found: Blocks, some: Blocks, top: int, left: int) -> None:
    """Mark the blocks that hold any true pixel `(rows, columns)` of a window."""
    height, width = some.shape
    bottom, right = top + height, left + width
    rows, cols = (range(start // SIDE, (stop - 1) // SIDE + 1) for start, stop in ((top, bottom), (left, right)))
    down, across = ([max(block * SIDE - start, 0) for block in span] for span, start in ((rows, top), (cols, left)))
    marked = np.logical_or.reduceat(np.logical_or.reduceat(some, down, axis=0), across, axis=1)
    found[rows.start : rows.stop, cols.start : cols.stop] |= marked

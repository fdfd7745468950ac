"""Refuse files whose end is missing where GDAL would not: a map of what it makes up looks like any other."""

import os
from pathlib import Path

import rasterio

from geoseg.errors import SceneError

_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
"""Last bytes of a complete image, by GDAL driver; some programs append more."""
_CHUNK = 2**20
"""Bytes that are searched at a time."""


def refuse_cut_off(source: str, raster: rasterio.DatasetReader) -> None:
    """Raise SceneError if the end of a PNG, JPEG or TIFF file on disk is missing, where GDAL makes up the pixels.

    It fills a PNG with black. Where the list of blocks of an uncompressed GeoTIFF is cut off, it takes the first bytes
    of the file for any of them. A JPEG cut off after the end of its thumbnail passes, but GDAL fails when reading it.
    """
    missing = None
    if raster.driver == "GTiff" and raster.count and not _lists_blocks(raster):
        missing = "the list of its blocks is incomplete"
    elif raster.driver in _ENDS:
        try:
            if not _holds(Path(source), _ENDS[raster.driver]):
                missing = f"the end of its {raster.driver} data is missing"
        except OSError as error:
            raise SceneError(f"{source} cannot be read ({error.strerror}).") from error
    if missing:
        raise SceneError(f"{source} is cut off: {missing}; copy it again.")


def _lists_blocks(tiff: rasterio.DatasetReader) -> bool:
    """Whether GDAL can read where the last block is: of one that it cannot, it says 0; of a missing one, nothing."""
    height, width = tiff.block_shapes[-1]
    last = f"BLOCK_OFFSET_{(tiff.width - 1) // width}_{(tiff.height - 1) // height}"
    return bool(tiff.get_tag_item(last, "TIFF", bidx=tiff.count) != "0")


def _holds(path: Path, words: bytes) -> bool:
    """Whether a file holds some bytes, which are looked for from its end.

    Memory maps would do so too, and end the process where the disk cannot be read.
    """
    with path.open("rb") as file:
        top, after = file.seek(0, os.SEEK_END), b""
        while top > 0:
            bottom = max(0, top - _CHUNK)
            file.seek(bottom)
            content = file.read(top - bottom) + after
            if words in content:
                return True
            top, after = bottom, content[: len(words) - 1]
    return False

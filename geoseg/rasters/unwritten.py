"""Find the parts of a GeoTIFF that were never written, so that they need not be read."""

from collections.abc import Sequence
from itertools import groupby, product

import rasterio
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from geoseg.tiling import Roi, clip

from .validity import Validity

_LEAST_PIXELS = 128**2
"""Pixels of a block that are worth to ask for it: to read smaller ones takes no longer."""


def columns_to_read(
    dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity, roi: Roi
) -> Sequence[slice]:
    """Return spans of the columns of a region, without those whose blocks a sparse GeoTIFF lacks and that hold no data.

    Raises RasterioError if a block cannot be read.
    """
    rows, cols = roi
    height, width = dataset.block_shapes[bands[0] - 1]
    if dataset.driver != "GTiff" or height * width < _LEAST_PIXELS or has_mask(dataset, bands, validity):
        return (cols,)
    asked = {*bands, *([] if validity.alpha is None else [validity.alpha])}
    down = range(rows.start // height, -(-rows.stop // height))
    across = range(cols.start // width, -(-cols.stop // width))

    def is_written(col: int) -> bool:
        return any(
            dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) is not None
            for row, band in product(down, asked)
        )

    written = [is_written(col) for col in across]
    unwritten = [(row, col) for col, there in zip(across, written, strict=True) if not there for row in down]
    for number, (row, col) in enumerate(unwritten):
        # GDAL also knows no offset of a block if it fails to read where it is: then this raises the error.
        window = Window(col * width, row * height, 1, 1)
        values = dataset.read(bands, window=window)
        if not number and validity.read(dataset, bands, window, values).any():
            return (cols,)
    spans = [list(group) for there, group in groupby(across, lambda col: written[col - across.start]) if there]
    return [clip(slice(span[0] * width, (span[-1] + 1) * width), cols) for span in spans]


def has_mask(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity) -> bool:
    """Whether a mask beside the bands, with blocks of its own, says where they have data."""
    return validity.alpha is None and any(
        MaskFlags.per_dataset in dataset.mask_flag_enums[band - 1]
        and MaskFlags.alpha not in dataset.mask_flag_enums[band - 1]
        for band in bands
    )

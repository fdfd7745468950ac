"""Find the parts of a GeoTIFF that were never written, so that they need not be read."""

from collections.abc import Sequence
from itertools import groupby, product

import rasterio
from rasterio.enums import Interleaving, MaskFlags
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
    if dataset.interleaving == Interleaving.pixel:
        asked = {bands[0]}  # which shares its blocks with all others
    down = range(rows.start // height, -(-rows.stop // height))
    across = range(cols.start // width, -(-cols.stop // width))

    def is_written(col: int) -> bool:
        return any(
            dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) is not None
            for row, band in product(down, asked)
        )

    written = [is_written(col) for col in across]
    unwritten = [col for col, there in zip(across, written, strict=True) if not there]
    if unwritten:
        window = Window(unwritten[0] * width, down[0] * height, 1, 1)
        if validity.read(dataset, bands, window, dataset.read(bands, window=window)).any():
            return (cols,)
    for row in down:
        _touch(dataset, sorted(asked), row, unwritten)
    spans = [list(group) for there, group in groupby(across, lambda col: written[col - across.start]) if there]
    return [clip(slice(span[0] * width, (span[-1] + 1) * width), cols) for span in spans]


def _touch(dataset: rasterio.DatasetReader, bands: Sequence[int], row: int, cols: Sequence[int]) -> None:
    """Read a pixel of each of some blocks of a row; raises RasterioError if that fails.

    GDAL also knows no offset of a block if it fails to read where it is.
    """
    height, width = dataset.block_shapes[bands[0] - 1]
    spans = [[col for _, col in beside] for _, beside in groupby(enumerate(cols), lambda each: each[1] - each[0])]
    for span in spans:
        # One pixel of each block, without those cut off at the edge of the raster.
        whole = span[:-1] if (span[-1] + 1) * width > dataset.width else span
        if whole:
            window = Window(whole[0] * width, row * height, len(whole) * width, 1)
            dataset.read(bands, window=window, out_shape=(len(bands), 1, len(whole)))
        if whole != span:
            dataset.read(bands, window=Window(span[-1] * width, row * height, 1, 1))


def has_mask(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity) -> bool:
    """Whether a mask beside the bands, with blocks of its own, says where they have data."""
    return validity.alpha is None and any(
        MaskFlags.per_dataset in dataset.mask_flag_enums[band - 1]
        and MaskFlags.alpha not in dataset.mask_flag_enums[band - 1]
        for band in bands
    )

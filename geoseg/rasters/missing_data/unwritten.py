"""Find the parts of a GeoTIFF that were never written, so that they need not be read.

GDAL also gives no offset if it failed to read it; `refuse_unread` detects that.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Interleaving
from rasterio.windows import Window

from geoseg.tiling import Roi, clip

from .unread import refuse_unread
from .validity import Validity, has_own_mask

_LEAST_PIXELS = 128**2
"""Fewest pixels of a block for which a check is worth while: reading smaller ones takes no longer."""


def columns_to_read(
    dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity, roi: Roi
) -> Sequence[slice]:
    """Return spans of the columns of a region, without those whose blocks a sparse GeoTIFF lacks and that hold no data.

    Raises RasterioError.
    """
    rows, cols = roi
    if not _knows_blocks(dataset, bands, validity):
        return (cols,)
    height, width = dataset.block_shapes[bands[0] - 1]
    asked = _asked(dataset, bands, validity)
    down, across = _blocks(rows, height), _blocks(cols, width)
    written = [any(_is_written(dataset, asked, row, col) for row in down) for col in across]
    unwritten = next((col for col, there in zip(across, written, strict=True) if not there), None)
    if unwritten is not None and _has_data(dataset, bands, validity, down[0], unwritten):
        return (cols,)
    refuse_unread()
    spans = [list(group) for there, group in groupby(across, lambda col: written[col - across.start]) if there]
    return [clip(slice(span[0] * width, (span[-1] + 1) * width), cols) for span in spans]


def share_written(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity, roi: Roi) -> float:
    """Return the share of a region that is in blocks that a file holds; 1 for other files than sparse GeoTIFFs.

    Raises RasterioError.
    """
    if not _knows_blocks(dataset, bands, validity):
        return 1.0
    height, width = dataset.block_shapes[bands[0] - 1]
    asked = _asked(dataset, bands, validity)
    down, across = _blocks(roi[0], height), _blocks(roi[1], width)
    written = np.array([[_is_written(dataset, asked, row, col) for col in across] for row in down])
    refuse_unread()
    missing = np.argwhere(~written)
    if not missing.size or _has_data(dataset, bands, validity, *(missing[0] + [down[0], across[0]])):
        return 1.0
    return float(_pixels(roi[0], down, height) @ written @ _pixels(roi[1], across, width))


def _knows_blocks(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity) -> bool:
    """Whether GDAL can tell which blocks a file lacks, and missing blocks mean missing data."""
    height, width = dataset.block_shapes[bands[0] - 1]
    return bool(
        dataset.driver == "GTiff" and height * width >= _LEAST_PIXELS and not has_mask(dataset, bands, validity)
    )


def _asked(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity) -> set[int]:
    """Bands whose blocks say where there is data."""
    if dataset.interleaving == Interleaving.pixel:
        return {bands[0]}  # which shares its blocks with all others
    return {*bands, *([] if validity.alpha is None else [validity.alpha])}


def _blocks(span: slice, size: int) -> range:
    """Numbers of the blocks that a span of pixels meets."""
    return range(span.start // size, -(-span.stop // size))


def _pixels(span: slice, blocks: range, size: int) -> npt.NDArray[np.float64]:
    """Shares of a span that are in each of the blocks that it meets."""
    edges = np.clip(np.arange(blocks.start, blocks.stop + 1) * size, span.start, span.stop)
    shares: npt.NDArray[np.float64] = np.diff(edges) / (span.stop - span.start)
    return shares


def _is_written(dataset: rasterio.DatasetReader, bands: Iterable[int], row: int, col: int) -> bool:
    return any(dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band) is not None for band in bands)


def _has_data(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity, row: int, col: int) -> bool:
    """Whether the first pixel of a block is valid; if the file lacks the block, this holds for all its pixels."""
    height, width = dataset.block_shapes[bands[0] - 1]
    window = Window(col * width, row * height, 1, 1)
    _, valid = validity.read(dataset, bands, window)
    return bool(valid.any())


def has_mask(dataset: rasterio.DatasetReader, bands: Sequence[int], validity: Validity) -> bool:
    """Whether a mask beside the bands, with blocks of its own, says where they have data."""
    return validity.alpha is None and any(has_own_mask(dataset, band) for band in bands)

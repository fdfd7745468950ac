"""Read regions of rasters with their validity, on their own grid, on another, or as single pixels."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from geoseg.models.bundle import Scaling
from geoseg.tiling import Roi, any_true, cut, lanczos_radius, roi_shape, within

from .grid import Shape
from .missing_data.unread import refuse_unread
from .missing_data.unwritten import columns_to_read
from .missing_data.validity import Validity
from .resampling import Resampler

PART_SIDE = 2048
"""About the square of this many source pixels are held at a time."""
_PART_ROWS = 512
"""Source rows to take at a time, at most; those of one tile if that has more."""

_FAR = 2**20
"""Distance of an offset from 0, in levels of 0–255, beyond which float32 would be off by more than a sixteenth of a
level."""

Masked = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Pixels, and their validity `(rows, columns)`."""


def scaled(values: npt.NDArray[np.generic], scaling: tuple[Scaling, ...]) -> npt.NDArray[np.float32]:
    """Scale pixels `(…, bands)` for a network: `(value - offset) * gain`, clipped to 0–255 as augmentation does.

    NaN becomes 0.
    """
    offset = np.array([band.offset for band in scaling])
    if np.abs(offset * [band.gain for band in scaling]).max() < _FAR:
        pixels = values.astype(np.float32)
        pixels -= offset.astype(np.float32)
    else:
        pixels = np.subtract(values, offset, dtype=np.float64).astype(np.float32)
    pixels *= np.array([band.gain for band in scaling], np.float32)
    if values.dtype.kind == "f":
        np.nan_to_num(pixels, copy=False)  # where a filter combines values that no image has
    return np.clip(pixels, 0, 255, out=pixels)


def read_pixels(dataset: rasterio.DatasetReader, bands: tuple[int, ...], validity: Validity, roi: Roi) -> Masked:
    """Read pixels `(rows, columns, bands)` of a region, stored band by band, 0 where not valid.

    Those of a region that a sparse file lacks take no memory, and cannot be changed. Raises RasterioError.
    """
    found = _read_spans(dataset, bands, validity, roi)
    refuse_unread()
    return found


def _read_spans(dataset: rasterio.DatasetReader, bands: tuple[int, ...], validity: Validity, roi: Roi) -> Masked:
    spans = columns_to_read(dataset, bands, validity, roi)
    if list(spans) == [roi[1]]:
        return _read_all(dataset, bands, validity, roi)
    if not spans:
        return _without_data(roi, len(bands), dataset.dtypes[bands[0] - 1])
    planes = np.zeros((len(bands), *roi_shape(roi)), dataset.dtypes[bands[0] - 1])
    valid = np.zeros(roi_shape(roi), bool)
    for span in spans:
        cols = within(span, roi[1])
        values, valid[:, cols] = _read_all(dataset, bands, validity, (roi[0], span))
        planes[:, :, cols] = np.moveaxis(values, -1, 0)
    return np.moveaxis(planes, 0, -1), valid


def _without_data(roi: Roi, bands: int, dtype: str) -> Masked:
    pixels = np.broadcast_to(np.zeros((), dtype), (*roi_shape(roi), bands))
    return pixels, np.broadcast_to(np.False_, roi_shape(roi))


def _read_all(dataset: rasterio.DatasetReader, bands: tuple[int, ...], validity: Validity, roi: Roi) -> Masked:
    window = Window.from_slices(*roi)
    values, valid = validity.read(dataset, bands, window)
    if valid.all():
        return np.moveaxis(values, 0, -1), valid
    return np.where(valid[..., None], np.moveaxis(values, 0, -1), 0).astype(values.dtype, copy=False), valid


def colormap_of(dataset: rasterio.DatasetReader, band: int) -> dict[int, tuple[int, int, int, int]]:
    """Return the colours of the values of a band; none of a palette without a table."""
    try:
        return dict(dataset.colormap(band))
    except ValueError:
        return {}


def read_imagery(
    dataset: rasterio.DatasetReader, bands: tuple[int, ...], validity: Validity, shape: Shape, roi: Roi
) -> Masked:
    """Read imagery `(rows, columns, bands)` of a region of a grid with `shape` over the extent of the dataset.

    Lanczos-filtered in parts of bounded size; a pixel depends on its position in the grid alone. 0 where not valid.
    """
    if dataset.shape == shape:
        return read_pixels(dataset, bands, validity, roi)
    resampler = Resampler(source_shape=dataset.shape, target_shape=shape)
    pixels = np.zeros((*roi_shape(roi), len(bands)), dataset.dtypes[0])
    valid = np.zeros(roi_shape(roi), bool)
    found = False
    for part, inside in _parts(dataset, shape, roi):
        values, mask = read_pixels(dataset, bands, validity, resampler.source(part))
        if not any_true(mask):
            continue
        found = True
        valid[inside] = resampler.nearest(mask, part)
        for band in range(len(bands)):
            pixels[*inside, band] = np.where(valid[inside], resampler.lanczos(values[..., band], mask, part), 0)
    return (pixels, valid) if found else _without_data(roi, len(bands), dataset.dtypes[0])


def read_nearest(dataset: rasterio.DatasetReader, read: Callable[[Roi], Masked], shape: Shape, roi: Roi) -> Masked:
    """Read values `(rows, columns)` of a region of a grid with `shape` over the extent of the dataset.

    Each is the value of the dataset's pixel that contains its centre; `read` reads regions of these pixels.
    """
    if dataset.shape == shape:
        return read(roi)
    resampler = Resampler(source_shape=dataset.shape, target_shape=shape)
    found: npt.NDArray[Any] | None = None
    valid = np.zeros(roi_shape(roi), bool)
    for part, inside in _parts(dataset, shape, roi):
        values, mask = read(resampler.source(part))
        if found is None:
            found = np.zeros(roi_shape(roi), values.dtype)
        found[inside], valid[inside] = resampler.nearest(values, part), resampler.nearest(mask, part)
    assert found is not None
    return found, valid


def gather(
    read: Callable[[Roi], Masked],
    shape: Shape,
    rows: npt.NDArray[np.int64],
    cols: npt.NDArray[np.int64],
    *,
    at_most: float = math.inf,
) -> Masked:
    """Read single pixels of a raster of `shape`, at `rows` and `cols` broadcast to `(n, m)`; not valid outside of it.

    `read` reads regions of the raster. Where one of more than `at_most` pixels would be read, each half of the pixels
    is read by itself.
    """
    inside = [(index >= 0) & (index < size) for index, size in zip((rows, cols), shape, strict=True)]
    if not all(part.any() for part in inside):
        valid = np.zeros(np.broadcast_shapes(rows.shape, cols.shape), bool)
        return np.zeros(valid.shape, np.uint8), valid
    down, along = (
        slice(int(index[part].min()), int(index[part].max()) + 1)
        for index, part in zip((rows, cols), inside, strict=True)
    )
    if math.prod(roi_shape((down, along))) > at_most and inside[0].size * inside[1].size > 1:
        rows, cols = np.broadcast_arrays(rows, cols)
        axis = int(np.argmax(rows.shape))
        halves = zip(np.array_split(rows, 2, axis), np.array_split(cols, 2, axis), strict=True)
        parts = [gather(read, shape, *half, at_most=at_most) for half in halves]
        return np.concatenate([each for each, _ in parts], axis), np.concatenate([mask for _, mask in parts], axis)
    values, valid = read((down, along))
    row, col = (
        np.clip(index - part.start, 0, part.stop - part.start - 1)
        for index, part in zip((rows, cols), (down, along), strict=True)
    )
    return values[row, col], valid[row, col] & inside[0] & inside[1]


def rows_to_cache(dataset: rasterio.DatasetReader, shape: Shape) -> int:
    """Rows of a dataset's blocks that must stay decoded so that none is decoded twice as `read_imagery` moves down."""
    height: int = max(height for height, _ in dataset.block_shapes)
    if dataset.shape == shape:
        return 2 * height
    margins = ceil(2 * lanczos_radius(shape[0], dataset.height))
    return (height if in_strips(dataset) else _rows_of_part(dataset)) + -(-margins // height) * height


def _parts(dataset: rasterio.DatasetReader, shape: Shape, roi: Roi) -> Iterator[tuple[Roi, Roi]]:
    """Divide a region of a grid into parts with a bounded number of source pixels; yields each and its place in it.

    They come row by row. A raster stored in strips is read in strips: narrower reads would decode each strip
    repeatedly. Of one stored in tiles, parts end where the kernels of their last row reach the end of a row of tiles:
    a part needs these and those that the part above needed last, and not a third row of tiles, decoded too early.
    """
    down, along = (native / worked for native, worked in zip(dataset.shape, shape, strict=True))
    if in_strips(dataset):
        width = roi_shape(roi)[1]
        rows = max(1, int(PART_SIDE**2 / (width * along * down)))
        cols, places = width, list(range(roi[0].start, roi[0].stop, rows))
    else:
        scale, radius = Fraction(dataset.height, shape[0]), lanczos_radius(shape[0], dataset.height)
        step = _rows_of_part(dataset)
        cols = max(1, int(PART_SIDE**2 / ((step + 2 * radius) * along)))
        first, last = int(roi[0].start * scale) // step, ceil(roi[0].stop * scale + radius) // step
        places = [floor((row * step - radius) / scale + Fraction(1, 2)) for row in range(first, last + 1)]
    for rows_of_part in cut(roi[0], places):
        for left in range(roi[1].start, roi[1].stop, cols):
            part = rows_of_part, slice(left, min(left + cols, roi[1].stop))
            yield part, (within(part[0], roi[0]), within(part[1], roi[1]))


def in_strips(dataset: rasterio.DatasetReader) -> bool:
    """Whether a raster's blocks are as wide as the raster: narrower reads would decode each of them repeatedly."""
    return bool(dataset.block_shapes[0][1] == dataset.width)


def _rows_of_part(dataset: rasterio.DatasetReader) -> int:
    """Source rows of a part without the margins of its kernels: whole tiles."""
    height: int = max(height for height, _ in dataset.block_shapes)
    return height * max(1, _PART_ROWS // height)

"""Resample blocks of a raster so that they join to what the whole raster gives, masked pixels left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geoseg.tiling import Roi, lanczos_radius, lanczos_weights, nearest_exact, source_interval

LEAST_SUPPORT = 0.25
"""Share of the kernel that must lie on valid pixels; below, the nearest pixel is a better estimate than a quotient."""


@dataclass(frozen=True, kw_only=True)
class Resampler:
    """The pixels of a target raster over the same ground as a source raster.

    A block is read from ``source(block)`` and computed by `nearest` or `lanczos`. Each of its pixels depends on its
    place in the whole target alone: any division into blocks gives the same bits.
    """

    source_shape: tuple[int, int]
    """Height and width of the whole source, in its pixels."""
    target_shape: tuple[int, int]
    """Height and width of the whole target, in its pixels."""

    def source(self, block: Roi) -> Roi:
        """Return the rows and columns of the source that a block of the target is made of, by either kernel."""
        rows, cols = (
            source_interval(part.start, part.stop, n_out, n_in, lanczos_radius(n_out, n_in))
            for part, n_out, n_in in zip(block, self.target_shape, self.source_shape, strict=True)
        )
        return rows, cols

    def nearest(self, values: NDArray[Any], block: Roi) -> NDArray[Any]:
        """Return the source pixels whose areas hold the centres of the block's pixels.

        Parameters
        ----------
        values
            Shape ``(..., rows, columns)``: the source at ``source(block)``.
        block
            Rows and columns of the target.

        Returns
        -------
        NDArray
            Shape ``(..., rows of the block, columns of the block)``, of the same dtype.
        """
        rows, cols = (
            nearest_exact(n_out, n_in)[part] - origin.start
            for part, origin, n_out, n_in in zip(
                block, self.source(block), self.target_shape, self.source_shape, strict=True
            )
        )
        return values[..., rows[:, None], cols]

    def lanczos(
        self, values: NDArray[Any], valid: NDArray[np.bool_], block: Roi, *, nodata: float | None = None
    ) -> NDArray[Any]:
        """Return one band of a block, Lanczos-filtered over its valid pixels, rounded and clipped to its dtype.

        The weights of masked pixels, and of pixels that are not finite, are shared out among the others (normalised
        convolution, Knutsson & Westin, CVPR 1993). Where the source pixel nearest to a target pixel's centre is masked,
        so is the target pixel: it takes that pixel's value.

        Parameters
        ----------
        values, valid
            Shape ``(rows, columns)``: the source at ``source(block)``, and which of its pixels are not masked.
        block
            Rows and columns of the target.
        nodata
            A value that no valid pixel may take by filtering; it becomes the next one.

        Returns
        -------
        NDArray
            Shape ``(rows of the block, columns of the block)``, of the dtype of ``values``.
        """
        dtype = values.dtype
        if np.issubdtype(dtype, np.floating):
            valid = valid & np.isfinite(values)
        # Vertically first: the sparse product then runs along whole rows of the source.
        down, across = self._matrices(block, np.result_type(dtype, np.float32))
        filtered = _filter(np.where(valid, values, 0), down, across)
        exact = self.nearest(values, block)
        kept = self.nearest(valid, block)
        if not valid.all():
            support = _filter(valid, down, across)
            kept &= support >= LEAST_SUPPORT
            np.divide(filtered, support, out=filtered, where=kept)
        exact[kept] = _to_dtype(filtered[kept], dtype, nodata)
        return exact

    def _matrices(self, block: Roi, dtype: np.dtype[Any]) -> list[csr_array]:
        """Return the kernels of the block's rows and columns, each of shape (target pixels, source pixels)."""
        matrices = []
        for part, origin, n_out, n_in in zip(
            block, self.source(block), self.target_shape, self.source_shape, strict=True
        ):
            taps, weights = lanczos_weights(part.start, part.stop, n_out, n_in)
            starts = np.arange(0, taps.size + 1, taps.shape[1])
            # Taps that were clipped to the border weigh nothing, but must lie within the matrix.
            indices = np.clip(taps - origin.start, 0, origin.stop - origin.start - 1)
            shape = len(taps), origin.stop - origin.start
            matrices.append(csr_array((weights.astype(dtype).ravel(), indices.ravel(), starts), shape=shape))
        return matrices


def _filter(values: NDArray[Any], down: csr_array, across: csr_array) -> NDArray[Any]:
    rows = down @ values.astype(down.dtype)
    return np.ascontiguousarray((across @ np.ascontiguousarray(rows.T)).T)


def _to_dtype(filtered: NDArray[Any], dtype: np.dtype[Any], nodata: float | None) -> NDArray[Any]:
    """Round half up and clip, as GDAL does, and step off the nodata value towards the middle of the dtype."""
    if np.issubdtype(dtype, np.floating):
        values = filtered.astype(dtype)
        if nodata is not None:
            values[values == nodata] = np.nextafter(dtype.type(nodata), dtype.type(0 if nodata else 1))
        return values
    info = np.iinfo(dtype)
    values = np.clip(np.floor(filtered + 0.5), info.min, info.max).astype(dtype)
    if nodata is not None:
        values[values == nodata] = nodata + 1 if nodata < info.max else nodata - 1
    return values

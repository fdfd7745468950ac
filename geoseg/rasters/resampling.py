"""Resample a raster block by block, bit-identical to resampling it whole; masked pixels have no weight."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geoseg.tiling import Roi, lanczos_radius, lanczos_weights, nearest_exact, source_interval

LEAST_SUPPORT = 0.25
"""Share of the kernel that valid pixels must cover; below, the nearest pixel is a better estimate."""


@dataclass(frozen=True, kw_only=True)
class Resampler:
    """From a source raster to a target raster over the same ground.

    A block is read from `source(block)` and computed by `nearest` or `lanczos`. Each pixel depends only on its position
    in the whole target: any division into blocks gives the same bits.
    """

    source_shape: tuple[int, int]
    """Height and width of the whole source."""
    target_shape: tuple[int, int]
    """Height and width of the whole target."""

    def source(self, block: Roi) -> Roi:
        """Rows and columns of the source that a block of the target depends on, with either kernel."""
        rows, cols = (
            source_interval(part.start, part.stop, n_out, n_in, lanczos_radius(n_out, n_in))
            for part, n_out, n_in in zip(block, self.target_shape, self.source_shape, strict=True)
        )
        return rows, cols

    def nearest(self, values: NDArray[Any], block: Roi) -> NDArray[Any]:
        """Take the source pixels whose areas hold the centres of the block's pixels.

        Parameters
        ----------
        values
            `(..., rows, columns)`: the source at `source(block)`.
        block
            Rows and columns of the target.

        Returns
        -------
        NDArray
            `(..., rows of the block, columns of the block)`, of the same dtype.
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
        """Lanczos-filter the valid pixels of one band of a block, rounded and clipped to its dtype.

        The weights of pixels that are masked or not finite are shared among the others (normalised convolution,
        Knutsson & Westin, CVPR 1993). Where the source pixel nearest to a target pixel's centre is masked, the target
        pixel is masked too and takes its value.

        Parameters
        ----------
        values, valid
            `(rows, columns)`: the source at `source(block)`, and which of its pixels are not masked.
        block
            Rows and columns of the target.
        nodata
            Value that no valid pixel may take by filtering; the next value is used instead.

        Returns
        -------
        NDArray
            `(rows of the block, columns of the block)`, of the dtype of `values`.
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
        """Kernels of the block's rows and columns, each `(target pixels, source pixels)`."""
        matrices = []
        for part, origin, n_out, n_in in zip(
            block, self.source(block), self.target_shape, self.source_shape, strict=True
        ):
            taps, weights = lanczos_weights(part.start, part.stop, n_out, n_in)
            starts = np.arange(0, taps.size + 1, taps.shape[1])
            # Taps clipped at the border have no weight, but need an index within the matrix.
            indices = np.clip(taps - origin.start, 0, origin.stop - origin.start - 1)
            shape = len(taps), origin.stop - origin.start
            matrices.append(csr_array((weights.astype(dtype).ravel(), indices.ravel(), starts), shape=shape))
        return matrices


def _filter(values: NDArray[Any], down: csr_array, across: csr_array) -> NDArray[Any]:
    rows = down @ values.astype(down.dtype)
    return np.ascontiguousarray((across @ np.ascontiguousarray(rows.T)).T)


def _to_dtype(filtered: NDArray[Any], dtype: np.dtype[Any], nodata: float | None) -> NDArray[Any]:
    """Round half up and clip, as GDAL does; the nodata value becomes its neighbour."""
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

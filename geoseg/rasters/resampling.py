"""Resample a raster block by block, bit-identical to resampling it whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoseg.tiling import Roi, lanczos_radius, lanczos_weights, nearest_exact, source_interval

from .grid import Shape

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_SUPPORT = 0.25
"""Fraction of the kernel's weight that valid pixels must hold; below it, the nearest pixel is a better estimate."""


@dataclass(frozen=True, kw_only=True)
class Resampler:
    """Resamples a source raster to a target raster over the same extent.

    `nearest` and `lanczos` take the source at `source(block)`, and return the target at `block` in the same dtype. Each
    pixel depends only on its position in the whole target: any division into blocks gives the same bits.
    """

    source_shape: Shape
    target_shape: Shape

    def source(self, block: Roi) -> Roi:
        """Rows and columns of the source that a block depends on, with either kernel."""
        rows, cols = (
            source_interval(part.start, part.stop, n_out, n_in, lanczos_radius(n_out, n_in))
            for part, n_out, n_in in zip(block, self.target_shape, self.source_shape, strict=True)
        )
        return rows, cols

    def nearest(self, values: NDArray[Any], block: Roi) -> NDArray[Any]:
        """Take from `values` `(..., rows, columns)` the source pixels that contain the centres of target pixels."""
        rows, cols = (
            nearest_exact(n_out, n_in, part) - origin.start
            for part, origin, n_out, n_in in zip(
                block, self.source(block), self.target_shape, self.source_shape, strict=True
            )
        )
        return values[..., rows[:, None], cols]

    def lanczos(
        self, values: NDArray[Any], valid: NDArray[np.bool_], block: Roi, *, nodata: float | None = None
    ) -> NDArray[Any]:
        """Lanczos-filter the valid pixels of one band `(rows, columns)`, rounded and clipped to its dtype.

        The weights of pixels that are masked or not finite are shared among the others (normalised convolution,
        Knutsson & Westin, CVPR 1993). A target pixel whose nearest source pixel is masked takes its value. A filtered
        value that equals `nodata` becomes the next value.
        """
        dtype = values.dtype
        if np.issubdtype(dtype, np.floating):
            valid = valid & np.isfinite(values)
        # Vertically first: the sparse product runs along whole rows of the source.
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

    def _matrices(self, block: Roi, dtype: np.dtype[Any]) -> "list[csr_array]":
        """Kernels of the block's rows and columns, each `(target pixels, source pixels)`."""
        from scipy.sparse import csr_array  # slow, and not needed to plan a run

        matrices = []
        for part, origin, n_out, n_in in zip(
            block, self.source(block), self.target_shape, self.source_shape, strict=True
        ):
            taps, weights = lanczos_weights(part.start, part.stop, n_out, n_in)
            starts = np.arange(0, taps.size + 1, taps.shape[1])
            # Taps beyond the border have no weight, but need an index within the matrix.
            indices = np.clip(taps - origin.start, 0, origin.stop - origin.start - 1)
            shape = len(taps), origin.stop - origin.start
            matrices.append(csr_array((weights.astype(dtype).ravel(), indices.ravel(), starts), shape=shape))
        return matrices


def _filter(values: NDArray[Any], down: "csr_array", across: "csr_array") -> NDArray[Any]:
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

"""Where the truth of a prediction's pixel lies: the pixel whose area holds its centre."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.io import DatasetReader

from geoseg.errors import SceneError

from .ground import Coordinates, apply_affine
from .scene import is_placed

_BORDER = 1e-6
"""Pixels that a centre may be off by rounding: on the border of two pixels it belongs to the latter."""
_SAME = 1e-3
"""Pixels by which grids may differ and be called the same."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """The pixels of a truth under those of a prediction."""

    predicted: Affine
    """From pixels of the prediction to its CRS."""
    truth: Affine
    """From pixels of the truth to its CRS."""
    between: Transformer | None
    """From the CRS of the prediction to that of the truth; None if it is the same."""

    def indices(self, rows: slice, columns: int) -> tuple[Indices, Indices]:
        """Rows and columns of the truth under rows of a prediction `columns` wide; they broadcast to its shape."""
        down, along = np.arange(rows.start, rows.stop)[:, None] + 0.5, np.arange(columns)[None] + 0.5
        if self.between is not None:
            placed = self.between.transform(*apply_affine(self.predicted, *np.broadcast_arrays(along, down)))
            # Where a CRS has no place for a pixel, PROJ gives infinity, which would not survive arithmetic quietly.
            x, y = (np.where(np.isfinite(part), part, np.nan) for part in placed)
            column, row = apply_affine(~self.truth, x, y)
            return _floor(row), _floor(column)
        direct = ~self.truth @ self.predicted
        if abs(direct.b) * rows.stop < _BORDER and abs(direct.d) * columns < _BORDER:
            return _floor(direct.e * down + direct.f), _floor(direct.a * along + direct.c)
        column, row = apply_affine(direct, *np.broadcast_arrays(along, down))
        return _floor(row), _floor(column)


def _floor(position: Coordinates) -> Indices:
    """Whole pixels; where a position is not finite, one that no raster has."""
    return np.floor(np.where(np.isfinite(position), position, -1e9) + _BORDER).astype(np.int64)


def overlay(predicted: DatasetReader, truth: DatasetReader) -> Overlay | None:
    """Lay a truth under a prediction; None if their pixels are the same.

    Raises
    ------
    SceneError
        If one has no georeference and their sizes differ, or there is no way between their CRSs.
    """
    if not (is_placed(predicted) and is_placed(truth)):
        if predicted.shape == truth.shape:
            return None
        raise SceneError(
            f"{truth.name} has {truth.width} × {truth.height} pixels and {predicted.name} {predicted.width} × "
            f"{predicted.height}; without a georeference in both they must have the same size."
        )
    if predicted.crs != truth.crs:
        try:
            between = Transformer.from_crs(CRS(predicted.crs.to_wkt()), CRS(truth.crs.to_wkt()), always_xy=True)
        except ProjError as error:
            raise SceneError(
                f"{truth.name} cannot be laid under {predicted.name}: there is no way between their CRSs ({error})."
            ) from error
        return Overlay(predicted=predicted.transform, truth=truth.transform, between=between)
    height, width = predicted.shape
    across, down = np.array([0, width, 0, width]), np.array([0, 0, height, height])
    moved = np.array(apply_affine(~truth.transform @ predicted.transform, across, down)) - [across, down]
    if predicted.shape == truth.shape and np.abs(moved).max() < _SAME:
        return None
    return Overlay(predicted=predicted.transform, truth=truth.transform, between=None)

"""Overlay a prediction and its reference: find the reference pixel that contains the centre of each pixel."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS as RasterCRS
from rasterio.io import DatasetReader

from geoseg.errors import SceneError
from geoseg.tiling import Roi

from .grid import Grid, Shape
from .ground import Coordinates, apply_affine, turn_of, turn_to
from .scene import is_placed, refuse_one_unrectified

_BORDER = 1e-6
"""Tolerance for rounding, in pixels: a centre on the border of two pixels belongs to the latter."""
_SAME = 1e-3
"""Difference, in pixels, below which two grids are the same."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Transforms of a prediction and its reference."""

    predicted: Affine
    reference: Affine
    between: Transformer | None
    """From the CRS of the prediction to that of the reference; None if they are the same."""
    turn: float | None = None
    """See `turn_of`: of the CRS of the reference, if longitudes of the two may be a turn apart."""
    middle: float = 0.0
    """x in the middle of the reference."""

    def sampled(self, pixels: Roi) -> "Overlay":
        """Return the overlay of a coarser grid, whose pixel centres are those of `pixels`, slices with a step."""
        rows, cols = pixels
        coarser = Affine.translation(cols.start + (1 - cols.step) / 2, rows.start + (1 - rows.step) / 2) @ Affine.scale(
            cols.step, rows.step
        )
        return replace(self, predicted=self.predicted @ coarser)

    def indices(self, rows: slice, columns: int) -> tuple[Indices, Indices]:
        """Rows and columns in the reference of rows of a prediction `columns` wide, broadcastable to its shape."""
        down, along = np.arange(rows.start, rows.stop)[:, None] + 0.5, np.arange(columns)[None] + 0.5
        if self.between is not None or self.turn is not None:
            placed = apply_affine(self.predicted, *np.broadcast_arrays(along, down))
            if self.between is not None:
                placed = self.between.transform(*placed)
            # PROJ returns infinity where a CRS is not defined; NaN avoids warnings below.
            x, y = (np.where(np.isfinite(part), part, np.nan) for part in placed)
            column, row = apply_affine(~self.reference, turn_to(x, self.middle, self.turn), y)
            return _floor(row), _floor(column)
        direct = ~self.reference @ self.predicted
        if abs(direct.b) * rows.stop < _BORDER and abs(direct.d) * columns < _BORDER:
            return _floor(direct.e * down + direct.f), _floor(direct.a * along + direct.c)
        column, row = apply_affine(direct, *np.broadcast_arrays(along, down))
        return _floor(row), _floor(column)


def _floor(position: Coordinates) -> Indices:
    """Round down to pixels; positions that are not finite become negative."""
    return np.floor(np.where(np.isfinite(position), position, -1e9) + _BORDER).astype(np.int64)


def overlay(predicted: DatasetReader, reference: DatasetReader) -> Overlay | None:
    """Overlay a prediction and its reference; None if their grids are the same."""
    if not (is_placed(predicted) and is_placed(reference)):
        refuse_one_unrectified(predicted, reference)
        if predicted.shape == reference.shape:
            return None
        raise SceneError(
            f"{reference.name} has {reference.width} × {reference.height} pixels and {predicted.name} "
            f"{predicted.width} × {predicted.height}; without a georeference in both they must have the same size."
        )
    between = _between(predicted.crs.to_wkt(), reference, predicted.name)
    if between is not None:
        return _around(predicted.transform, predicted.shape, reference, between)
    if predicted.shape == reference.shape and _pixels_apart(predicted, reference) < _SAME:
        return None
    return _around(predicted.transform, predicted.shape, reference, None)


def has_other_place(raster: DatasetReader, other: DatasetReader) -> bool:
    """Whether the geotransforms of two rasters, whose pixels are paired as they are, differ by a pixel or more."""
    transforms = raster.transform, other.transform
    return all(each.determinant and not each.is_identity for each in transforms) and _pixels_apart(raster, other) >= 1


def _pixels_apart(raster: DatasetReader, other: DatasetReader) -> float:
    """How far the corners of a raster are from those of as many pixels of another one, in pixels of the latter."""
    height, width = raster.shape
    across, down = np.array([0, width, 0, width]), np.array([0, 0, height, height])
    moved = np.array(apply_affine(~other.transform @ raster.transform, across, down)) - [across, down]
    return float(np.abs(moved).max())


def overlay_grid(grid: Grid, reference: DatasetReader, name: str, *, own_pixels: bool) -> Overlay:
    """Overlay a grid over the extent of the scene `name` and its reference, whose pixels may be the scene's own."""
    if own_pixels:
        down, along = (size / worked for size, worked in zip(reference.shape, grid.shape, strict=True))
        return Overlay(predicted=Affine.scale(along, down), reference=Affine.identity(), between=None)
    between = _between(str(grid.crs.to_wkt()), reference, name)
    return _around(grid.transform, grid.shape, reference, between)


def _around(transform: Affine, shape: Shape, reference: DatasetReader, between: Transformer | None) -> Overlay:
    """Overlay a grid and its reference, whose longitudes may be a turn apart: 190° is -170°."""
    turn = turn_of(CRS(reference.crs.to_wkt()))
    middle = _extent(reference.transform, reference.shape).mean()
    if turn is not None and between is None:
        extent = _extent(transform, shape)
        if (turn_to(extent, middle, turn) == extent).all():
            turn = None
    return Overlay(predicted=transform, reference=reference.transform, between=between, turn=turn, middle=float(middle))


def _extent(transform: Affine, shape: Shape) -> npt.NDArray[np.float64]:
    """Lowest and highest x of a grid."""
    rows, cols = shape
    x, _ = apply_affine(transform, np.array([0, cols, 0, cols]), np.array([0, 0, rows, rows]))
    return np.array([x.min(), x.max()])


def _between(crs: str, reference: DatasetReader, name: str) -> Transformer | None:
    """Transformer from a CRS in WKT to that of the reference; None if they are the same."""
    if reference.crs == RasterCRS.from_wkt(crs):
        return None
    try:
        return Transformer.from_crs(CRS(crs), CRS(reference.crs.to_wkt()), always_xy=True)
    except ProjError as error:
        raise SceneError(f"{reference.name} cannot be transformed to the CRS of {name} ({error}).") from error

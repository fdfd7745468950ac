"""The area of interest of a prediction, in pixels of the grid.

Polygons are kept as rings of points, which takes time linear in their number even where rings cross themselves; exact
geometry would take its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from rasterio.features import geometry_mask

from geoseg.errors import DataError, MismatchError, UsageError
from geoseg.messages import warn
from geoseg.rasters.datum import warn_of_shift
from geoseg.rasters.ground import crs_of, place, turn_of
from geoseg.sentences import are, counted, has
from geoseg.tiling import Roi, roi_shape
from geoseg.vectors.densify import densify
from geoseg.vectors.read import polygons_in, read_features

from .rings import Rings, clip, edge_lengths, off_seam, refuse_torn, repeat, unwrap
from .settings import Bounds

_MAX_ADDED = 2_000_000
"""Most points to add to rings before they are projected."""
_PIXELS = 2**22
"""Pixels to look at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Aoi:
    """The part of a grid to predict."""

    rings: Rings
    """In pixels of the grid: x right, y down, (0, 0) at the outer corner of the first pixel."""
    roi: Roi
    """Rows and columns of the grid that contain it."""

    @property
    def digest(self) -> str:
        """Checksum of the area."""
        arrays = self.rings.points, self.rings.start, self.rings.polygon
        return sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

    @property
    def has_pixels(self) -> bool:
        """Whether a pixel's centre is inside the area."""
        rows, cols = self.roi
        step = max(1, _PIXELS // (cols.stop - cols.start))
        strips = (slice(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step))
        return any(not self.outside(strip, cols).all() for strip in strips)

    def outside(self, rows: slice, cols: slice) -> npt.NDArray[np.bool_]:
        """Pixels `(rows, columns)` of a region whose centre is outside the area."""
        polygons = _polygons(_near(self.rings, rows))
        if not polygons:
            return np.ones(roi_shape((rows, cols)), np.bool_)
        transform = Affine.translation(cols.start, rows.start)
        mask: npt.NDArray[np.bool_] = geometry_mask(polygons, roi_shape((rows, cols)), transform)
        return mask


def read_aoi(source: Path | str | Bounds, grid: GeoBox) -> Aoi | None:
    """Project the polygons of a vector file, or bounds in degrees, to pixels of `grid`; None if they do not overlap it.

    A DataError reports an unreadable file, or one without CRS or polygons, a UsageError bounds out of order, or an area
    that extends to where the CRS of the grid is not defined.
    """
    rings, crs = _read_polygons(Path(source)) if isinstance(source, str | Path) else _box(source)
    rings = _clip_near(grid, rings, crs)
    if CRS(crs) != crs_of(grid):
        warn_of_shift("the area of interest", CRS(crs), crs_of(grid), rings.points)
        rings = _project(off_seam(rings, crs, grid), Transformer.from_crs(crs, crs_of(grid), always_xy=True), grid)
        rings = unwrap(rings, grid)
    rings = replace(rings, points=place(~grid.transform, rings.points))
    height, width = grid.shape
    for axis, size in ((0, width), (1, height)):
        rings = clip(clip(rings, axis, 0, np.maximum), axis, size, np.minimum)
    aoi = Aoi(rings=rings, roi=(slice(0, height), slice(0, width)))
    roi = _covered(aoi, height, width)
    return None if roi is None else replace(aoi, roi=roi)


def _project(rings: Rings, to_grid: Transformer, grid: GeoBox) -> Rings:
    # Long edges are densified first: a straight line in one CRS is a curve in another.
    extent = np.ptp(rings.points, axis=0).max()
    longest = max(extent / 1000, edge_lengths(rings.points, rings.start).sum() / _MAX_ADDED, 1e-12)
    points, start = densify(rings.points, rings.start, longest)
    projected = np.column_stack(to_grid.transform(points[:, 0], points[:, 1]))
    if not np.isfinite(projected).all():
        raise MismatchError(
            "the area of interest extends to where the scene's CRS is not defined; cut it to the scene."
        )
    if turn_of(crs_of(grid)) is None:
        bounds = grid.boundingbox
        longest_step = max(bounds.right - bounds.left, bounds.top - bounds.bottom) / 2
        refuse_torn(points, projected, start, to_grid, longest_step)
    return replace(rings, points=projected, start=start)


def _covered(aoi: Aoi, height: int, width: int) -> Roi | None:
    """Rows and columns that contain an area clipped to the grid; None if it covers nothing."""
    points = aoi.rings.points
    # Clipping moves what is outside onto the borders of the grid, where it bounds nothing.
    along = np.zeros(len(points) - 1, np.bool_)
    for axis, size in ((0, width), (1, height)):
        for border in (0, size):
            on = points[:, axis] == border
            along |= on[:-1] & on[1:]
    along[aoi.rings.start[1:-1] - 1] = True  # no edge joins one ring to the next
    edges = np.flatnonzero(~along)
    corners = [
        (x, y)
        for y, row in ((0, 0), (height, height - 1))
        for x, col in ((0, 0), (width, width - 1))
        if not aoi.outside(slice(row, row + 1), slice(col, col + 1)).any()
    ]
    bounding = np.concatenate([points[edges], points[edges + 1], np.reshape(corners, (-1, 2))])
    if not len(bounding):
        return None
    left, top = np.floor(bounding.min(axis=0)).astype(int)
    right, bottom = np.ceil(bounding.max(axis=0)).astype(int)
    return (slice(int(top), int(bottom)), slice(int(left), int(right))) if top < bottom and left < right else None


def _near(rings: Rings, rows: slice) -> Rings:
    """Drop points that are above or below a strip together with both neighbours: no edge crosses the strip there."""
    y = rings.points[:, 1]
    side = (y > rows.stop + 1).astype(np.int8) - (y < rows.start - 1)
    changes = side[1:] != side[:-1]
    keep = (side == 0) | np.append(changes, True) | np.append(True, changes)
    keep[rings.start[:-1]] = keep[rings.start[1:] - 1] = True
    start = np.concatenate([[0], np.cumsum(keep)])[rings.start]
    return Rings(points=rings.points[keep], start=start, polygon=rings.polygon)


def _polygons(rings: Rings) -> list[dict[str, Any]]:
    """Return polygons as in GeoJSON, without rings that cover nothing."""
    found = np.flatnonzero(np.diff(rings.start) > 3)
    return [
        {
            "type": "Polygon",
            "coordinates": [rings.points[rings.start[number] : rings.start[number + 1]].tolist() for number in group],
        }
        for _, group in groupby(found, key=lambda number: rings.polygon[number])
    ]


def _clip_near(grid: GeoBox, rings: Rings, crs: str) -> Rings:
    """Clip to the surroundings of the grid, since the grid's CRS may not be defined further away."""
    bounds = grid.boundingbox
    to_area = Transformer.from_crs(crs_of(grid), crs, always_xy=True)
    left, bottom, right, top = to_area.transform_bounds(bounds.left, bounds.bottom, bounds.right, bounds.top)
    turn, around = turn_of(CRS(crs)), turn_of(crs_of(grid))
    if around is not None and bounds.right - bounds.left >= around:  # where PROJ returns coordinates beyond a full turn
        left, right = (0, 0) if turn is None else (left, left + turn)
    elif turn is not None and left > right:  # across the antimeridian, as PROJ returns it
        right += turn
    if not (np.isfinite([left, bottom, right, top]).all() and left < right):  # over a pole
        return rings
    margin = max(right - left, top - bottom)
    if turn is not None:
        rings = repeat(rings, turn, left - margin, right + margin)
    for axis, low, high in ((0, left, right), (1, bottom, top)):
        rings = clip(clip(rings, axis, low - margin, np.maximum), axis, high + margin, np.minimum)
    return rings


def _are_bounds(values: Sequence[float]) -> bool:
    if len(values) != 4:
        return False
    west, south, east, north = values
    if not (-180 <= west <= 360 and -180 <= east <= 360 and -90 <= south < north <= 90):
        return False
    width = east - west
    return width == 360 or (width < 360 and width % 360 != 0)


def _box(bounds: Bounds) -> tuple[Rings, str]:
    if not _are_bounds(bounds):
        raise UsageError(
            f"`aoi` must be west, south, east, north in degrees, got {','.join(f'{value:g}' for value in bounds)}."
        )
    west, south, east, north = bounds
    if east - west == 360:
        west, east = -180, 180
    west, east = (longitude - 360 if longitude > 180 else longitude for longitude in (west, east))
    # across the antimeridian, as in RFC 7946
    parts = [(west, east)] if west < east else [(west, 180), (-180, east)]
    return _rings([shapely.box(left, south, right, north) for left, right in parts]), "EPSG:4326"


def _rings(polygons: Any) -> Rings:  # noqa: ANN401 - an array or list of polygons
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    start = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(rings))])
    return Rings(points=shapely.get_coordinates(rings), start=start, polygon=polygon)


def _read_polygons(path: Path) -> tuple[Rings, str]:
    features = read_features(path, attributes=())
    polygons, others = polygons_in(features.geometry.to_numpy())
    parts = shapely.get_parts(polygons)
    rings = _rings(parts[~shapely.is_empty(parts)])
    if not len(rings.points) or not _areas(rings).any():
        raise DataError(f"the area of interest {path} has no polygon.")
    if others:
        warn(
            f"{counted(others, 'part')} of the area of interest {path} {has(others)} no area (lines, points), and "
            f"{are(others)} left out."
        )
    return rings, features.crs.to_wkt()


def _areas(rings: Rings) -> npt.NDArray[np.float64]:
    """Sum of the areas of the triangles of each ring's edges with its first point: 0 for points on a line only."""
    from_first = rings.points - np.repeat(rings.points[rings.start[:-1]], np.diff(rings.start), axis=0)
    x, y = from_first.T
    triangles = np.append(np.abs(x[:-1] * y[1:] - x[1:] * y[:-1]), 0)
    triangles[rings.start[1:] - 1] = 0
    areas: npt.NDArray[np.float64] = np.add.reduceat(triangles, rings.start[:-1]) / 2
    return areas

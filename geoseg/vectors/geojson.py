"""Write a layer as GeoJSON (RFC 7946).

We write the text ourselves: GDAL's writer (`RFC7946=YES`) spaces it differently and names the layer, cuts lines at the
antimeridian only where it reprojects them itself, leaves long segments straight in degrees, and changes by version.
"""

import json
import math
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from pyproj import CRS, Transformer

from geoseg.errors import SceneError
from geoseg.rasters.datum import warn_of_shift

from .densify import Starts, densify
from .layers import GEOMETRY, Layer

_START, _END = '{"type": "FeatureCollection", "features": [', "\n]}\n"
_FEATURES = 1024
"""Features formatted at a time: the Python objects of 16,384 roads would take 26 MB."""

Degrees = npt.NDArray[np.float64]


def write_geojson(layer: Layer, path: Path) -> None:
    """Write lines or polygons as a FeatureCollection in longitude and latitude (WGS 84), batch by batch."""
    to_lonlat = Transformer.from_crs(layer.crs.to_2d(), "OGC:CRS84", always_xy=True)
    separator = first = "\n"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_START)
        for batch in _parts(layer.batches()):
            shapes = shapely.from_wkb(batch[GEOMETRY.name].to_numpy(zero_copy_only=False))
            properties = batch.drop_columns([GEOMETRY.name]).to_pylist()
            if separator == first:
                extent = shapely.total_bounds(shapes).reshape(2, 2)
                warn_of_shift(f"{layer.name} in GeoJSON", layer.crs, CRS("OGC:CRS84"), extent)
            for values, geometry in zip(properties, _geometries(shapes, layer, to_lonlat), strict=True):
                text = json.dumps(values, ensure_ascii=False, allow_nan=False)
                file.write(f'{separator}{{"type": "Feature", "properties": {text}, "geometry": {geometry}}}')
                separator = ",\n"
        file.write(_END)


def is_unchanged(path: Path, schema: pa.Schema) -> bool:
    """Whether a file begins as `write_geojson` begins a layer of this schema; files saved by other programs do not."""
    names = iter(schema.names)
    first = f'{_START}\n{{"type": "Feature", "properties": {{"{next(names)}": 1, "{next(names)}": '
    empty = _START + _END
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(len(first)) in (first, empty)


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from (batch.slice(first, _FEATURES) for first in range(0, batch.num_rows, _FEATURES))


def _geometries(shapes: npt.NDArray[np.object_], layer: Layer, to_lonlat: Transformer) -> Iterable[str]:
    """Return geometries in degrees, as JSON."""
    _, points, offsets = shapely.to_ragged_array(shapes)
    starts, *faces = (each.astype(np.int64) for each in offsets)
    points, start = densify(points, starts, layer.longest)
    lon, lat = to_lonlat.transform(points[:, 0], points[:, 1])
    if not (np.isfinite(lon) & np.isfinite(lat)).all():
        raise SceneError(f"{layer.name} extend to where their CRS, {layer.crs.name}, has no longitude and latitude.")
    outside = np.abs(lon) > 180
    lon[outside] = (lon[outside] + 180) % 360 - 180
    if layer.geometry_type == "LineString":
        lines = np.split(np.column_stack([lon, lat]), start[1:-1])
        return (json.dumps(_line(line[:, 0], line[:, 1], layer.decimals)) for line in lines)
    texts: list[str] = shapely.to_geojson(_polygons(lon, lat, start, faces[0], layer.decimals)).tolist()
    return texts


def _line(lon: Degrees, lat: Degrees, decimals: int) -> dict[str, object]:
    """Return a line, cut where it crosses the antimeridian (RFC 7946, 3.1.9)."""
    positions = partial(_positions, decimals)
    jumps = np.flatnonzero(np.abs(np.diff(lon)) > 180)
    parts: list[list[list[float]]] = []
    part: list[list[float]] = []
    first = 0
    for jump in jumps.tolist():
        side = float(np.copysign(180.0, lon[jump]))
        onward = lon[jump + 1] + 2 * side  # the next longitude, past the antimeridian
        share = (side - lon[jump]) / (onward - lon[jump]) if onward != lon[jump] else 0.0
        crossing = lat[jump] + share * (lat[jump + 1] - lat[jump])
        parts.append(part + positions(lon[first : jump + 1], lat[first : jump + 1]) + positions([side], [crossing]))
        part = positions([-side], [crossing])
        first = jump + 1
    parts.append(part + positions(lon[first:], lat[first:]))
    # A vertex on the antimeridian leaves a part of no length.
    lines = [line for line in map(_without_repeats, parts) if len(line) > 1]
    if len(lines) > 1:
        return {"type": "MultiLineString", "coordinates": lines}
    return {"type": "LineString", "coordinates": lines[0] if lines else parts[0]}


def _positions(decimals: int, lon: npt.ArrayLike, lat: npt.ArrayLike) -> list[list[float]]:
    positions: list[list[float]] = np.round(np.column_stack([lon, lat]), decimals).tolist()
    return positions


def _without_repeats(line: list[list[float]]) -> list[list[float]]:
    return line[:1] + [after for before, after in pairwise(line) if after != before]


def _polygons(
    lon: Degrees, lat: Degrees, ring_start: Starts, face_start: Starts, decimals: int
) -> npt.NDArray[np.object_]:
    """Return polygons counter-clockwise (RFC 7946, 3.1.6), cut where they cross the antimeridian (3.1.9)."""
    jumps = np.abs(np.diff(lon, append=lon[-1:])) > 180
    jumps[ring_start[1:] - 1] = False  # between rings
    crossing = np.zeros(len(face_start) - 1, np.bool_)
    if jumps.any():
        if (np.add.reduceat(jumps, ring_start[:-1]) % 2).any():
            raise SceneError("a polygon contains a pole, which GeoJSON cannot represent; choose another format.")
        crossing[np.searchsorted(ring_start[face_start], np.flatnonzero(jumps), side="right") - 1] = True
        lon = _unwrapped(lon, jumps, ring_start)
        for shell, end in zip(face_start[:-1][crossing], face_start[1:][crossing], strict=True):
            middle, *middles = (_middle(lon[ring_start[ring] : ring_start[ring + 1]]) for ring in range(shell, end))
            for hole, found in enumerate(middles, shell + 1):
                lon[ring_start[hole] : ring_start[hole + 1]] += 360 * np.round((middle - found) / 360)
    degrees = np.round(np.column_stack([lon, lat]), decimals)
    made = shapely.from_ragged_array(shapely.GeometryType.POLYGON, degrees, (ring_start, face_start))
    made[crossing] = [cut_at_antimeridian(polygon) for polygon in made[crossing]]
    oriented: npt.NDArray[np.object_] = shapely.orient_polygons(made)
    return oriented


def _unwrapped(lon: Degrees, jumps: npt.NDArray[np.bool_], ring_start: Starts) -> Degrees:
    """Move longitudes by whole turns, so that none of a ring is half a turn or more from the one before."""
    turns = np.where(jumps, -np.sign(np.diff(lon, append=lon[-1:])), 0)
    total = np.cumsum(turns) - turns  # those before each point
    moved: Degrees = lon + 360 * (total - np.repeat(total[ring_start[:-1]], np.diff(ring_start)))
    return moved


def _middle(lon: Degrees) -> float:
    return float(lon.min() + lon.max()) / 2


def ring_in_degrees(lon: Degrees, lat: Degrees) -> tuple[shapely.Polygon, bool]:
    """Return the polygon of a ring, and whether it crosses the antimeridian: its west is then counted beyond 180.

    A ring that encloses a pole becomes a whole cap.
    """
    lon = np.where(np.abs(lon) > 180, (lon + 180) % 360 - 180, lon)
    jumps = np.abs(np.diff(lon, append=lon[:1])) > 180
    crossings = int(np.count_nonzero(jumps))
    if crossings % 2:
        south, north = (lat.min(), 90) if lat.mean() > 0 else (-90, lat.max())
        return shapely.box(-180, south, 180, north), False
    lon = _unwrapped(lon, jumps, np.array([0, len(lon)]))
    if lon.min() < -180:
        lon += 360
    return shapely.Polygon(np.column_stack([lon, lat])), crossings > 0


def cut_at_antimeridian(polygon: shapely.Geometry) -> shapely.Geometry:
    """Cut a polygon at 180° and other odd multiples of it, and move the parts by whole turns to -180° to 180°."""
    left, _, right, _ = shapely.bounds(polygon)
    parts = []
    for turn in range(math.floor((left + 180) / 360), math.ceil((right + 180) / 360)):
        inside = shapely.intersection(polygon, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        moved = shapely.transform(inside, partial(np.add, (-360.0 * turn, 0.0)))
        parts += [part for part in shapely.get_parts(moved) if part.geom_type == "Polygon"]
    if right - left >= 360:  # its ends meet
        return shapely.union_all(parts)
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)

"""Write roads as GeoJSON (RFC 7946), feature by feature."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from .road import Road

DECIMALS = 7  # of a degree: 1 cm
BATCH = 256  # roads projected in one call; all of them are in memory


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """What was written."""

    count: int
    """Roads."""

    length_km: float
    """Geodesic length of all roads, kilometres."""


def write_geojson(roads: Iterable[Road], path: str | Path, crs: Any) -> RoadTotals:  # noqa: ANN401 - any CRS
    """Write a FeatureCollection in longitude and latitude on WGS 84, holding a batch of roads at a time.

    The text is our own because GDAL does not stream batches into a GeoJSON file: pyogrio's append mode reads the whole
    file again for each batch, and forgets the RFC7946 option: batches after the first keep their projected coordinates.

    Parameters
    ----------
    roads
        Roads in `crs`; consumed as a stream. Each becomes a LineString, or a MultiLineString cut at the antimeridian,
        with the properties `id` (from 1, in stream order), `length_m` (of the whole road) and `width_m`.
    path
        File to write; what was there is replaced.
    crs
        CRS of the roads' lines.

    Returns
    -------
    RoadTotals
        Count and length.
    """
    to_lonlat = pyproj.Transformer.from_crs(pyproj.CRS.from_user_input(crs), "OGC:CRS84", always_xy=True)
    count, length_m = 0, 0.0
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for road, lonlat in _in_lonlat(roads, to_lonlat):
            file.write(",\n" if count else "\n")
            count += 1
            length_m += road.length_m
            feature = {
                "type": "Feature",
                "properties": {"id": count, "length_m": round(road.length_m, 2), "width_m": round(road.width_m, 1)},
                "geometry": _geometry(lonlat),
            }
            file.write(json.dumps(feature, allow_nan=False))
        file.write("\n]}\n")
    return RoadTotals(count=count, length_km=length_m / 1000)


def _in_lonlat(roads: Iterable[Road], to_lonlat: pyproj.Transformer) -> Iterator[tuple[Road, npt.NDArray[np.float64]]]:
    source = iter(roads)
    while batch := list(islice(source, BATCH)):
        points = np.concatenate([road.line for road in batch])
        lonlat = np.column_stack(to_lonlat.transform(points[:, 0], points[:, 1]))
        ends = np.cumsum([len(road.line) for road in batch])
        yield from zip(batch, np.split(lonlat, ends[:-1]), strict=True)


def _geometry(lonlat: npt.NDArray[np.float64]) -> dict[str, object]:
    """Return the line, wrapped to ±180° and cut where it passes the antimeridian (RFC 7946, 3.1.9)."""
    lon, lat = lonlat[:, 0].copy(), lonlat[:, 1]
    outside = np.abs(lon) > 180
    lon[outside] = (lon[outside] + 180) % 360 - 180
    jumps = np.flatnonzero(np.abs(np.diff(lon)) > 180)
    parts: list[list[list[float]]] = []
    part: list[list[float]] = []
    first = 0
    for jump in jumps.tolist():
        side = float(np.copysign(180.0, lon[jump]))
        onward = lon[jump + 1] + 2 * side  # the next longitude, counted on past the antimeridian
        share = (side - lon[jump]) / (onward - lon[jump]) if onward != lon[jump] else 0.0
        crossing = lat[jump] + share * (lat[jump + 1] - lat[jump])
        parts.append(part + _positions(lon[first : jump + 1], lat[first : jump + 1]) + _positions([side], [crossing]))
        part = _positions([-side], [crossing])
        first = jump + 1
    parts.append(part + _positions(lon[first:], lat[first:]))
    # A vertex on the antimeridian itself would leave a part of no length.
    lines = [line for line in map(_without_repeats, parts) if len(line) > 1]
    if len(lines) > 1:
        return {"type": "MultiLineString", "coordinates": lines}
    return {"type": "LineString", "coordinates": lines[0] if lines else parts[0]}


def _positions(lon: npt.ArrayLike, lat: npt.ArrayLike) -> list[list[float]]:
    positions: list[list[float]] = np.round(np.column_stack([lon, lat]), DECIMALS).tolist()
    return positions


def _without_repeats(line: list[list[float]]) -> list[list[float]]:
    return line[:1] + [after for before, after in pairwise(line) if after != before]

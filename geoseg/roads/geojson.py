"""Write a road network as GeoJSON (RFC 7946), feature by feature."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj

from .network import RoadNetwork, attributes

DECIMALS = 7  # of a degree: 1 cm


def write_geojson(network: RoadNetwork, path: Path) -> None:
    """Write the edges as a FeatureCollection in longitude and latitude on WGS 84.

    Each edge becomes a LineString, or a MultiLineString cut at the antimeridian, with the attributes of the whole edge.
    The text is our own because GDAL cuts lines at the antimeridian only where it reprojects them itself, and the
    file would then change with its version.
    """
    to_lonlat = pyproj.Transformer.from_crs(network.ground.crs, "OGC:CRS84", always_xy=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for edges in network.batches():
            points, start = network.lines(edges)
            lonlat = np.column_stack(to_lonlat.transform(points[:, 0], points[:, 1]))
            columns = attributes(network, edges)
            for edge, line in enumerate(np.split(lonlat, start[1:-1])):
                file.write(",\n" if edges.start + edge else "\n")
                properties = {name: values[edge] for name, values in columns.items()}
                feature = {"type": "Feature", "properties": properties, "geometry": _geometry(line)}
                file.write(json.dumps(feature, allow_nan=False))
        file.write("\n]}\n")


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

"""Footprint of a result in longitude and latitude, as GeoJSON (RFC 7946) and STAC require."""

import json
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from geoseg.rasters.ground import crs_of, place
from geoseg.vectors.geojson import cut_at_antimeridian, ring_in_degrees
from geoseg.vectors.layers import DECIMALS

_POINTS = 33
"""Per side, so that a footprint follows the ground where a side is curved in degrees."""
_STRAIGHT = 1e-6
"""Degrees by which a side may be off to need fewer points: a tenth of a metre."""


def footprint(grid: GeoBox) -> dict[str, Any]:
    """Return `geometry` and `bbox` of a grid; `geometry` is null and `bbox` missing if an edge cannot be projected.

    A footprint is cut at the antimeridian, where the west of `bbox` is greater than its east, unless it goes around
    the Earth; one that contains a pole is extended to a whole cap.
    """
    to_lonlat = Transformer.from_crs(crs_of(grid).to_2d(), "OGC:CRS84", always_xy=True)
    lon, lat = to_lonlat.transform(*place(grid.transform, grid.boundary(_POINTS)).T)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return {"geometry": None}
    outline, beyond = ring_in_degrees(lon, lat)
    return _fields(outline.simplify(_STRAIGHT), beyond=beyond)


def _fields(polygon: shapely.Geometry, *, beyond: bool) -> dict[str, Any]:
    west, south, east, north = (round(float(edge), DECIMALS) for edge in shapely.bounds(polygon))
    cut = cut_at_antimeridian(polygon) if beyond else polygon
    rounded = shapely.transform(shapely.orient_polygons(cut), lambda places: np.round(places, DECIMALS))
    if east - west >= 360:
        west, east = -180.0, 180.0
    return {
        "geometry": json.loads(shapely.to_geojson(rounded)),
        "bbox": [west, south, east - 360 if east > 180 else east, north],
    }

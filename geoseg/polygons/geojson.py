"""Write polygons as GeoJSON (RFC 7946)."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from pyproj import CRS, Transformer

from geoseg.errors import SceneError

from .to_map import in_steps

DECIMALS = 7  # of a degree: 1 cm
PROPERTIES = ("id", "class_id", "name", "area_m2")


def write_geojson(table: pa.RecordBatchReader, path: Path, crs: CRS, longest: float) -> None:
    """Write a FeatureCollection in longitude and latitude on WGS 84, batch by batch.

    Parameters
    ----------
    table
        Polygons in `crs`.
    path
        File to write.
    crs
        CRS of the polygons.
    longest
        Lines of `crs` are followed in steps of this many of its units, for they are bent in longitude and latitude.

    Raises
    ------
    SceneError
        If a polygon goes around a pole, which none in longitude and latitude can.
    """
    to_lonlat = Transformer.from_crs(crs.to_2d(), "OGC:CRS84", always_xy=True)
    first = True
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for batch in table:
            polygons = shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False))
            geometries = shapely.to_geojson(_in_lonlat(polygons, to_lonlat, longest))
            properties = batch.select(PROPERTIES).to_pylist()
            for values, geometry in zip(properties, geometries.tolist(), strict=True):
                text = json.dumps(values, ensure_ascii=False, allow_nan=False)
                file.write(
                    f'{"" if first else ","}\n{{"type": "Feature", "properties": {text}, "geometry": {geometry}}}'
                )
                first = False
        file.write("\n]}\n")


def _in_lonlat(polygons: npt.NDArray[np.object_], to_lonlat: Transformer, longest: float) -> npt.NDArray[np.object_]:
    """Return polygons in degrees, counter-clockwise (RFC 7946, 3.1.6), cut where they pass the antimeridian (3.1.9)."""
    _, places, (starts, face_start) = shapely.to_ragged_array(polygons)
    places, ring_start = in_steps(places, starts.astype(np.int64), longest)
    lon, lat = to_lonlat.transform(places[:, 0], places[:, 1])
    outside = np.abs(lon) > 180
    lon[outside] = (lon[outside] + 180) % 360 - 180
    jumps = np.abs(np.diff(lon, append=lon[-1:])) > 180
    jumps[ring_start[1:] - 1] = False  # from ring to ring
    point_face = np.searchsorted(ring_start[face_start], np.arange(len(lon)), side="right") - 1
    crossing = np.zeros(len(polygons), np.bool_)
    crossing[point_face[jumps]] = True
    lon[crossing[point_face] & (lon < 0)] += 360
    degrees = np.round(np.column_stack([lon, lat]), DECIMALS)
    made = shapely.from_ragged_array(shapely.GeometryType.POLYGON, degrees, (ring_start, face_start))
    try:
        made[crossing] = [_cut(polygon) for polygon in made[crossing]]
    except shapely.GEOSException as error:
        raise SceneError("the raster shows a pole, which GeoJSON has no place for; choose another format.") from error
    oriented: npt.NDArray[np.object_] = shapely.orient_polygons(made)
    return oriented


def _cut(polygon: shapely.Polygon) -> shapely.Geometry:
    """Cut a polygon, whose longitudes go on past 180°, there; what lies beyond is moved to the west."""
    west, east = (shapely.intersection(polygon, shapely.box(lon, -90, lon + 180, 90)) for lon in (180, 0))
    west = shapely.transform(west, lambda places: places - [360, 0])
    parts = [part for side in (east, west) for part in shapely.get_parts(side) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)

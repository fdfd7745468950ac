"""Layout, georeference and metadata of a resized raster."""

from typing import Any

from odc.geo.geobox import GeoBox
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.rpc import RPC

from .bands.sensors import SENSOR_TAG, find_sensor
from .bands.texts import keyword_tags, read_texts
from .grid import Shape
from .read import colormap_of
from .scene import rpcs_of

TARGET_TILE = 256
"""Side of the output's tiles."""


def resized_profile(scene: DatasetReader, shape: Shape) -> dict[str, Any]:
    """Return the rasterio profile of a GeoTIFF of another `(height, width)` over the extent of a raster."""
    height, width = shape
    rows, cols = height / scene.height, width / scene.width
    profile = {
        "driver": "GTiff",
        "dtype": scene.dtypes[0],
        "count": scene.count,
        "height": height,
        "width": width,
        "nodata": scene.nodata,
        "tiled": True,
        "blockxsize": TARGET_TILE,
        "blockysize": TARGET_TILE,
        "interleave": "pixel",
        "compress": "deflate",
        "bigtiff": "if_safer",
        "num_threads": 1,  # more, which the environment may ask for, give another layout
    }
    gcps, gcp_crs = scene.gcps
    if gcps and scene.transform.is_identity:
        moved = [GroundControlPoint(p.row * rows, p.col * cols, p.x, p.y, p.z, p.id, p.info) for p in gcps]
        return profile | {"gcps": moved, "crs": gcp_crs}
    if (found := rpcs_of(scene)) is not None:
        # Offsets are relative to the centre of the first pixel.
        rpcs = found.to_dict()
        rpcs |= {"line_off": (rpcs["line_off"] + 0.5) * rows - 0.5, "line_scale": rpcs["line_scale"] * rows}
        rpcs |= {"samp_off": (rpcs["samp_off"] + 0.5) * cols - 0.5, "samp_scale": rpcs["samp_scale"] * cols}
        profile["rpcs"] = RPC(**rpcs)
    if not scene.transform.is_identity:
        profile["transform"] = GeoBox(scene.shape, scene.transform, None).zoom_to(shape).transform
    return profile | {"crs": scene.crs}


def describe_like(scene: DatasetReader, written: DatasetWriter) -> None:
    """Copy units, descriptions, colours and tags of a raster, but not its statistics."""
    written.colorinterp = scene.colorinterp
    written.units = [unit or "" for unit in scene.units]
    written.scales, written.offsets = scene.scales, scene.offsets
    sensor = find_sensor(scene)  # perhaps in a file name, which the copy does not have
    written.update_tags(**({} if sensor is None else {SENSOR_TAG: sensor.name}) | keyword_tags(scene.tags()))
    for band in scene.indexes:
        read_texts(scene, band).write(written, band)
        if scene.colorinterp[band - 1] == ColorInterp.palette and (colours := colormap_of(scene, band)):
            written.write_colormap(band, colours)

"""Render the sample rasters with their classes and roads; the same library versions give the same bytes."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from rasterio.transform import Affine, xy

from geoseg.models.legend import AERIAL
from geoseg.rendering import CLASS_COLOURS, STYLES, RenderedScene, Road, SurfaceClass, render_scene
from geoseg.vectors.qgis import class_style

NODATA = 255
METRES_PER_DEGREE = 111_320.0
SATELLITE_FULL_SCALE = 2047  # 11 bits in 16
VENDOR_BANDS = {"blue": 2, "green": 1, "red": 0, "near-infrared": 3}
VENDOR_COLOURS = (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
COLLAR = shapely.Polygon([(118, 0), (1000, 131), (873, 900), (0, 781), (0, 690)])


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample raster at a fictional place."""

    name: str
    style: str
    seed: int
    shape: tuple[int, int]
    """Height and width in pixels."""
    crs: str
    transform: Affine
    gsd: float = 1.0
    """Metres on the ground per pixel."""
    valid: shapely.Polygon | None = None
    """Area with imagery, in pixels; everything if None."""
    satellite: bool = False
    """Whether to write four 16-bit bands, like satellite vendors, instead of an 8-bit RGB aerial image."""


def north_up(left: float, top: float, across: float, down: float) -> Affine:
    """Return the transform of a north-up raster from its upper left corner and pixel size."""
    return Affine(across, 0.0, left, 0.0, -down, top)


SAMPLES = (
    Sample(
        name="suburb",
        style="suburb",
        seed=20,
        shape=(900, 1000),
        crs="EPSG:26986",
        transform=north_up(178_000.0, 914_500.0, 1.0, 1.0),
    ),
    Sample(
        name="desert_city",
        style="desert_city",
        seed=30,
        shape=(900, 1000),
        crs="EPSG:32640",
        transform=north_up(338_400.0, 2_745_900.0, 1.0, 1.0),
    ),
    Sample(
        name="coast",
        style="coast",
        seed=42,
        shape=(900, 1000),
        crs="EPSG:3857",
        # one metre on the ground at 39.6° N is longer on the Mercator map
        transform=north_up(-1_006_900.0, 4_807_600.0, *[1.0 / math.cos(math.radians(39.6))] * 2),
        valid=COLLAR,
    ),
    Sample(
        name="farmland",
        style="farmland",
        seed=52,
        shape=(900, 1000),
        crs="EPSG:4326",
        transform=north_up(
            1.62, 48.31, 1.0 / (METRES_PER_DEGREE * math.cos(math.radians(48.306))), 1.0 / METRES_PER_DEGREE
        ),
    ),
    Sample(
        name="satellite_16bit",
        style="dense_city",
        seed=64,
        shape=(500, 500),
        crs="EPSG:32630",
        transform=north_up(447_200.0, 4_466_600.0, 2.0, 2.0),
        gsd=2.0,
        satellite=True,
    ),
)


def write_sample(sample: Sample, folder: Path) -> None:
    """Write the image, `<name>_classes.tif` with its QGIS style, and `<name>_roads.geojson`."""
    scene = render_scene(sample.seed, sample.shape, gsd=sample.gsd, style=STYLES[sample.style])
    area = shapely.box(0, 0, *sample.shape[::-1]) if sample.valid is None else sample.valid
    valid = rasterize([area], sample.shape, dtype=np.uint8).astype(bool)
    write_image(sample, scene, valid, folder / f"{sample.name}.tif")
    write_classes(sample, np.where(valid, scene.classes, np.uint8(NODATA)), folder / f"{sample.name}_classes.tif")
    write_roads(sample, clipped(scene.roads, area), folder / f"{sample.name}_roads.geojson")


def write_image(sample: Sample, scene: RenderedScene, valid: npt.NDArray[np.bool_], path: Path) -> None:
    """Write an RGB image as JPEG in a tiled GeoTIFF, or a satellite image losslessly."""
    if sample.satellite:
        bands = np.stack([scene.light[..., band] for band in VENDOR_BANDS.values()])
        # direct sun on white ground is near full scale; detectors never return zero inside the image
        numbers = np.clip(np.rint(bands * SATELLITE_FULL_SCALE), 1, SATELLITE_FULL_SCALE).astype(np.uint16)
        options = {"compress": "deflate", "predictor": 2, "zlevel": 9}
    else:
        # white collars, as in scanned flight lines
        numbers = np.where(valid[..., None], scene.image[..., :3], np.uint8(255)).transpose(2, 0, 1)
        options = {"compress": "jpeg", "jpeg_quality": 91, "photometric": "ycbcr"}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **profile(sample, count=len(numbers), dtype=numbers.dtype, **options)) as image,
    ):
        image.write(numbers)
        if sample.satellite:
            image.descriptions = tuple(VENDOR_BANDS)
            image.colorinterp = VENDOR_COLOURS
        if not valid.all():
            image.write_mask(valid)


def write_classes(sample: Sample, classes: npt.NDArray[np.uint8], path: Path) -> None:
    """Write class ids with a colour table, and class names as tags and in a QGIS style beside."""
    with rasterio.open(
        path, "w", **profile(sample, count=1, dtype=np.uint8, compress="deflate", zlevel=9, nodata=NODATA)
    ) as raster:
        raster.write(classes, 1)
        raster.write_colormap(1, {int(surface): colour for surface, colour in CLASS_COLOURS.items()})
        raster.update_tags(1, **{f"class_{surface:d}": surface.name.lower() for surface in SurfaceClass})
    path.with_suffix(".qml").write_text(class_style(AERIAL), encoding="utf-8")


def profile(sample: Sample, **rest: object) -> dict[str, object]:
    """Return the creation options of all rasters of a sample."""
    height, width = sample.shape
    place = {"height": height, "width": width, "crs": sample.crs, "transform": sample.transform}
    return {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, **place, **rest}


def clipped(roads: tuple[Road, ...], area: shapely.Polygon) -> list[Road]:
    """Clip roads to the area with imagery and drop collinear vertices."""
    return [
        replace(road, line=np.array(part.coords))
        for road in roads
        for part in shapely.get_parts(shapely.LineString(road.line).simplify(0.03).intersection(area))
        if part.length > 0.0
    ]


def write_roads(sample: Sample, roads: list[Road], path: Path) -> None:
    """Write centrelines in longitude and latitude (RFC 7946)."""
    to_degrees = Transformer.from_crs(sample.crs, "EPSG:4326", always_xy=True)
    features = []
    for road in roads:
        columns, rows = road.line.T
        longitude, latitude = to_degrees.transform(*xy(sample.transform, rows, columns, offset="ul"))
        line = [[round(lon, 7), round(lat, 7)] for lon, lat in zip(longitude.tolist(), latitude.tolist(), strict=True)]
        properties = {"width_m": road.width_m, "surface": road.surface, "bridge": road.bridge}
        geometry = {"type": "LineString", "coordinates": line}
        features.append(json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}))
    path.write_text('{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    for each in SAMPLES:
        write_sample(each, Path(__file__).parent)

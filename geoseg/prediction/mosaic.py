"""Work rasters: one for each layer, with legend and provenance."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geoseg.files import discard
from geoseg.models.legend import LEVELS, NODATA
from geoseg.models.texts import in_xml
from geoseg.rasters.geotiff import check_complete, naming_errors
from geoseg.rasters.ground import crs_of
from geoseg.rasters.sources.vrt_sources import SIDE, add_source
from geoseg.rasters.tags import result_tags
from geoseg.tiling import Roi, is_repeated, nearest_exact

from .journal import QUICK
from .layers import Layer
from .memory import STRIP_ROWS
from .plan import Plan

Values = npt.NDArray[np.uint8]

Sources = dict[Path, Roi]
"""Sources of a VRT, and the rows and columns of it that each of them holds."""


class WorkRaster:
    """A raster written from the top down in strips of whole tiles, so that each is compressed once.

    Tiles without data are not written. Leaving its context completes it; raises OSError if it is incomplete.
    """

    def __init__(self, layer: Layer, target: Path, place: GeoBox) -> None:
        discard(target)
        height, width = place.shape
        profile = {"driver": "GTiff", "dtype": "uint8", "count": len(layer.bands), "height": height, "width": width}
        profile |= {"tiled": True, "blockxsize": SIDE, "blockysize": STRIP_ROWS, "bigtiff": "if_safer"} | QUICK
        profile |= {"interleave": "band"}  # compresses better than pixels of all classes next to each other
        profile |= {"nodata": NODATA, "sparse_ok": True}
        self._target = target
        with naming_errors(target):
            self._raster = rasterio.open(target, "w", transform=place.transform, crs=crs_of(place), **profile)
        self._strip = np.empty((len(layer.bands), STRIP_ROWS, width), np.uint8)
        self._filled = self._top = 0
        self._empty = True
        """Whether all rows of the strip so far are known to be nodata; they are not in it."""
        self._written = np.zeros((math.ceil(height / STRIP_ROWS), math.ceil(width / SIDE)), bool)

    def append(self, rows: Values) -> None:
        """Add the next rows `(bands, rows, columns)`."""
        while rows.shape[1]:
            taken = min(STRIP_ROWS - self._filled, rows.shape[1])
            if self._empty and not is_repeated(rows):
                self._empty = False
                self._strip[:, : self._filled] = NODATA
            if not self._empty:
                self._strip[:, self._filled : self._filled + taken] = rows[:, :taken]
            self._filled += taken
            rows = rows[:, taken:]
            if self._filled == STRIP_ROWS:
                self._write_strip()

    def _write_strip(self) -> None:
        strip = self._strip[:, : self._filled]
        if not self._empty:
            starts = np.arange(0, strip.shape[2], SIDE)
            with_data = np.minimum.reduceat(strip.min(axis=(0, 1)), starts) < NODATA
            self._written[self._top // STRIP_ROWS] = with_data
            with naming_errors(self._target):
                self._raster.write(strip, window=Window(0, self._top, strip.shape[2], self._filled))
        self._empty = True
        self._top += self._filled
        self._filled = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._filled:
            self._write_strip()
        with naming_errors(self._target):
            self._raster.close()
            if kind is None:
                check_complete(self._target, written=self._written)


def match_scene(plan: Plan, layer: Layer, mosaic: Path, folder: Path) -> Path:
    """Resample a mosaic to the scene's pixels: each takes the value of the grid pixel that contains its centre.

    Returns the VRT, in `folder`, of a work raster that covers `plan.scene_roi`.
    """
    rows, cols = plan.scene_roi
    rows_of = nearest_exact(plan.scene.grid.shape[0], plan.grid.shape[0], rows) - plan.roi[0].start
    cols_of = nearest_exact(plan.scene.grid.shape[1], plan.grid.shape[1], cols) - plan.roi[1].start
    target = folder / f"matched_{layer.name}.tif"
    place = plan.scene.geobox[rows, cols]
    with rasterio.open(mosaic) as source, WorkRaster(layer, target, place) as matched:
        for top in range(0, len(rows_of), STRIP_ROWS):
            down = rows_of[top : top + STRIP_ROWS]
            strip = source.read(window=Window(0, down[0], source.width, down[-1] + 1 - down[0]))
            matched.append(strip[:, down - down[0]][:, :, cols_of])
    return write_vrt(plan, layer, only_source(target, place), place)


def only_source(raster: Path, place: GeoBox) -> Sources:
    """Return a work raster as the only source of a VRT."""
    height, width = place.shape
    return {raster: (slice(0, height), slice(0, width))}


def write_vrt(plan: Plan, layer: Layer, sources: Sources, place: GeoBox) -> Path:
    """Write a VRT of work rasters with the legend and provenance of their layer, beside the first of them."""
    height, width = place.shape
    root = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    Xml.SubElement(root, "SRS").text = crs_of(place).to_wkt()
    Xml.SubElement(root, "GeoTransform").text = ", ".join(repr(float(value)) for value in place.transform.to_gdal())
    metadata = Xml.SubElement(root, "Metadata")
    for key, value in _tags(plan).items():
        Xml.SubElement(metadata, "MDI", key=key).text = in_xml(value)
    for number, description in enumerate(layer.bands, 1):
        band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        Xml.SubElement(band, "Description").text = description
        Xml.SubElement(band, "NoDataValue").text = str(NODATA)
        _describe_values(band, plan, layer)
        for raster, region in sources.items():
            add_source(band, raster.name, number, region)
    path = next(iter(sources)).with_name(f"{layer.name}.vrt")
    Xml.ElementTree(root).write(path, encoding="utf-8")
    return path


def _describe_values(band: Xml.Element, plan: Plan, layer: Layer) -> None:
    """Add the meaning of a band's values: classes of the legend, or fractions of `LEVELS`."""
    if layer.name != "classes":
        Xml.SubElement(band, "ColorInterp").text = "Gray"
        Xml.SubElement(band, "Scale").text = repr(1 / LEVELS)
        return
    Xml.SubElement(band, "ColorInterp").text = "Palette"
    colours = Xml.SubElement(band, "ColorTable")
    for value in range(256):
        red, green, blue, alpha = plan.legend.colormap.get(value, (0, 0, 0, 0))
        Xml.SubElement(colours, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))
    names = Xml.SubElement(band, "CategoryNames")
    for entry in plan.legend.entries:
        Xml.SubElement(names, "Category").text = in_xml(entry.name)


def _tags(plan: Plan) -> dict[str, str]:
    settings: dict[str, Any] = {
        "gsd_m": plan.gsd_m,
        "tile": plan.lattice.tile,
        "overlap": plan.lattice.overlap,
        "window": plan.window,
        "bands": list(plan.bands),
        "tta": plan.settings.tta,
    }
    if plan.validity.alpha is not None:
        settings["alpha"] = plan.validity.alpha
    if plan.validity.nodata:
        settings["nodata"] = plan.validity.nodata_in_json
    if plan.overview is not None:
        settings["overview"] = plan.overview.to_json()
    if plan.settings.min_confidence is not None:
        settings["min_confidence"] = plan.settings.min_confidence
    tags = result_tags(plan.scene.source, replace(plan.card, legend=plan.legend), settings)
    if plan.stretch is not None:
        tags["GEOSEG_STRETCH"] = str(plan.stretch)
    if plan.runtime is not None:
        runtime = {name: getattr(plan.runtime, name) for name in ("engine", "version", "precision", "hardware")}
        if plan.runtime.halved:
            runtime["batch"] = "halved"
        tags["GEOSEG_RUNTIME"] = json.dumps(runtime)
    return tags

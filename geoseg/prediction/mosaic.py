"""Assemble the pieces of a journal: one work raster for each layer, with legend and provenance."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.geotiff import check_complete, writing
from geoseg.rasters.ground import crs_of
from geoseg.rasters.tags import result_tags
from geoseg.tiling import nearest_exact

from .journal import Journal, pieces
from .plan import Plan
from .result_layers import STRIP_ROWS, Layer, output_grid

Values = npt.NDArray[np.uint8]


def assemble(plan: Plan, journal: Journal, layer: Layer) -> Path:
    """Copy the pieces of a layer to one raster; returns a VRT that adds legend and provenance to it.

    GDAL could read a VRT of the pieces, but would need memory for each of them.
    """
    target = journal.folder / f"whole_{layer.name}.tif"
    return _write(plan, layer, target, output_grid(plan), _strips(_piece_rows(plan, journal, layer)))


def match_scene(plan: Plan, layer: Layer, mosaic: Path) -> Path:
    """Resample a mosaic to the scene's pixels: each takes the value of the grid pixel that contains its centre.

    Returns the VRT of a work raster that covers `plan.scene_roi`.
    """
    rows, cols = plan.scene_roi
    rows_of = nearest_exact(plan.scene.geobox.shape[0], plan.grid.shape[0])[rows] - plan.roi[0].start
    cols_of = nearest_exact(plan.scene.geobox.shape[1], plan.grid.shape[1])[cols] - plan.roi[1].start
    target = mosaic.with_name(f"matched_{layer.name}.tif")
    with rasterio.open(mosaic) as source:

        def strips() -> Iterator[Values]:
            for top in range(0, len(rows_of), STRIP_ROWS):
                down = rows_of[top : top + STRIP_ROWS]
                strip = source.read(window=Window(0, down[0], source.width, down[-1] + 1 - down[0]))
                yield strip[:, down - down[0]][:, :, cols_of]

        return _write(plan, layer, target, plan.scene.geobox[rows, cols], strips())


def _piece_rows(plan: Plan, journal: Journal, layer: Layer) -> Iterator[Values]:
    """Read rows `(bands, rows, columns)` of a layer from top to bottom, full width."""
    in_rows = sorted(plan.blocks, key=lambda block: (block[0].start, block[1].start))
    for _, blocks in groupby(in_rows, key=lambda block: block[0].start):
        beside = list(blocks)
        for rows in pieces(plan, beside[0]):
            parts = []
            for _, cols in beside:
                with rasterio.open(journal.piece(layer.name, rows, cols)) as piece:
                    parts.append(piece.read())
            yield np.concatenate(parts, axis=2)


def _strips(parts: Iterable[Values]) -> Iterator[Values]:
    """Regroup rows into strips of `STRIP_ROWS`: whole tiles of a GeoTIFF, each compressed once."""
    waiting: list[Values] = []
    for part in parts:
        waiting.append(part)
        while sum(rows.shape[1] for rows in waiting) >= STRIP_ROWS:
            rows = np.concatenate(waiting, axis=1)
            yield rows[:, :STRIP_ROWS]
            waiting = [rows[:, STRIP_ROWS:]]
    if rows_left := [rows for rows in waiting if rows.shape[1]]:
        yield np.concatenate(rows_left, axis=1)


def _write(plan: Plan, layer: Layer, target: Path, place: GeoBox, strips: Iterable[Values]) -> Path:
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": len(layer.bands),
        "height": place.shape[0],
        "width": place.shape[1],
        "tiled": True,
        "blockxsize": 512,
        "blockysize": STRIP_ROWS,
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "if_safer",
    }
    with writing(target):
        with rasterio.open(target, "w", transform=place.transform, crs=crs_of(place), **profile) as written:
            top = 0
            for strip in strips:
                written.write(strip, window=Window(0, top, strip.shape[2], strip.shape[1]))
                top += strip.shape[1]
        check_complete(target)
    return _describe(plan, layer, target, place)


def _describe(plan: Plan, layer: Layer, raster: Path, place: GeoBox) -> Path:
    """Write a VRT of `raster` with the legend and provenance of the layer."""
    height, width = place.shape
    root = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    Xml.SubElement(root, "SRS").text = crs_of(place).to_wkt()
    Xml.SubElement(root, "GeoTransform").text = ", ".join(repr(float(value)) for value in place.transform.to_gdal())
    metadata = Xml.SubElement(root, "Metadata")
    for key, value in _tags(plan).items():
        Xml.SubElement(metadata, "MDI", key=key).text = value
    for number, description in enumerate(layer.bands, 1):
        band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        Xml.SubElement(band, "Description").text = description
        Xml.SubElement(band, "NoDataValue").text = str(NODATA)
        _describe_values(band, plan, layer)
        source = Xml.SubElement(band, "SimpleSource")
        Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = raster.name
        Xml.SubElement(source, "SourceBand").text = str(number)
    path = raster.with_suffix(".vrt")
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
        red, green, blue, alpha = plan.card.legend.colormap.get(value, (0, 0, 0, 0))
        Xml.SubElement(colours, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))
    names = Xml.SubElement(band, "CategoryNames")
    for name in plan.card.legend.names:
        Xml.SubElement(names, "Category").text = name


def _tags(plan: Plan) -> dict[str, str]:
    settings = {
        "gsd_m": plan.settings.gsd_m or plan.card.gsd_m,
        "tile": plan.lattice.tile,
        "overlap": plan.lattice.overlap,
        "window": plan.window,
        "bands": list(plan.bands),
        "tta": plan.settings.tta,
    }
    tags = result_tags(plan.scene.source, plan.card, settings)
    if plan.runtime is not None:
        runtime = {name: getattr(plan.runtime, name) for name in ("engine", "version", "precision", "hardware")}
        tags["GEOSEG_RUNTIME"] = json.dumps(runtime)
    return tags

"""Turn a finished journal into rasters: Cloud Optimized GeoTIFFs with legend, overviews and provenance."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rasterio._err import CPLE_BaseError  # GDAL's errors that rasterio passes on as they are
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoseg import __version__
from geoseg.blocks import LEVELS
from geoseg.errors import OutputError
from geoseg.geotiff import check_complete
from geoseg.journal import Journal, pieces
from geoseg.models.legend import NODATA
from geoseg.planning import Plan
from geoseg.scene import crs_of
from geoseg.tiling import nearest_exact

STRIP_ROWS = 512
"""Rows that finished rasters are read in."""

_COG = {
    "driver": "COG",
    "compress": "deflate",
    "level": 6,
    "blocksize": 512,
    "bigtiff": "if_safer",
    "num_threads": "all_cpus",
}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One raster of a result."""

    name: str
    """Name of the layer in the journal."""
    bands: tuple[str, ...]
    """Descriptions of the bands."""
    overviews: str
    """How overviews are resampled: `mode` for ids, `average` for quantities."""


def layers(plan: Plan) -> list[Layer]:
    """The rasters that the settings ask for."""
    wanted = [Layer(name="classes", bands=("class",), overviews="mode")]
    if plan.settings.confidence:
        wanted.append(Layer(name="confidence", bands=("probability of the class",), overviews="average"))
    if plan.settings.probabilities:
        wanted.append(Layer(name="probabilities", bands=plan.card.legend.names, overviews="average"))
    return wanted


def output_grid(plan: Plan) -> GeoBox:
    """The part of the model's grid that is predicted."""
    return plan.grid[plan.roi]


def write_mosaic(plan: Plan, journal: Journal, layer: Layer) -> Path:
    """Describe the pieces of a layer as one raster, with everything a viewer should know; returns its VRT file."""
    grid = output_grid(plan)
    root = _vrt(grid.shape.yx, grid.transform, crs_of(grid).to_wkt())
    metadata = Xml.SubElement(root, "Metadata")
    for key, value in _tags(plan).items():
        Xml.SubElement(metadata, "MDI", key=key).text = value
    for number, description in enumerate(layer.bands, 1):
        band = _vrt_band(root, plan, layer, number, description)
        for block in plan.blocks:
            for rows in pieces(plan, block):
                piece = journal.piece(layer.name, rows, block[1])
                _vrt_source(band, plan, piece.name, number=number, rows=rows, cols=block[1])
    path = journal.folder / f"{layer.name}.vrt"
    Xml.ElementTree(root).write(path, encoding="utf-8")
    return path


def write_cog(mosaic: Path, target: Path, layer: Layer) -> None:
    """Copy a mosaic to a Cloud Optimized GeoTIFF at `target`, and see that all of it is there.

    Raises
    ------
    OutputError
        If the disk is full or the file cannot be written.
    """
    with _writing(target):
        rasterio.shutil.copy(mosaic, target, **_COG, overview_resampling=layer.overviews)
        check_complete(target)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Tell what GDAL cannot write as an OutputError; what a stopped run left under the name goes first."""
    target.unlink(missing_ok=True)
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OutputError(
            f"{target.name} cannot be written ({error}); is the disk full? "
            "Once that is mended, the same command goes on from here."
        ) from error


def match_scene(plan: Plan, mosaic: Path, target: Path) -> Path:
    """Give a mosaic on the scene's own pixels: each takes the value of the grid's pixel that holds its centre.

    Returns `target`, a work file with the mosaic's legend and tags. With an area of interest it covers
    the scene's pixels whose centres lie in the area's bounds.
    """
    rows, cols = plan.scene_roi
    geobox = plan.scene.geobox[rows, cols]
    rows_of = nearest_exact(plan.scene.geobox.shape[0], plan.grid.shape[0])[rows] - plan.roi[0].start
    cols_of = nearest_exact(plan.scene.geobox.shape[1], plan.grid.shape[1])[cols] - plan.roi[1].start
    tiling = {"tiled": True, "blockxsize": 512, "blockysize": 512, "bigtiff": "if_safer"}
    place = {"height": geobox.shape[0], "width": geobox.shape[1], "transform": geobox.transform}
    with _writing(target):
        with rasterio.open(mosaic) as source:
            profile = source.profile | place | tiling | {"driver": "GTiff", "compress": "deflate", "zlevel": 1}
            with rasterio.open(target, "w", **profile) as written:
                for top in range(0, geobox.shape[0], STRIP_ROWS):
                    down = rows_of[top : top + STRIP_ROWS]
                    strip = source.read(window=Window(0, down[0], source.width, down[-1] + 1 - down[0]))
                    values = strip[:, down - down[0]][:, :, cols_of]
                    written.write(values, window=Window(0, top, values.shape[2], values.shape[1]))
        check_complete(target)
    return _with_legend(mosaic, target)


def read_rows(raster: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the first band of a raster from top to bottom, `STRIP_ROWS` rows at a time, `(rows, columns)`."""
    with rasterio.open(raster) as source:
        for top in range(0, source.height, STRIP_ROWS):
            height = min(STRIP_ROWS, source.height - top)
            yield source.read(1, window=Window(0, top, source.width, height))


def _with_legend(mosaic: Path, raster: Path) -> Path:
    """Write a VRT beside `raster` that shows it with the legend and tags of `mosaic`."""
    root = Xml.parse(mosaic).getroot()
    with rasterio.open(raster) as dataset:
        placed = _vrt(dataset.shape, dataset.transform, dataset.crs.to_wkt())
    root.attrib.update(placed.attrib)
    for place in root.iter("GeoTransform"):
        place.text = placed.findtext("GeoTransform")
    for number, band in enumerate(root.iter("VRTRasterBand"), 1):
        for source in band.findall("SimpleSource"):
            band.remove(source)
        source = Xml.SubElement(band, "SimpleSource")
        Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = raster.name
        Xml.SubElement(source, "SourceBand").text = str(number)
    path = raster.with_suffix(".vrt")
    Xml.ElementTree(root).write(path, encoding="utf-8")
    return path


def _tags(plan: Plan) -> dict[str, str]:
    """Provenance: nothing that differs between two runs of the same job."""
    settings = {
        "gsd_m": plan.settings.gsd_m or plan.card.gsd_m,
        "tile": plan.lattice.tile,
        "overlap": plan.lattice.overlap,
        "window": plan.window,
        "bands": list(plan.bands),
        "tta": plan.settings.tta,
    }
    return {
        "TIFFTAG_SOFTWARE": f"geoseg {__version__}",
        "GEOSEG_SCENE": Path(plan.scene.source).name,
        "GEOSEG_MODEL": f"{plan.card.name} {plan.card.version}",
        "GEOSEG_MODEL_PROVENANCE": json.dumps(dict(plan.card.provenance)),
        "GEOSEG_SETTINGS": json.dumps(settings),
        "GEOSEG_LEGEND": json.dumps(plan.card.legend.to_json()),
    }


def _vrt(shape: tuple[int, int], transform: Affine, wkt: str) -> Xml.Element:
    root = Xml.Element("VRTDataset", rasterXSize=str(shape[1]), rasterYSize=str(shape[0]))
    Xml.SubElement(root, "SRS").text = wkt
    Xml.SubElement(root, "GeoTransform").text = ", ".join(repr(float(value)) for value in transform.to_gdal())
    return root


def _vrt_band(root: Xml.Element, plan: Plan, layer: Layer, number: int, description: str) -> Xml.Element:
    band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
    Xml.SubElement(band, "Description").text = description
    Xml.SubElement(band, "NoDataValue").text = str(NODATA)
    if layer.name != "classes":
        Xml.SubElement(band, "ColorInterp").text = "Gray"
        Xml.SubElement(band, "Scale").text = repr(1 / LEVELS)
        return band
    Xml.SubElement(band, "ColorInterp").text = "Palette"
    colours = Xml.SubElement(band, "ColorTable")
    for value in range(256):
        red, green, blue, alpha = plan.card.legend.colormap.get(value, (0, 0, 0, 0))
        Xml.SubElement(colours, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))
    names = Xml.SubElement(band, "CategoryNames")
    for name in plan.card.legend.names:
        Xml.SubElement(names, "Category").text = name
    return band


def _vrt_source(band: Xml.Element, plan: Plan, name: str, *, number: int, rows: slice, cols: slice) -> None:
    source = Xml.SubElement(band, "SimpleSource")
    Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = name
    Xml.SubElement(source, "SourceBand").text = str(number)
    height, width = rows.stop - rows.start, cols.stop - cols.start
    # Properties spare GDAL from opening every piece before the first is read.
    Xml.SubElement(source, "SourceProperties", RasterXSize=str(width), RasterYSize=str(height), DataType="Byte")
    size = {"xSize": str(width), "ySize": str(height)}
    place = {"xOff": str(cols.start - plan.roi[1].start), "yOff": str(rows.start - plan.roi[0].start)}
    Xml.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0"} | size)
    Xml.SubElement(source, "DstRect", place | size)

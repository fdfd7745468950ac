"""Turn a class raster of any size into polygons that share their borders."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

import rasterio

from geoseg.errors import UsageError
from geoseg.files import check_outputs, whole_files
from geoseg.rasters.ground import crs_of
from geoseg.rasters.open import GDAL
from geoseg.vectors.layers import Layer
from geoseg.vectors.qgis import polygon_style
from geoseg.vectors.targets import targets
from geoseg.vectors.write import write_files

from .class_raster import BAND_ROWS, ClassRaster, open_class_raster
from .components import Values
from .faces import Faces, trace_faces
from .sieve import sieve
from .table import SCHEMA, ClassTotal, Found, read_table, write_table
from .to_map import Placing


@dataclass(frozen=True, kw_only=True)
class Polygons:
    """What was written."""

    files: tuple[Path, ...]
    """The style, if there is one, and one file for each format."""
    totals: dict[int, ClassTotal]
    """Name, count and area by class id, for the classes that there are."""


def polygonise(
    source: str | Path,
    output: str | Path,
    *,
    classes: Iterable[str | int] = (),
    min_area_m2: float = 0.0,
    simplify_m: float = 0.0,
    formats: Sequence[str] = (),
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Polygons:
    """Write the connected areas of each class of a raster as polygons, in memory that does not grow with its height.

    Pixels belong together side by side, not corner to corner. Polygons have the fields `id`, `class_id`, `name` and
    `area_m2` (geodesic). Neighbours share their borders to the last vertex, simplified or not.

    Parameters
    ----------
    source
        Class raster: one band of whole numbers, with a CRS.
    output
        File to write; its ending tells the format. A QGIS style goes beside all but a GeoPackage.
    classes
        Names or ids of the classes to write; none for all.
    min_area_m2
        Areas smaller than this become part of their neighbours.
    simplify_m
        How far borders may move to lose vertices, metres. One and a half pixels make straight lines of stairs.
    formats
        Formats to write besides: geojson, gpkg, flatgeobuf, parquet.
    overwrite
        Replace files that exist.
    progress
        Called with the rows that are done and with all of them.

    Returns
    -------
    Polygons
        Files, and totals by class.

    Raises
    ------
    UsageError
        If a value cannot be used, or the raster has no such class.
    SceneError
        If the raster cannot be read, or is no class raster.
    OutputError
        If a file exists and ``overwrite`` is not set, or cannot be written.
    """
    for name, value in (("minimum area", min_area_m2), ("distance to simplify by", simplify_m)):
        if not 0 <= value < inf:
            raise UsageError(f"the {name} is a number from 0 upward, got {value}.")
    wanted = targets(output, formats, str(source))
    check_outputs(wanted.files, overwrite=overwrite)
    raster = open_class_raster(source)
    legend = raster.classes
    chosen = legend.chosen(classes)
    placing = Placing(geobox=raster.scene.geobox)
    bands = raster.with_pixel_sizes(_sieved(raster, min_area_m2))
    with rasterio.Env(**GDAL), whole_files(wanted.files) as folder:
        faces = trace_faces(bands, raster.shape[1], chosen, simplify_m)
        found = (_found(each, placing) for each in _watched(faces, raster.shape[0], progress))
        table = folder / "table.arrow"
        totals = write_table(found, table, legend)
        listed = sorted({number for number in legend.names if chosen[number]} | totals.keys())
        layer = Layer(
            name="polygons",
            schema=SCHEMA,
            batches=partial(read_table, table),
            geometry_type="Polygon",
            crs=crs_of(raster.scene.geobox),
            style=polygon_style((number, legend.name(number), legend.colour(number)) for number in listed),
            longest=placing.longest,
        )
        write_files([layer], wanted, folder)
    return Polygons(files=wanted.files, totals=totals)


def _sieved(raster: ClassRaster, min_area_m2: float) -> Iterator[Values]:
    if min_area_m2 == 0:
        return raster.read()
    return sieve(lambda: raster.with_pixel_areas(min_area_m2), raster.shape[1], raster.side_lengths)


def _found(faces: Faces, placing: Placing) -> Found:
    return Found(value=faces.value, area_m2=placing.areas_m2(faces), polygons=placing.polygons(faces))


def _watched(faces: Iterator[Faces], rows: int, progress: Callable[[int, int], None] | None) -> Iterator[Faces]:
    """Pass faces on, and tell how far the raster is read."""
    for number, each in enumerate(faces, 1):
        yield each
        if progress is not None:
            progress(min(number * BAND_ROWS, rows), rows)

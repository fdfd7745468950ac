"""Turn a class raster of any size into polygons with shared borders."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import rasterio
import shapely

from geoseg.errors import UsageError
from geoseg.files import whole_files
from geoseg.models.engines.hardware import available_memory, count_cores
from geoseg.rasters.ground import crs_of
from geoseg.rasters.opening.open import GDAL
from geoseg.threads import InThreads, Tasks, in_order
from geoseg.tiling import prefetch
from geoseg.tiling.progress import Progress, no_progress
from geoseg.vectors.gdal_path import as_is
from geoseg.vectors.layers import Layer
from geoseg.vectors.qgis import polygon_style
from geoseg.vectors.targets import prepare_targets
from geoseg.vectors.write import write_files

from .bands import Band
from .class_raster import BAND_ROWS, ClassRaster, open_class_raster
from .components import Flags, Values
from .faces import trace_faces
from .footprints import Fit
from .placement import Placement
from .regularise import regularise as regularise_faces
from .rings import Faces
from .sieve import sieve
from .simplify import CLEARANCE
from .table import BATCH, ClassTotal, PlacedPolygons, read_table, schema_of, write_table

if TYPE_CHECKING:
    import geopandas

LAYER = "polygons"
_BYTES = 24
"""Bytes of memory for each pixel of a band being traced."""
MIN_IOU = 0.95
"""Default minimum IoU, in pixels, of a right-angled outline and the traced one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Polygons:
    """Polygons of a class raster."""

    files: tuple[Path, ...] = ()
    """Files written: the style, if any, then one for each format."""
    totals: dict[int, ClassTotal]
    """Name, count and area by class id, for the classes present."""
    confidence: Path | None = None
    """Raster from which the polygons' `confidence` was averaged; None without one."""
    layer: Layer | None = None
    """The polygons in memory, if no files were written."""

    def to_geodataframe(self) -> "geopandas.GeoDataFrame":
        """Return the polygons with their fields, in the raster's CRS.

        Written polygons are read back from their file; if GeoJSON is the only format, in longitude and latitude.
        """
        if self.layer is not None:
            return self.layer.to_geodataframe()
        import geopandas

        by_ending = {path.suffix.lower(): path for path in self.files}
        if ".parquet" in by_ending:
            return geopandas.read_parquet(by_ending[".parquet"])
        ending = next(each for each in (".gpkg", ".fgb", ".geojson") if each in by_ending)
        with as_is(by_ending[ending]) as path:
            found = geopandas.read_file(path, layer=LAYER if ending == ".gpkg" else None)
        return found.sort_values("id", ignore_index=True) if ending == ".fgb" else found  # by its spatial index


def polygonise(
    source: str | Path,
    output: str | Path | None = None,
    *,
    classes: Iterable[str | int] = (),
    min_area_m2: float = 0.0,
    simplify_m: float = 0.0,
    regularise: Iterable[str | int] = (),
    min_iou: float | None = None,
    formats: Sequence[str] = (),
    overwrite: bool = False,
    executor: Tasks | None = None,
    progress: Progress = no_progress,
) -> Polygons:
    """Turn the 4-connected areas of each class of a raster into polygons.

    Polygons have the fields `id`, `class_id`, `name` and `area_m2` (geodesic), and `confidence`, the mean probability
    of their pixels, if a class raster `<scene>_classes.tif` has `<scene>_confidence.tif` next to it. Neighbours share
    every vertex of their borders, simplified or not, except with `regularise`. Without `output` the polygons are kept
    in memory; with it, only bands of rows and the borders of unfinished areas.

    Parameters
    ----------
    source
        Class raster: one band of integers, with a CRS.
    output
        File to write, in the format of its ending: .geojson, .gpkg, .fgb or .parquet; a QGIS style is written next to
        all but a GeoPackage, which contains it. `None` writes nothing.
    classes
        Names or ids of the classes to keep, or one name; all by default. A text is an id if no class has it for a name.
    min_area_m2
        Smaller areas are merged into their neighbours.
    simplify_m
        Simplification tolerance, metres; 1.5 pixels remove the stair steps.
    regularise
        Names or ids of classes, such as buildings, to give right angles; only these are written, with a field
        `regularised`. They do not overlap each other. Those that right angles do not fit are only simplified;
        `simplify_m` is 1.25 pixels by default.
    min_iou
        Intersection over union, in pixels, that a right-angled outline must have with the area; by default 0.95.
    formats
        More formats to write next to `output`: geojson, gpkg, flatgeobuf, parquet.
    overwrite
        Replace existing files.
    executor
        Traces bands and measures polygons, to the same bytes: threads of this process by default, or a
        `DaskExecutor`, whose workers are sent what they need and see no files.
    progress
        Called with rows read, all rows, and `""`.

    Raises
    ------
    UsageError
        If an argument cannot be used, or the raster's legend has no such class.
    SceneError
        If the raster cannot be read or is not a class raster.
    OutputError
        If a file exists and `overwrite` is not set, or cannot be written.

    Warns
    -----
    GeosegWarning
        If no pixel has one of the `classes`, or values are not in the raster's legend or may be undeclared nodata.
    """
    for name, value in (("min_area_m2", min_area_m2), ("simplify_m", simplify_m)):
        if not 0 <= value < inf:
            raise UsageError(f"`{name}` must be a finite number of at least 0, got {value}.")
    classes, squared = ((each,) if isinstance(each, str) else tuple(each) for each in (classes, regularise))
    if classes and squared:
        raise UsageError(
            "`classes` and `regularise` were both given; only the classes of `regularise` are written, as right-angled "
            "polygons share no borders with others. Write the other classes to a file of their own."
        )
    if min_iou is not None and not (squared and 0 < min_iou <= 1):
        raise UsageError(f"`min_iou` must be a number above 0 and up to 1, with `regularise`; got {min_iou}.")
    wanted = prepare_targets(output, formats, source, overwrite=overwrite)
    raster = open_class_raster(source)
    named = classes or squared
    chosen = raster.classes.select(named)
    simplified = bool(squared) or simplify_m > 0
    placement = Placement(geobox=raster.scene.geobox, apart=CLEARANCE if simplified else 1.0)
    bands = raster.with_pixel_sizes(_sieved(raster, min_area_m2))
    tasks = executor or InThreads(_threads(raster.shape[1]))
    bands = _counted(prefetch(_reading(bands), depth=1), raster.shape[0], progress)
    faces = trace_faces(bands, raster.shape[1], chosen, 0.0 if squared else simplify_m, tasks)
    if squared:
        fit = Fit(tolerance_m=simplify_m, min_iou=MIN_IOU if min_iou is None else min_iou)
        faces = regularise_faces(faces, placement.ground, fit)
    schema = schema_of(confidence=raster.confidence is not None, regularised=bool(squared))
    polygons = in_order(partial(tasks.submit, _place, placement), _cut(faces), at_once=tasks.workers + 1)
    with rasterio.Env(**GDAL):
        if wanted is None:
            with pa.BufferOutputStream() as memory:
                totals = write_table(polygons, memory, raster.classes, schema)
                table = memory.getvalue()
            raster.check(chosen, named=bool(named))
            layer = _layer(table, schema, raster, chosen, placement, totals)
            return Polygons(totals=totals, confidence=raster.confidence, layer=layer)
        with whole_files(wanted.files) as folder:
            path = str(folder / "table.arrow")
            with pa.OSFile(path, "wb") as file:
                totals = write_table(polygons, file, raster.classes, schema)
            raster.check(chosen, named=bool(named))
            write_files([_layer(path, schema, raster, chosen, placement, totals)], wanted, folder)
    return Polygons(files=wanted.files, totals=totals, confidence=raster.confidence)


def _sieved(raster: ClassRaster, min_area_m2: float) -> Iterator[Values]:
    if min_area_m2 == 0:
        return raster.read()
    return sieve(lambda: raster.with_pixel_areas(min_area_m2), raster.shape[1], raster.side_lengths)


def _threads(columns: int) -> int:
    """Return how many bands to trace at a time: one for each core, within a quarter of the available memory."""
    return max(1, min(count_cores(), available_memory() // 4 // (BAND_ROWS * columns * _BYTES)))


def _reading(bands: Iterator[Band]) -> Iterator[Band]:
    """Set GDAL's options in the thread that reads."""
    with rasterio.Env(**GDAL):
        yield from bands


def _counted(bands: Iterable[Band], rows: int, progress: Progress) -> Iterator[Band]:
    """Report the rows of bands, each once the next is asked for."""
    done = 0
    for band in bands:
        yield band
        done += len(band.values)
        progress(done, rows, "")


def _cut(faces: Iterable[Faces]) -> Iterator[Faces]:
    """Cut the faces of each band into batches."""
    for each in faces:
        for begin in range(0, len(each.value), BATCH):
            yield each.take(slice(begin, begin + BATCH))


def _place(placement: Placement, faces: Faces) -> PlacedPolygons:
    return PlacedPolygons(
        value=faces.value,
        area_m2=placement.areas_m2(faces),
        wkb=list(shapely.to_wkb(placement.polygons(faces))),
        confidence=faces.confidence,
        regularised=faces.regularised,
    )


def _layer(  # noqa: PLR0917
    table: str | pa.Buffer,
    schema: pa.Schema,
    raster: ClassRaster,
    chosen: Flags,
    placement: Placement,
    totals: dict[int, ClassTotal],
) -> Layer:
    legend = raster.classes
    shown = sorted({number for number in legend.names if chosen[number]} | totals.keys())
    return Layer(
        name=LAYER,
        schema=schema,
        batches=partial(read_table, table),
        geometry_type="Polygon",
        crs=crs_of(raster.scene.geobox),
        style=polygon_style((number, legend.name(number), legend.colour(number)) for number in shown),
        longest=placement.longest,
        decimals=placement.decimals,
    )

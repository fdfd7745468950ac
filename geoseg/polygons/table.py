"""Polygons as an Arrow file, on disk or in memory, from which every format is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from geoseg.vectors.layers import GEOMETRY

from .classes import Classes
from .components import NODATA, Values

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("class_id", pa.int32()),
        pa.field("name", pa.string()),
        pa.field("area_m2", pa.float64()),
        GEOMETRY,
    ]
)
BATCH = 4096
"""Polygons in a record batch; one is in memory while a format is written."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BandPolygons:
    """Polygons of a band."""

    value: Values
    """Class ids `(polygons,)`."""
    area_m2: npt.NDArray[np.float64]
    polygons: npt.NDArray[np.object_]
    """Shapely polygons in the raster's CRS `(polygons,)`."""


@dataclass(frozen=True, kw_only=True)
class ClassTotal:
    """Count and geodesic area of the polygons of a class."""

    name: str
    count: int
    area_m2: float


def write_table(bands: Iterable[BandPolygons], sink: pa.NativeFile, classes: Classes) -> dict[int, ClassTotal]:
    """Write polygons, numbered from 1; return the totals of the classes present, by id."""
    count = 0
    counts, areas_m2 = np.zeros(NODATA, np.int64), np.zeros(NODATA, np.float64)
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        for band in bands:
            for begin in range(0, len(band.value), BATCH):
                rows = slice(begin, begin + BATCH)
                value, area_m2 = band.value[rows], np.round(band.area_m2[rows], 2)
                ids = np.arange(count + 1, count + 1 + len(value))
                names = [classes.name(number) for number in value.tolist()]
                geometry = shapely.to_wkb(band.polygons[rows])
                writer.write_batch(
                    pa.record_batch([ids, value.astype(np.int32), names, area_m2, list(geometry)], schema=SCHEMA)
                )
                count += len(value)
                counts += np.bincount(value, minlength=len(counts))
                areas_m2 += np.bincount(value, weights=area_m2, minlength=len(counts))
    return {
        number: ClassTotal(name=classes.name(number), count=int(counts[number]), area_m2=float(areas_m2[number]))
        for number in np.flatnonzero(counts).tolist()
    }


def read_table(source: str | pa.Buffer) -> Iterator[pa.RecordBatch]:
    """Read a table from a file or from memory, batch by batch."""
    with pa.input_stream(source) as file:
        table = pa.ipc.open_file(file)
        for number in range(table.num_record_batches):
            yield table.get_batch(number)

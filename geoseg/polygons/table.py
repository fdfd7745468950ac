"""Polygons as an Arrow file, on disk or in memory, from which every format is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from geoseg.vectors.layers import GEOMETRY

from .classes import Classes
from .components import NODATA, Flags, Values

BATCH = 4096
"""Maximum number of polygons in a record batch; one batch is in memory while a format is written."""


def schema_of(*, confidence: bool, regularised: bool) -> pa.Schema:
    """Return the fields of the polygons; `regularised` if some were to be given right angles."""
    fields = [
        pa.field("id", pa.int64()),
        pa.field("class_id", pa.int32()),
        pa.field("name", pa.string()),
        pa.field("area_m2", pa.float64()),
        pa.field("confidence", pa.float64()) if confidence else None,
        pa.field("regularised", pa.bool_()) if regularised else None,
        GEOMETRY,
    ]
    return pa.schema([field for field in fields if field is not None])


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedPolygons:
    """Polygons on the map."""

    value: Values
    """Class ids `(polygons,)`."""
    area_m2: npt.NDArray[np.float64]
    wkb: list[bytes]
    """Polygons in the raster's CRS `(polygons,)`."""
    confidence: npt.NDArray[np.float64] | None
    """Mean probability of the pixels of each `(polygons,)`, NaN where none has one; None if they were not given."""
    regularised: Flags | None
    """Whether each was given right angles `(polygons,)`; None if none was to be."""


@dataclass(frozen=True, kw_only=True)
class ClassTotal:
    """Count and geodesic area of the polygons of a class."""

    name: str
    count: int
    area_m2: float
    regularised: int | None = None
    """Polygons given right angles; None if none was to be."""


def write_table(
    batches: Iterable[PlacedPolygons], sink: pa.NativeFile, classes: Classes, schema: pa.Schema
) -> dict[int, ClassTotal]:
    """Write polygons, numbered from 1; return the totals of the classes present, by id."""
    count = 0
    counts, regularised, areas_m2 = np.zeros(NODATA, np.int64), np.zeros(NODATA, np.int64), np.zeros(NODATA, np.float64)
    with pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            value, area_m2 = batch.value, np.round(batch.area_m2, 2)
            columns: dict[str, Any] = {
                "id": np.arange(count + 1, count + 1 + len(value)),
                "class_id": value.astype(np.int32),
                "name": [classes.name(number) for number in value.tolist()],
                "area_m2": area_m2,
                GEOMETRY.name: batch.wkb,
            }
            if batch.confidence is not None:
                columns["confidence"] = pa.array(np.round(batch.confidence, 4), from_pandas=True)  # NaN is null
            if batch.regularised is not None:
                columns["regularised"] = batch.regularised
                regularised += np.bincount(value[batch.regularised], minlength=NODATA)
            writer.write_batch(pa.record_batch([columns[name] for name in schema.names], schema=schema))
            count += len(value)
            counts += np.bincount(value, minlength=NODATA)
            areas_m2 += np.bincount(value, weights=area_m2, minlength=NODATA)
    return {
        number: ClassTotal(
            name=classes.name(number),
            count=int(counts[number]),
            area_m2=float(areas_m2[number]),
            regularised=int(regularised[number]) if "regularised" in schema.names else None,
        )
        for number in np.flatnonzero(counts).tolist()
    }


def read_table(source: str | pa.Buffer) -> Iterator[pa.RecordBatch]:
    """Read a table from a file or from memory, batch by batch."""
    with pa.input_stream(source) as file:
        table = pa.ipc.open_file(file)
        for number in range(table.num_record_batches):
            yield table.get_batch(number)

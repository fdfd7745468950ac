"""Read label rasters on an image's grid: each pixel takes the value of the label pixel under its centre."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox

from geoseg.datasets.listing import VECTORS
from geoseg.errors import SceneError, UsageError
from geoseg.rasters.classes.altered_ids import Alteration, find_alteration, report_alterations
from geoseg.rasters.classes.labels import count_bands, has_palette, read_codes
from geoseg.rasters.grid import Grid
from geoseg.rasters.ground import crs_of
from geoseg.rasters.opening.open import opened
from geoseg.rasters.overlay import Indices, overlay_grid
from geoseg.rasters.read import PART_SIDE, gather, read_nearest
from geoseg.rasters.tags import check_same_classes, legend_of
from geoseg.rasters.values import refuse_scaled_ids
from geoseg.tiling import Roi

from .label_values import LabelEncoder
from .pairs import Pair

Values = tuple[npt.NDArray[np.integer], npt.NDArray[np.bool_]]
"""Ids or packed colours `(rows, columns)`, and their validity mask."""


def read_values(pair: Pair, encoder: LabelEncoder, roi: Roi) -> Values:
    """Read ids or packed colours of a region of the image's grid."""
    with opened(str(pair.label), overviews=True, identity=pair.labelled.identity) as label:
        _check_kind(pair, encoder, label)
        read = partial(read_codes, label, coloured=encoder.coding.coloured)
        if pair.labelled.by_place and pair.grid is not None:
            return gather(read, label.shape, *_locate(pair, pair.grid, label, roi), at_most=PART_SIDE**2)
        return read_nearest(label, read, pair.shape, roi)


def _locate(pair: Pair, grid: GeoBox, label: rasterio.DatasetReader, roi: Roi) -> tuple[Indices, Indices]:
    """Find row and column of the label pixel under the centre of each pixel of a region."""
    whole = Grid(shape=(grid.height, grid.width), transform=grid.transform, crs=crs_of(grid))
    rows, cols = roi
    region = overlay_grid(whole, label, str(pair.image), own_pixels=False).sampled(
        (slice(rows.start, rows.stop, 1), slice(cols.start, cols.stop, 1))
    )
    row, column = np.broadcast_arrays(*region.indices(slice(0, rows.stop - rows.start), cols.stop - cols.start))
    return row, column


def _check_kind(pair: Pair, encoder: LabelEncoder, label: rasterio.DatasetReader) -> None:
    if encoder.coding.coloured and label.count < 3 and not has_palette(label):
        raise SceneError(
            f"{pair.label} has {label.count} band without a palette, but the coding of data set {encoder.data_set} is "
            "colours; set its coding to ids."
        )
    if not encoder.coding.coloured and count_bands(label) > 1:
        raise SceneError(
            f"{pair.label} has {label.count} bands, but the coding of data set {encoder.data_set} is ids, in one band; "
            "set its coding to colours."
        )
    refuse_floats(label)
    if not encoder.coding.coloured:
        refuse_scaled_ids(label)
    check_same_classes("the recipe", encoder.legend, str(pair.label), legend_of(label))


def find_used_ids(labels: Sequence[Path]) -> frozenset[int]:
    """Find all ids in label rasters without a nodata value; a GeosegWarning reports ids that may be wrong."""
    used: set[int] = set()
    altered: list[tuple[str, Alteration | None]] = []
    for path in labels:
        if path.suffix.lower() in VECTORS:
            raise UsageError(f"{path} holds vector labels; to cut them, give a recipe that maps their values.")
        with opened(str(path), overviews=True) as label:
            refuse_floats(label)
            if not (is_coloured(label) or has_palette(label)):
                altered.append((str(path), find_alteration(label)))
            if label.nodata is None and not is_coloured(label):
                for _, window in label.block_windows(1):
                    ids, labelled = read_codes(label, window.toslices(), coloured=False)
                    used.update(np.unique(ids[labelled]).tolist())
    report_alterations(altered)
    return frozenset(used)


def is_coloured(label: rasterio.DatasetReader) -> bool:
    """Whether a label raster holds colours in separate bands."""
    return count_bands(label) >= 3


def refuse_floats(label: rasterio.DatasetReader) -> None:
    """Check that a label raster holds integers."""
    if not label.dtypes[0].startswith(("int", "uint")):
        raise SceneError(f"{label.name} holds {label.dtypes[0]} values; labels are integers.")

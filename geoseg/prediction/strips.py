"""Read a scene strip by strip on the model's grid, reflected where tiles reach beyond it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.errors import SceneError
from geoseg.rasters.open import GDAL, opened
from geoseg.rasters.read import read_imagery
from geoseg.tiling import Roi, reflect

from .plan import Plan


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The pixels of one row of tiles of a block."""

    row: int
    """Index of the tile row in the lattice."""
    rows: slice
    """Rows of the grid; may extend beyond the scene."""
    cols: slice
    """Columns of the grid from the block's first tile to its last; may extend beyond the scene."""
    pixels: npt.NDArray[np.generic]
    """`(rows, columns, bands)` in the scene's data type; 0 where it has no data."""
    valid: npt.NDArray[np.bool_]
    """`(rows, columns)`: where the scene has data."""


def read_strips(plan: Plan, block: Roi) -> Iterator[Strip]:
    """Yield the strips of a block from top to bottom; whole strips suit files stored in rows as well as in tiles."""
    tile_rows, tile_cols = plan.lattice.touching(block)
    cols = slice(plan.lattice.cols.span(tile_cols[0]).start, plan.lattice.cols.span(tile_cols[-1]).stop)
    # Set again: a cluster's workers do not have the caller's settings.
    with rasterio.Env(**GDAL), opened(plan.scene.source) as dataset:
        if dataset.shape != tuple(plan.scene.geobox.shape):
            raise SceneError(f"{plan.scene.source} has changed since the run was planned; start it again.")
        for row in tile_rows:
            rows = plan.lattice.rows.span(row)
            pixels, valid = _read(plan, dataset, rows, cols)
            yield Strip(row=row, rows=rows, cols=cols, pixels=pixels, valid=valid)


def _read(
    plan: Plan, dataset: rasterio.DatasetReader, rows: slice, cols: slice
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Read pixels `(rows, columns, bands)` and validity `(rows, columns)` of a region, reflected outside the grid."""
    height, width = plan.grid.shape
    row_of, col_of = reflect(rows.start, rows.stop, height), reflect(cols.start, cols.stop, width)
    block = (slice(int(row_of.min()), int(row_of.max()) + 1), slice(int(col_of.min()), int(col_of.max()) + 1))
    pixels, valid = read_imagery(dataset, plan.bands, (height, width), block)
    inside = np.ix_(row_of - block[0].start, col_of - block[1].start)
    return pixels[inside], valid[inside]

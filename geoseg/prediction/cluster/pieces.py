"""Read finished pieces of the journal as one raster, without assembling it first."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoseg.prediction.journal import Journal, pieces
from geoseg.prediction.mosaic import Sources
from geoseg.prediction.plan import Plan
from geoseg.tiling import Roi, clip, roi_shape, within


@dataclass(frozen=True, kw_only=True)
class PieceGrid:
    """Files of a plan's pieces, which form a grid once all are finished."""

    journal: Journal
    rows: tuple[slice, ...]
    cols: tuple[slice, ...]

    @classmethod
    def of(cls, plan: Plan, journal: Journal) -> Self:
        """Return the pieces of a plan: tile rows, cut into the columns of its blocks."""
        starts = {block[1].start: block[1] for block in plan.blocks}
        cols = tuple(starts[start] for start in sorted(starts))
        return cls(journal=journal, rows=tuple(pieces(plan, (plan.roi[0], cols[0]))), cols=cols)

    def sources(self, layer: str) -> Sources:
        """Return the files of a layer, as a VRT beside the journal names them, and what each holds of the result."""
        top, left = self.rows[0].start, self.cols[0].start
        return {
            self.journal.folder / self.journal.piece(layer, rows, cols): (
                slice(rows.start - top, rows.stop - top),
                slice(cols.start - left, cols.stop - left),
            )
            for rows in self.rows
            for cols in self.cols
        }

    def read(self, layer: str, region: Roi, band: int = 1) -> npt.NDArray[np.uint8]:
        """Read a region of the grid `(rows, columns)`, all of it finished; raises OutputError if a file is damaged."""
        found = np.empty(roi_shape(region), np.uint8)
        touched = {
            self.journal.piece(layer, rows, cols): (rows, cols)
            for rows in self.rows
            if rows.start < region[0].stop and rows.stop > region[0].start
            for cols in self.cols
            if cols.start < region[1].stop and cols.stop > region[1].start
        }
        with self.journal.parts.near(touched) as near:
            for name, (rows, cols) in touched.items():
                down, across = clip(rows, region[0]), clip(cols, region[1])
                window = Window.from_slices(within(down, rows), within(across, cols))
                try:
                    with rasterio.open(near / name) as piece:
                        found[within(down, region[0]), within(across, region[1])] = piece.read(band, window=window)
                except RasterioError as error:
                    raise self.journal.parts.unreadable(name) from error
        return found

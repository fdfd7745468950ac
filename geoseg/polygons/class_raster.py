"""Open a class raster and read it in bands."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import SceneError, UsageError
from geoseg.messages import warn
from geoseg.rasters.classes.altered_ids import find_alteration, report_alterations
from geoseg.rasters.classes.labels import count_bands, has_alpha, hidden_value, nodata_hides, read_codes
from geoseg.rasters.classes.values import no_such_class, unlisted
from geoseg.rasters.dtypes import numpy_type
from geoseg.rasters.ground import MAP_SCALE_ERROR, ground_area, ground_sample_distance
from geoseg.rasters.missing_data.unread import refuse_unread
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.probabilities import check_probabilities, read_levels
from geoseg.rasters.scene import Scene, open_scene
from geoseg.rasters.values import refuse_scaled_ids

from .bands import Band
from .classes import Classes, classes_of
from .components import NODATA, Flags, Ids, Values
from .sieve import MIN_AREA, MeasuredBand

BAND_ROWS = 512
"""Height of a band: fixed, because simplified borders keep a point where they cross into another band."""
_CLASSES = "_classes"
"""Ending of the names of `predict`'s class rasters."""
_CUSTOMARY_NODATA = 255
"""Customary for nodata, and in masks of two values for a class."""


@dataclass(frozen=True, kw_only=True)
class ClassRaster:
    """A georeferenced raster of class ids."""

    scene: Scene
    classes: Classes
    masked: bool
    """Whether the raster declares a nodata value, or has a mask."""
    confidence: Path | None
    """Raster of the probabilities of its pixels, as `predict` writes it; None if there is none."""
    found: Flags = field(default_factory=lambda: np.zeros(NODATA + 1, np.bool_), repr=False, compare=False)
    """Class ids `(65536,)` read so far."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.scene.geobox.shape
        return rows, columns

    def read(self) -> Iterator[Values]:
        """Yield class ids `(rows, columns)`, `BAND_ROWS` at a time from the top; `NODATA` for nodata."""
        with opened(self.scene.source, identity=self.scene.identity) as source:
            for top in range(0, source.height, BAND_ROWS):
                window = Window(0, top, source.width, min(BAND_ROWS, source.height - top))
                values = _read(source, window)
                self.found[values] = True
                yield values

    def with_pixel_sizes(self, bands: Iterator[Values]) -> Iterator[Band]:
        """Add to each band the size of its pixels, and their probabilities if there are any."""
        with nullcontext() if self.confidence is None else opened(str(self.confidence)) as levels:
            for top, values in zip(range(0, self.shape[0], BAND_ROWS), bands, strict=True):
                rows = slice(top, top + len(values))
                gsd_m = ground_sample_distance(self.scene.geobox[rows, :])
                window = Window(0, top, self.shape[1], len(values))
                yield Band(
                    values=values,
                    pixel_m=gsd_m if np.isfinite(gsd_m).all() else self.scene.gsd_m,
                    last=rows.stop == self.shape[0],
                    levels=None if levels is None else read_levels(levels, [1], window)[0],
                )

    def with_pixel_areas(self, min_area_m2: float) -> Iterator[MeasuredBand]:
        """Read the raster, with the areas of its pixels relative to a minimum area."""
        for top, values in zip(range(0, self.shape[0], BAND_ROWS), self.read(), strict=True):
            rows = slice(top, top + len(values))
            yield MeasuredBand(
                values=values, pixel_area=self._pixel_area(rows, min_area_m2), last=rows.stop == self.shape[0]
            )

    def _pixel_area(self, rows: slice, min_area_m2: float) -> Ids:
        """Return the area of a pixel in each row `(rows,)`, relative to the minimum area less `MAP_SCALE_ERROR`.

        12 pixels of 1 m on the map are 12 m². The area is measured every `BAND_ROWS` rows and interpolated.
        """
        height = self.shape[0]
        measured = np.arange(rows.start // BAND_ROWS, -(-rows.stop // BAND_ROWS) + 1) * BAND_ROWS
        measured = np.minimum(measured, height - 1)
        areas = [ground_area(self.scene.geobox[row : row + 1, :]) for row in measured.tolist()]
        area_m2 = np.interp(np.arange(rows.start, rows.stop), measured, areas)
        if not np.isfinite(area_m2).all():
            area_m2 = np.full(len(area_m2), ground_area(self.scene.geobox))
        share = area_m2 / min_area_m2 * (1 + MAP_SCALE_ERROR) ** 2
        return np.clip(np.rint(share * MIN_AREA), 1, MIN_AREA).astype(np.int64)

    def check(self, chosen: Flags, *, named: bool) -> None:
        """Warn of values that are hardly meant, once all are read; `named` if the user chose the classes `chosen`.

        UsageError for a chosen id that neither has a name, where others have one, nor is in the raster.
        """
        name, listed = self.scene.source, self.classes.listed
        found = set(np.flatnonzero(self.found[:NODATA]).tolist())
        wanted = set(np.flatnonzero(chosen).tolist()) if named else set()
        others = found.difference(range(listed)) if listed else set()
        if not found:
            warn(f"{name} has no data anywhere: every pixel is masked or nodata.")
        elif absent := wanted - found:
            if self.classes.names and not absent <= self.classes.names.keys():
                raise UsageError(f"{no_such_class(name, absent, found)}.")
            warn(f"{no_such_class(name, absent, found)}.")
        if others:
            warn(unlisted(name, others, listed))
        elif not self.masked and len(found) > 2 and max(found) == _CUSTOMARY_NODATA and chosen[_CUSTOMARY_NODATA]:
            warn(
                f"{name} declares no nodata value, and its value {_CUSTOMARY_NODATA} becomes polygons like a class; if "
                f"it stands for nodata, declare it (`gdal_translate -a_nodata {_CUSTOMARY_NODATA}`)."
            )

    @property
    def side_lengths(self) -> tuple[int, int]:
        """Width and height of a pixel in the middle of the raster, in 1024ths of the smaller."""
        down, along = self.scene.gsd_m
        shorter = min(down, along)
        return round(1024 * along / shorter), round(1024 * down / shorter)


def open_class_raster(source: str | Path) -> ClassRaster:
    """Open a class raster: one band of integers, with a georeference."""
    scene = open_scene(source)
    if not np.issubdtype(numpy_type(scene.dtype), np.integer):
        raise SceneError(f"{scene.source} holds {scene.dtype} values; class ids are integers.")
    with unplaced(), opened(scene.source, overviews=True) as raster:  # else GDAL gives no names of classes
        if count_bands(raster) != 1:
            raise SceneError(
                f"{scene.source} has {raster.count} bands; a class raster has one, as `geoseg predict` makes it."
            )
        refuse_scaled_ids(raster)
        report_alterations([(scene.source, find_alteration(raster))])
        classes = classes_of(raster)
        hidden = hidden_value(raster, coloured=False)
        if hidden is not None and hidden.code in range(classes.listed):
            warn(nodata_hides(scene.source, hidden.nodata, classes.name(hidden.code)))
        return ClassRaster(
            scene=scene,
            classes=classes,
            masked=has_alpha(raster) or MaskFlags.all_valid not in raster.mask_flag_enums[0],
            confidence=_confidence_beside(raster),
        )


def _confidence_beside(raster: DatasetReader) -> Path | None:
    """Return the raster that `predict --confidence` wrote with a class raster; SceneError if it does not fit."""
    path = Path(raster.name)
    if not path.stem.endswith(_CLASSES):
        return None
    confidence = path.with_name(f"{path.stem.removesuffix(_CLASSES)}_confidence.tif")
    if not confidence.exists():
        return None
    with opened(str(confidence)) as levels:
        check_probabilities(levels, raster, bands=1)
    return confidence


def _read(source: DatasetReader, window: Window) -> Values:
    numbers, valid = read_codes(source, window.toslices(), coloured=False)
    refuse_unread()
    checked = numbers[valid] if numbers.dtype != np.uint8 else numbers[:0]
    if checked.size and not 0 <= checked.min() <= checked.max() < NODATA:
        wrong = int(checked.min() if checked.min() < 0 else checked.max())
        raise SceneError(f"{source.name} holds the value {wrong}; class ids are integers from 0 to {NODATA - 1}.")
    values: Values = numbers.astype(np.uint16)
    values[~valid] = NODATA
    return values

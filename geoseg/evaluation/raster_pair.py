"""Open the rasters of a pair, and note how one was overlaid on the other."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rasterio.io import DatasetReader

from geoseg.rasters.datum import rough_shift
from geoseg.rasters.grid import Grid
from geoseg.rasters.ground import checked_gsd, corners, crs_name, grid_of, ground_sample_distance
from geoseg.rasters.opening.open import opened, usable_crs
from geoseg.rasters.overlay import Overlay, has_other_place, overlay
from geoseg.rasters.probabilities import check_probabilities
from geoseg.rasters.scene import is_placed

from .class_ids import FoundValues, check_bands
from .class_mapping import ClassMapping
from .pairing import Pair


@dataclass(frozen=True, kw_only=True)
class Rasters:
    """The open rasters of a pair."""

    predicted: DatasetReader
    reference: DatasetReader
    confidence: DatasetReader | None
    probabilities: DatasetReader | None
    mapping: ClassMapping
    overlay: Overlay | None
    """From pixels of the prediction to those of the reference; None if the grids are the same."""
    in_prediction: FoundValues = field(default_factory=FoundValues)
    """Complete when the strips have been read, as is `in_reference`."""
    in_reference: FoundValues = field(default_factory=FoundValues)

    @property
    def gsd_m(self) -> tuple[float, float] | None:
        """Ground sample distance of the prediction down a column and along a row, metres; None without a georeference.

        SceneError if its CRS has no metres on the ground, or is not defined there.
        """
        if not is_placed(self.predicted):
            return None
        return checked_gsd(self.predicted.name, _grid(self.predicted))

    @property
    def notes(self) -> tuple[str, ...]:
        """How the two were overlaid."""
        if self.overlay is not None:
            ours, theirs = (_describe_grid(raster) for raster in (self.predicted, self.reference))
            sampled = f"the reference ({theirs}) was sampled on the prediction's grid ({ours}), nearest pixel."
            grid = _grid(self.predicted)
            rough = rough_shift(grid.crs, _grid(self.reference).crs, corners(grid))
            return (sampled,) if rough is None else (sampled, rough)
        if is_placed(self.predicted) and is_placed(self.reference):
            return ()
        differ = " and their geotransforms differ;" if has_other_place(self.predicted, self.reference) else ""
        if not is_placed(self.predicted) and not is_placed(self.reference):
            return (f"the two have no CRS,{differ} compared pixel by pixel.",) if differ else ()
        which, bare = ("reference", self.reference) if is_placed(self.predicted) else ("prediction", self.predicted)
        lacking = "georeference" if bare.transform.is_identity else "CRS"
        return (f"the {which} has no {lacking}{',' + differ if differ else ';'} compared pixel by pixel.",)


@contextmanager
def open_pair(pair: Pair, mapping: ClassMapping) -> Iterator[Rasters]:
    """Open the rasters of a pair; SceneError if one cannot be read or used, or they cannot be overlaid."""
    with ExitStack() as stack:
        # Overviews have no effect on reads at full resolution.
        predicted, reference = (
            stack.enter_context(opened(str(path), overviews=True)) for path in (pair.predicted, pair.reference)
        )
        check_bands(predicted, coloured=False)
        check_bands(reference, coloured=mapping.reference.coloured)
        confidence = probabilities = None
        if pair.probabilities is not None and mapping.bands is not None:
            probabilities = stack.enter_context(opened(str(pair.probabilities), overviews=True))
            check_probabilities(probabilities, predicted, bands=mapping.bands)
        elif pair.confidence is not None and mapping.single is None:
            confidence = stack.enter_context(opened(str(pair.confidence), overviews=True))
            check_probabilities(confidence, predicted, bands=1)
        yield Rasters(
            predicted=predicted,
            reference=reference,
            confidence=confidence,
            probabilities=probabilities,
            mapping=mapping,
            overlay=overlay(predicted, reference),
        )


def _grid(raster: DatasetReader) -> Grid:
    """Grid of a georeferenced raster; SceneError if its CRS is unusable."""
    with usable_crs(raster.name):
        return grid_of(raster)


def _describe_grid(raster: DatasetReader) -> str:
    """Name the CRS of a raster, and the size of its pixels if that is known."""
    grid = _grid(raster)
    gsd_m = math.sqrt(math.prod(ground_sample_distance(grid)))
    name = crs_name(grid.crs)
    return f"{gsd_m:.3g} m, {name}" if math.isfinite(gsd_m) else name

"""Check that labels lie where their images do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from pyproj import CRS

from geoseg.datasets.listing import VECTORS
from geoseg.datasets.pairs import Files
from geoseg.errors import DataError, SceneError
from geoseg.messages import warn
from geoseg.rasters.classes.altered_ids import Alteration, find_alteration
from geoseg.rasters.classes.labels import Hidden, hidden_value
from geoseg.rasters.classes.names import class_names_of
from geoseg.rasters.datum import warn_of_shift
from geoseg.rasters.ground import Coordinates, apply_affine, crs_of, place_in, turn_of, turn_to
from geoseg.rasters.opening.open import opened, usable_crs
from geoseg.rasters.opening.palettes import refuse_mixed_palettes
from geoseg.rasters.overlay import has_other_place
from geoseg.rasters.scene import is_placed, refuse_one_unrectified
from geoseg.rasters.sources.identity import Mark, identify
from geoseg.sentences import are

from .label_vectors import read_features

LATTICE = 17
"""Points per side of an image to test against the extent of its label."""
_NEAR = 0.1
"""Vector labels this far from an image, in its sides, still belong to it: lines have a width."""


@dataclass(frozen=True, kw_only=True)
class LabelRaster:
    """Metadata of a label raster, read before its pixels."""

    identity: tuple[Mark, ...]
    by_place: bool
    """Whether its pixels are matched by their place on the ground: not if they are the image's own."""
    hidden: Hidden | None = None
    """Its nodata value if pixels may have it."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Names that it gives to ids."""
    altered: Alteration | None = None
    """What may have changed its ids."""


def check_label(
    files: Files, image: rasterio.DatasetReader, grid: GeoBox | None, *, coloured: bool = False
) -> LabelRaster:
    """Check that a label raster can be opened, and overlaps its opened image, whose own grid is None if not placed.

    Unless both have a georeference, their sizes must agree, give or take a pixel. One whose colours are read must not
    be a VRT of files with different palettes.
    """
    with opened(str(files.label), overviews=True) as label:
        if coloured:
            refuse_mixed_palettes(label)
        found = LabelRaster(
            identity=identify(label),
            by_place=False,
            hidden=hidden_value(label, coloured=coloured),
            names={} if coloured else class_names_of(label),
            altered=None if coloured else find_alteration(label),
        )
        if grid is None or not is_placed(label):
            refuse_one_unrectified(image, label)
            if any(abs(ours - theirs) > 1 for ours, theirs in zip(label.shape, image.shape, strict=True)):
                raise SceneError(
                    f"{files.label} has {label.width} × {label.height} pixels, its image {image.width} × "
                    f"{image.height}; georeference both, or resample them to one size."
                )
            return found
        along, down = to_label_pixels(grid, label, *_lattice(grid, 0))
        if not (_overlap(along, 0, label.width) and _overlap(down, 0, label.height)):
            raise SceneError(f"{files.label} does not overlap its image {files.image}; check the georeference of both.")
        _warn_of_shift(files.label, CRS.from_wkt(label.crs.to_wkt()), grid)
        same = label.shape == image.shape and label.crs == image.crs and label.transform == image.transform
        return replace(found, by_place=not same)


def _warn_of_shift(label: Path, crs: CRS, grid: GeoBox) -> None:
    """Warn of labels whose datum shift to their image's CRS is inaccurate because PROJ lacks a grid."""
    x, y = apply_affine(grid.transform, *_lattice(grid, 0))
    warn_of_shift(str(label), crs_of(grid), crs, np.column_stack([x.ravel(), y.ravel()]))


def report_other_places(pairs: Iterable[Files]) -> None:
    """Warn of label rasters that are taken pixel by pixel, for lack of a CRS, though their geotransforms differ."""
    moved = [files for files in pairs if files.label.suffix.lower() not in VECTORS and _has_other_place(files)]
    if moved:
        more = f" The same holds for {len(moved) - 1} more." if len(moved) > 1 else ""
        warn(
            f"{moved[0].label} and its image {moved[0].image} are taken pixel by pixel, since not both have a CRS, "
            f"although their geotransforms differ; assign each its CRS (`gdal_translate -a_srs EPSG:…`).{more}"
        )


def _has_other_place(files: Files) -> bool:
    with opened(str(files.image), overviews=True) as image:
        if image.transform.is_identity:
            return False
        with opened(str(files.label), overviews=True) as label:
            return not (is_placed(image) and is_placed(label)) and has_other_place(label, image)


def check_features(pairs: Iterable[tuple[Files, GeoBox]]) -> None:
    """Check that vector labels overlap their images, given the grids of these.

    A file of one image must overlap it. One of several images must overlap one of them; a GeosegWarning counts the
    others, which may be ground without features, or ground that nobody mapped. A file without features overlaps all.
    """
    by_label: dict[Path, list[tuple[Files, GeoBox]]] = defaultdict(list)
    for files, grid in pairs:
        by_label[files.label].append((files, grid))
    for label, labelled in by_label.items():
        features = read_features(label)
        if not len(features):
            continue
        crs, bounds = CRS.from_user_input(features.crs), features.total_bounds
        outside = [files.image for files, grid in labelled if not _near(grid, crs, bounds)]
        _warn_of_shift(label, crs, labelled[0][1])
        if len(outside) == len(labelled):
            images = "its image" if len(outside) == 1 else f"any of its {len(outside)} images, such as"
            raise DataError(f"{label} does not overlap {images} {outside[0]}; check the CRS of both.")
        if outside:
            warn(
                f"{len(outside)} of the {len(labelled)} images of {label} {are(len(outside))} outside its features, "
                f"such as {outside[0]}; leave them out unless their ground has no such features."
            )


def _near(grid: GeoBox, crs: CRS, bounds: npt.NDArray[np.float64]) -> bool:
    x, y = place_in(crs, grid, *_lattice(grid, _NEAR))
    left, bottom, right, top = bounds
    x = turn_to(x, (left + right) / 2, turn_of(crs))
    return _overlap(x, left, right) and _overlap(y, bottom, top)


def _lattice(grid: GeoBox, beyond: float) -> tuple[Coordinates, Coordinates]:
    """Columns and rows of points on a grid, and beyond it by a share of its sides."""
    rows, cols = (np.linspace(-beyond * size, (1 + beyond) * size, LATTICE) for size in grid.shape)
    along, down = np.meshgrid(cols, rows)
    return along, down


def _overlap(places: Coordinates, low: float, high: float) -> bool:
    """Whether the range of places, without those outside the domain of a CRS, overlaps an interval."""
    known = places[np.isfinite(places)]
    return bool((known > low).any() and (known < high).any())


def to_label_pixels(
    grid: GeoBox, label: rasterio.DatasetReader, cols: Coordinates, rows: Coordinates
) -> tuple[Coordinates, Coordinates]:
    """Convert columns and rows of a grid to columns and rows of a georeferenced label."""
    with usable_crs(label.name):
        crs = CRS.from_wkt(label.crs.to_wkt())
        x, y = place_in(crs, grid, cols, rows)
    middle, _ = label.transform @ (label.width / 2, label.height / 2)
    return apply_affine(~label.transform, turn_to(x, middle, turn_of(crs)), y)

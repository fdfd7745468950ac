"""Check what is to be resized: imagery or labels, with or without undeclared fill."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp

from geoseg.errors import SceneError, UsageError
from geoseg.messages import warn

from .classes.altered_ids import find_alteration, report_alterations
from .classes.names import class_names_of
from .missing_data.undeclared import report_far_fill
from .opening.open import reading
from .scene import refuse_mixed_types
from .thinning import thin, thin_masks

_BANDS = 4
"""Bands of imagery to sample, at most."""
_MOST_CLASSES = 32
"""Most different values, or colours, of a sample that may be classes."""
_REPEATED = 16
"""Pixels of the sample for each of these, at least."""


def check_kind(scene: rasterio.DatasetReader, *, labels: bool) -> None:
    """Raise SceneError or UsageError for a raster that cannot be resized as imagery, or as `labels`.

    A GeosegWarning reports labels that were changed when they were stored.
    """
    name, dtype = Path(scene.name).name, scene.dtypes[0]
    refuse_mixed_types(name, scene)
    if labels:
        report_alterations([(scene.name, find_alteration(scene))])
        return
    if dtype.startswith("complex") or dtype in ("int64", "uint64"):
        raise SceneError(f"{name} holds {dtype} values; imagery must be integers of up to 32 bits or floats.")
    if ColorInterp.palette in scene.colorinterp:
        raise UsageError(f"{name} has a colour table, so its values are labels, not imagery; set `labels=True`.")


def check_nodata(scene: rasterio.DatasetReader, alpha: int | None) -> None:
    """Raise SceneError if bands have different nodata values, of which a GeoTIFF has one."""
    values = ["none" if value is None else f"{value!r}" for value in scene.nodatavals]
    if len({value for band, value in enumerate(values, 1) if band != alpha}) > 1:
        raise SceneError(
            f"{Path(scene.name).name} has bands with different nodata values ({', '.join(values)}), of which a GeoTIFF "
            "has one; give all bands the same first (`gdalwarp -dstnodata`)."
        )


def report_imagery(scene: rasterio.DatasetReader, bands: Sequence[int]) -> None:
    """Warn of image `bands`, of which the first few are sampled, that look like classes or have fill like -9999."""
    sampled = bands[:_BANDS]
    if not sampled:
        return
    with reading(scene):
        values, valid = thin(scene, sampled), np.asarray(thin_masks(scene, sampled).all(axis=0))
    if len(bands) in (1, 3) and values.dtype.kind in "iu":
        _report_classes(scene, values[:, valid])
    report_far_fill(scene.name, values, valid)


def _report_classes(scene: rasterio.DatasetReader, pixels: npt.NDArray[Any]) -> None:
    """Warn of valid pixels `(bands, pixels)` of few different values or colours, or of a raster that names classes."""
    different = np.unique(pixels, axis=1).shape[1]
    few = 2 <= different <= min(_MOST_CLASSES, pixels.shape[1] // _REPEATED)
    named = len(pixels) == 1 and bool(class_names_of(scene))
    if few or named:
        kind = "values" if len(pixels) == 1 else "colours"
        warn(
            f"{Path(scene.name).name} {'names classes' if named else f'has {different} different {kind} only'}; if "
            "they are labels, set `labels=True`: as imagery, they are mixed where classes meet, which makes others."
        )

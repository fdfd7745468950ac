"""Bands of DataArrays (names, scales and offsets, as rioxarray reads them from files), and results as DataArrays."""

from collections.abc import Hashable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from geoseg.errors import UsageError
from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.values import Unit, Units

if TYPE_CHECKING:
    from xarray import DataArray

_SCALES, _OFFSETS = ("scale_factor", "scales"), ("add_offset", "offsets")
"""Attributes that all bands have in common, and those with one value for each."""
_MOST_OFF = 0.5
"""Pixels by which a coordinate may be off an even spacing, since coordinates may be rounded."""


def grid_of(array: "DataArray") -> GeoBox | None:
    """Grid of an array, None without any; UsageError if its coordinates are not evenly spaced, as odc-geo assumes."""
    from odc.geo.xr import xr_coords

    geobox: GeoBox | None = array.odc.geobox
    if not isinstance(geobox, GeoBox) or not geobox.axis_aligned:
        return geobox
    pixel = dict(zip(geobox.dimensions, (geobox.resolution.y, geobox.resolution.x), strict=True))
    for own, (name, expected) in zip(array.odc.spatial_dims, list(xr_coords(geobox).items())[:2], strict=True):
        found = _labels(array, own)
        if found.dtype.kind in "iuf" and found.shape == expected.shape:
            off = float(np.abs((found - expected.to_numpy()) / pixel[str(name)]).max())
            if not off <= _MOST_OFF:
                raise UsageError(
                    f"the coordinates {own} of `array` are not evenly spaced (some are {off:.3g} pixels from a grid); "
                    "reindex or resample it first, or give its `geobox`."
                )
    return geobox


def names_of(array: "DataArray", dimension: Hashable) -> tuple[str, ...]:
    """Names of the bands along a dimension: its labels, or the descriptions of a file; empty without any."""
    labels = _labels(array, dimension)
    if labels.dtype.kind in "UO":
        return tuple(map(str, labels))
    described = array.attrs.get("long_name", ())
    if isinstance(described, str):
        described = [described] if array.sizes[dimension] == 1 else []
    names = tuple("" if name is None else str(name) for name in _select(described, array, dimension))
    return names if any(names) else ()


def stored_values(array: "DataArray", dimension: Hashable) -> tuple[npt.NDArray[Any], Units]:
    """Values of an array whose first dimension are bands as a file stores them, and the units that it declares.

    Raises UsageError for a scale or offset that is not a number.
    """
    values = array.to_numpy()
    units = _units(array.attrs, array, dimension)
    if units:
        return values, units
    units = _units(array.encoding, array, dimension)  # which xarray has applied
    usable = all(unit.scale and isfinite(unit.scale + unit.offset) for unit in units)
    if not units or not usable or values.dtype.kind != "f":
        return values, ()
    values = values.astype(np.result_type(values, np.float32), copy=False)
    return np.stack([(band - unit.offset) / unit.scale for band, unit in zip(values, units, strict=True)]), units


def _units(attributes: Mapping[Any, Any], array: "DataArray", dimension: Hashable) -> Units:
    """Units of the bands; empty if no attribute says any."""
    scales, offsets = (_numbers(attributes, names, array, dimension) for names in (_SCALES, _OFFSETS))
    if not scales and not offsets:
        return ()
    count = array.sizes[dimension]
    both = zip(scales or (1.0,) * count, offsets or (0.0,) * count, strict=True)
    units = tuple(Unit(scale=scale, offset=offset) for scale, offset in both)
    return units if any(unit != Unit() for unit in units) else ()


def _numbers(
    attributes: Mapping[Any, Any], names: tuple[str, ...], array: "DataArray", dimension: Hashable
) -> tuple[float, ...]:
    """Value of the first of some attributes for each band; empty without any."""
    name = next((name for name in names if name in attributes), None)
    if name is None:
        return ()
    count = array.sizes[dimension]
    try:
        found = np.asarray(attributes[name], float)
    except (TypeError, ValueError):
        found = np.array([])
    values = tuple(map(float, [found.item()] * count if found.ndim == 0 else _select(found, array, dimension)))
    if len(values) != count:
        raise UsageError(f"`array` has the {name} {attributes[name]!r}; give a number, or one for each band.")
    return values


def _select(values: Any, array: "DataArray", dimension: Hashable) -> list[Any]:  # noqa: ANN401 - what an attribute holds
    """Select the value of each band: a selection of bands still has those of the whole file. Empty without any."""
    values, labels = list(values), _labels(array, dimension)
    if labels.dtype.kind in "iu" and all(1 <= label <= len(values) for label in labels):
        return [values[label - 1] for label in labels]
    return values if len(values) == array.sizes[dimension] else []


def _labels(array: "DataArray", dimension: Hashable) -> npt.NDArray[Any]:
    return array.coords[dimension].to_numpy() if dimension in array.coords else np.array([])


def to_data_array(found: npt.NDArray[Any], geobox: GeoBox | None, legend: Legend) -> "DataArray":
    """Add grid and class names to class ids `(rows, columns)` or probabilities `(classes, rows, columns)`."""
    from odc.geo.xr import xr_coords
    from xarray import DataArray

    coords: dict[Any, Any] = {} if geobox is None else xr_coords(geobox)
    dims = ("y", "x") if geobox is None else geobox.dimensions
    if found.ndim == 2:
        names, colours = zip(*((entry.name, entry.colour) for entry in legend.entries), strict=True)
        attributes = {"nodata": NODATA, "classes": list(names), "colours": list(colours)}
        result = DataArray(found, coords, dims, "classes", attributes)
    else:
        result = DataArray(found, {"class": list(legend.names)} | coords, ("class", *dims), "probabilities")
    if geobox is not None:
        result.encoding["grid_mapping"] = "spatial_ref"
    return result

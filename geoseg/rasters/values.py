"""Choose how stored values become network inputs: by data type, or by the physical values that they encode."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import rasterio

from geoseg.errors import SceneError
from geoseg.models.bundle import PHYSICAL, Scaling

from .classes.labels import code_bands


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Physical meaning of a band's stored values: `stored * scale + offset`."""

    scale: float = 1.0
    offset: float = 0.0

    def __str__(self) -> str:
        return f"scale {self.scale:.6g} and offset {self.offset:.6g}"


Units = tuple[Unit, ...]


def units_of(raster: rasterio.DatasetReader) -> Units:
    """Scale and offset that each band declares."""
    return tuple(Unit(scale=scale, offset=offset) for scale, offset in zip(raster.scales, raster.offsets, strict=True))


def check_units(name: str, units: Units) -> None:
    """Raise SceneError if values of the raster `name` cannot stand for what they declare."""
    for unit in units:
        if not (unit.scale and isfinite(unit.scale) and isfinite(unit.offset)):
            raise SceneError(f"{name} declares {unit}; correct them in the file.")


def refuse_scaled_ids(raster: rasterio.DatasetReader) -> None:
    """Raise SceneError if a raster of class ids declares that its values stand for others."""
    declared = units_of(raster)[code_bands(raster, coloured=False)[0] - 1]
    if declared != Unit():
        raise SceneError(
            f"{raster.name} declares {declared} for its class ids; write the ids that they stand for (`gdal_translate "
            "-unscale IN OUT.tif`), or remove the declaration (`gdal_translate -a_scale 1 -a_offset 0 IN OUT.tif`)."
        )


def is_physical(units: Units) -> bool:
    """Whether a band declares a scale or an offset."""
    return any(unit != Unit() for unit in units)


def format_units(units: Units) -> str:
    """Name the first declared scale and offset."""
    return next(str(unit) for unit in units if unit != Unit())


def kind_of(dtype: str, units: Units) -> str:
    """Key of a card's scaling: `PHYSICAL` if a band declares a scale or an offset, else the data type."""
    return PHYSICAL if is_physical(units) else dtype


def choose_scaling(scalings: Mapping[str, Scaling], dtype: str, units: Units) -> tuple[Scaling, ...] | None:
    """Return the scaling of a card for each band of a raster; None if the card has none for its values."""
    scaling = scalings.get(kind_of(dtype, units))
    return None if scaling is None else on_stored(scaling, units)


def on_stored(scaling: Scaling, units: Units) -> tuple[Scaling, ...]:
    """Turn a scaling of physical values into one of stored values, for each band."""
    return tuple(scaling.of_stored(scale=unit.scale, offset=unit.offset) for unit in units)

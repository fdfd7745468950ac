"""Choose the bands of a scene for a model, and decide which of its pixels have data."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.errors import MismatchError, SceneError, UsageError
from geoseg.messages import warn
from geoseg.models.bundle import Card
from geoseg.prediction.settings import Settings
from geoseg.rasters.bands.choice import Choice, choose_bands
from geoseg.rasters.bands.identify import refuse_negative, refuse_palette, validity_of
from geoseg.rasters.missing_data.undeclared import (
    describe_like_mask,
    describe_lossy,
    describe_undeclared,
    find_lossy,
    find_undeclared,
    is_like_mask,
)
from geoseg.rasters.missing_data.validity import Mask, may_have
from geoseg.rasters.opening.apart import read_apart
from geoseg.rasters.scene import Raster
from geoseg.rasters.tags import refuse_result
from geoseg.rasters.thinning import thin
from geoseg.sentences import counted

from .imagery import Imagery
from .sampled_values import SampledValues

_FEWEST = 100
"""Fewest valid pixels of a sample whose range represents a raster."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Findings from a sample of a raster."""

    undeclared: tuple[float, float, bool] | None = None
    """Value without data that the raster does not declare, its share, and whether it is declared but opaque; see
    `describe_undeclared`."""
    like_mask: int | None = None
    """Number of a band that may be an undeclared mask; see `is_like_mask`."""
    lossy: float | None = None
    """Share of a collar of many values; see `find_lossy`."""
    values: SampledValues | None = None
    """Of the valid pixels; None if hardly any is valid."""


def choose_imagery(raster: Raster, card: Card, settings: Settings) -> Imagery:
    """Choose the bands of a raster as `find_imagery` does, and examine them as `examine_imagery` does."""
    return examine_imagery(*find_imagery(raster, card, settings))


def find_imagery(raster: Raster, card: Card, settings: Settings) -> tuple[Imagery, tuple[str, ...]]:
    """Choose bands and validity, by the settings or by the raster's metadata, without reading pixels.

    Also return what is assumed, in sentences. Raises SceneError, MismatchError or UsageError.
    """
    refuse_unlike_imagery(raster)
    if settings.bands is None:
        choice = choose_bands(raster.source, raster.bands, card.bands)
    else:
        choice = Choice(numbers=_check_numbers(raster, card, settings.bands))
    nodata = _nodata(raster, card, settings.nodata_values)
    validity = validity_of(raster.bands, apart=choice.numbers, nodata=nodata)
    return Imagery(raster=raster, bands=choice.numbers, validity=validity), choice.warnings


def refuse_unlike_imagery(raster: Raster) -> None:
    """Raise SceneError for results of geoseg, and for colours or values that a network cannot read."""
    refuse_result(raster.source, raster.result_of)
    refuse_palette(raster.source, raster.bands)
    refuse_negative(raster.source, raster.bands)
    if raster.dtype.startswith("complex"):  # also GDAL's complex_int16, which NumPy does not know
        raise SceneError(f"{raster.source} holds {raster.dtype} values; save their magnitude as a raster of its own.")


def examine_imagery(imagery: Imagery, assumed: Iterable[str]) -> Imagery:
    """Read a sample of the pixels, and return the imagery with what that says of its values.

    GeosegWarnings report what was assumed, and values without data that the raster does not declare.
    """
    for sentence in assumed:
        warn(sentence)
    sampled = sample_imagery(imagery)
    if sampled.undeclared is not None:
        warn(describe_undeclared(imagery.name, *sampled.undeclared))
    elif sampled.lossy is not None:
        warn(describe_lossy(imagery.name, sampled.lossy))
    if sampled.like_mask is not None:
        warn(describe_like_mask(imagery.name, sampled.like_mask))
    return replace(imagery, sampled=sampled.values)


def sample_imagery(imagery: Imagery) -> Sampled:
    """Read evenly spaced pixels of all of a raster."""
    raster, bands = imagery.raster, imagery.bands
    spare = _spare_band(imagery)

    def read(dataset: rasterio.DatasetReader) -> tuple[npt.NDArray[Any], Mask, bool]:
        like_mask = spare is not None and is_like_mask(thin(dataset, [spare]))
        return *imagery.validity.sample(dataset, bands), like_mask

    values, valid, like_mask = read_apart(imagery.name, read, identity=raster.identity)
    found = find_undeclared(values, valid)
    return Sampled(
        undeclared=found and (*found, _is_opaque(imagery, found[0])),
        like_mask=spare if like_mask else None,
        lossy=None if found else find_lossy(values, valid),
        values=SampledValues.measure(values[:, valid]) if valid.sum() >= _FEWEST else None,
    )


def _spare_band(imagery: Imagery) -> int | None:
    """Number of the last band if nobody uses it and the file does not say what it shows, and there is no alpha band."""
    last = len(imagery.raster.bands)
    used = imagery.validity.alpha is not None or last in imagery.bands
    return None if used or imagery.raster.bands[-1].name is not None else last


def _is_opaque(imagery: Imagery, value: float) -> bool:
    """Whether a raster declares a valid value as nodata, next to its mask or alpha band."""
    return f"{value:g}" in {imagery.raster.bands[number - 1].nodata for number in imagery.bands}


def _check_numbers(raster: Raster, card: Card, numbers: tuple[int, ...]) -> tuple[int, ...]:
    if len(numbers) != len(card.bands):
        raise UsageError(
            f"`bands` names {counted(len(numbers), 'band')}; "
            f"the model needs {len(card.bands)} ({', '.join(card.bands)})."
        )
    if max(numbers) > len(raster.bands):
        raise SceneError(
            f"{raster.source} has {counted(len(raster.bands), 'band')}; `bands` names band {max(numbers)}."
        )
    return numbers


def _nodata(raster: Raster, card: Card, given: tuple[float, ...]) -> tuple[float, ...]:
    """One value for each band, which its data type can hold."""
    if len(given) not in (0, 1, len(card.bands)):
        raise UsageError(f"`nodata` has {len(given)} values; give one, or one for each of {', '.join(card.bands)}.")
    dtype = np.dtype(raster.dtype)
    for value in given:
        if not may_have(dtype, value):
            raise MismatchError(f"{raster.source} holds {dtype} values, and none can be the {value:g} of `nodata`.")
    return given * len(card.bands) if len(given) == 1 else given

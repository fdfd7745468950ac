"""Choose the bands of a scene for a model, and decide which of its pixels have data."""

from collections.abc import Iterator

import numpy as np
import rasterio

from geoseg.errors import MismatchError, SceneError, UsageError
from geoseg.models.bundle import Card
from geoseg.rasters.bands import alpha_of, choose_bands
from geoseg.rasters.georeference import warn
from geoseg.rasters.open import GDAL, opened
from geoseg.rasters.scene import Scene
from geoseg.rasters.undeclared import find_undeclared
from geoseg.rasters.validity import Validity
from geoseg.tiling import prefetch

from .settings import Settings
from .stretching import Imagery


def choose_imagery(scene: Scene, card: Card, settings: Settings) -> Imagery:
    """Choose bands by the settings, else by what the scene says of them; a GeosegWarning reports what is assumed.

    A sample of the pixels is read, to notice values without data that the scene does not declare.
    """
    if settings.bands is None:
        choice = choose_bands(scene.source, scene.bands, card.bands)
        numbers = choice.numbers
        for sentence in choice.warnings:
            warn(sentence)
    else:
        numbers = _check_numbers(scene, card, settings.bands)
    alpha = alpha_of(scene.bands)
    validity = Validity(alpha=None if alpha in numbers else alpha, nodata=_nodata(scene, card, settings.nodata_values))
    _report_undeclared(scene, numbers, validity)
    return Imagery(scene=scene, bands=numbers, validity=validity)


def _check_numbers(scene: Scene, card: Card, numbers: tuple[int, ...]) -> tuple[int, ...]:
    if len(numbers) != len(card.bands):
        raise UsageError(
            f"`bands` names {len(numbers)} bands; the model needs {len(card.bands)} ({', '.join(card.bands)})."
        )
    if max(numbers) > len(scene.bands):
        raise SceneError(f"{scene.source} has {len(scene.bands)} bands; `bands` names band {max(numbers)}.")
    return numbers


def _nodata(scene: Scene, card: Card, given: tuple[float, ...]) -> tuple[float, ...]:
    """One value for each band, which its data type can hold."""
    if len(given) not in (0, 1, len(card.bands)):
        raise UsageError(f"`nodata` has {len(given)} values; give one, or one for each of {', '.join(card.bands)}.")
    dtype = np.dtype(scene.dtype)
    for value in given:
        if dtype.kind in "iu" and not (value.is_integer() and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max):
            raise MismatchError(f"{scene.source} holds {dtype} values, and none can be the {value:g} of `nodata`.")
    return given * len(card.bands) if len(given) == 1 else given


def _report_undeclared(scene: Scene, numbers: tuple[int, ...], validity: Validity) -> None:
    if np.dtype(scene.dtype).kind == "c":
        return  # refused when its values are scaled
    # In a thread of its own, so that an interrupt need not wait for a server.
    (found,) = prefetch(_find_undeclared(scene, numbers, validity))
    if found is not None:
        value, share = found
        text = repr(int(value)) if value.is_integer() else repr(value)
        warn(
            f"{share * 100:.0f} % of the pixels of {scene.source} are {text} in all bands, as in a "
            f"collar or a gap, but the file does not declare it as nodata; if they hold no data, add `nodata={text}`."
        )


def _find_undeclared(
    scene: Scene, numbers: tuple[int, ...], validity: Validity
) -> Iterator[tuple[float, float] | None]:
    with rasterio.Env(**GDAL), opened(scene.source, overviews=True) as dataset:
        yield find_undeclared(*validity.sample(dataset, numbers))

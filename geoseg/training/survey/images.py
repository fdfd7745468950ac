"""Inspect unknown labelled imagery: bands, values, georeference and labels."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.datasets.listing import VECTORS
from geoseg.datasets.pairs import Files, find_pairs
from geoseg.errors import SceneError
from geoseg.prediction.inputs.bands import refuse_unlike_imagery
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.rasters.bands.choice import find_bands
from geoseg.rasters.bands.identify import Band, image_bands, validity_of
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.scene import Scene, is_placed, locate, raster_of
from geoseg.rasters.values import check_units, is_physical
from geoseg.training.data.imagery import report_undeclared, sample_some
from geoseg.training.data.label_places import check_features, check_label

from .labels import LabelSurvey, survey_labels

SAMPLED_PAIRS = 24
"""Number of pairs to open, evenly spaced by name."""


@dataclass(frozen=True, kw_only=True)
class ImageSurvey:
    """Properties of a set of labelled images."""

    files: tuple[Files, ...]
    shapes: tuple[tuple[int, int], ...]
    """Height and width of the opened images."""
    scenes: tuple[Scene, ...]
    """Opened images with a georeference."""
    bands: tuple[tuple[Band, ...], ...]
    """More than one entry if images differ."""
    chosen: tuple[int, ...]
    """Bands to train on, counted from 1 and the same in all images: red, green and blue, or else the first three."""
    limits: Mapping[str, tuple[float, float]]
    """First and 99th percentile of the valid pixels of the chosen bands, by key of the card's scaling."""
    undeclared: tuple[float, ...]
    """Values that seem to be undeclared nodata."""
    labels: LabelSurvey


@dataclass(frozen=True, kw_only=True)
class _Image:
    """What is seen of one labelled image."""

    pair: Files
    shape: tuple[int, int]
    imagery: Imagery
    scene: Scene | None
    """None for an image without georeference."""
    values: npt.NDArray[np.generic]
    """Sample `(values,)` of the valid pixels."""


def survey_images(images: str, labels: str | None) -> ImageSurvey:
    """Find pairs and open some of them; DataError or UsageError if training could not use them."""
    files = tuple(find_pairs(images, labels))
    sampled = np.unique(np.linspace(0, len(files) - 1, SAMPLED_PAIRS).astype(int))
    with unplaced():
        seen = [_survey_image(files[number]) for number in sampled]
        check_features(
            [(each.pair, each.scene.geobox) for each in seen if each.scene is not None and _has_vectors(each.pair)]
        )
        bands: dict[tuple[Band, ...], str] = {}
        values = defaultdict(list)
        for image in seen:
            bands.setdefault(image.imagery.raster.bands, image.imagery.name)
            values[image.imagery.kind].append(image.values)
        return ImageSurvey(
            files=files,
            shapes=tuple(image.shape for image in seen),
            scenes=tuple(image.scene for image in seen if image.scene is not None),
            bands=tuple(bands),
            chosen=_choose_same_bands(bands),
            limits={kind: _find_limits(np.concatenate(parts), kind) for kind, parts in values.items()},
            undeclared=report_undeclared(sample_some([image.imagery for image in seen])),
            labels=survey_labels([image.pair.label for image in seen]),
        )


def _survey_image(pair: Files) -> _Image:
    """Open an image and check its label; refuses those that training cannot use."""
    source = str(pair.image)
    with opened(source, overviews=True) as image:
        raster = raster_of(source, image)
        if not image_bands(raster.bands):
            raise SceneError(f"{source} has only an alpha band; training needs at least one band of data.")
        refuse_unlike_imagery(raster)
        imagery = Imagery(raster=raster, bands=_choose_bands(raster.bands), validity=validity_of(raster.bands))
        values = _sample_values(image, imagery)
        scene = None
        if is_placed(image):
            grid, gsd_m = locate(source, image)
            scene = Scene(grid=grid, gsd_m=gsd_m, **vars(raster))
        if not _has_vectors(pair):
            check_label(pair, image, None if scene is None else scene.geobox)
        elif scene is None:
            raise SceneError(f"{source} has no georeference; vector labels need an image with a CRS.")
        return _Image(pair=pair, shape=image.shape, imagery=imagery, scene=scene, values=values)


def _has_vectors(pair: Files) -> bool:
    return pair.label.suffix.lower() in VECTORS


def _choose_bands(bands: tuple[Band, ...]) -> tuple[int, ...]:
    return find_bands(bands, ("red", "green", "blue")) or image_bands(bands)[:3]


def _choose_same_bands(bands: Mapping[tuple[Band, ...], str]) -> tuple[int, ...]:
    """Choose the bands to train on, which must have the same numbers in all images."""
    names = {_choose_bands(each): name for each, name in bands.items()}
    if len(names) > 1:
        (one, first), (other, second) = list(names.items())[:2]
        raise SceneError(
            f"{first} would be trained on bands {', '.join(map(str, one))}, and {second} on bands "
            f"{', '.join(map(str, other))}; give all images the same band order, or survey each kind separately."
        )
    return next(iter(names))


def _sample_values(image: rasterio.DatasetReader, imagery: Imagery) -> npt.NDArray[np.generic]:
    """Sample the values `(values,)` of valid pixels."""
    units = imagery.units
    check_units(image.name, units)
    values, valid = imagery.validity.sample(image, imagery.bands)
    values = values[:, valid]
    if is_physical(units):
        values = np.stack([band * unit.scale + unit.offset for band, unit in zip(values, units, strict=True)])
    return values.ravel()


def _find_limits(values: npt.NDArray[Any], kind: str) -> tuple[float, float]:
    if not values.size:
        raise SceneError(f"no pixel of the {kind} images surveyed has data; check their nodata value.")
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high)

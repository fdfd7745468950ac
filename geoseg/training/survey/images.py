"""Inspect unknown labelled imagery: bands, values, georeference and labels."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp

from geoseg.datasets.discovery import VECTORS, Files, find_pairs
from geoseg.errors import SceneError
from geoseg.rasters.open import opened, unplaced
from geoseg.rasters.scene import Scene, is_placed, open_scene, refuse_mixed_types
from geoseg.rasters.values import check_units, is_physical, kind_of, units_of
from geoseg.training.data.label_places import check_features, check_label
from geoseg.training.data.pairs import refuse_palette

from .labels import LabelSurvey, read_thinned, survey_labels

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
    bands: tuple[tuple[ColorInterp, ...], ...]
    """Colour interpretations of the bands; more than one entry if images differ."""
    chosen: tuple[int, ...]
    """Bands to train on, counted from 1 and the same in all images: red, green and blue, or else the first three."""
    limits: Mapping[str, tuple[float, float]]
    """First and 99th percentile of the valid pixels of the chosen bands, by key of the card's scaling."""
    labels: LabelSurvey


def survey_images(images: str, labels: str | None) -> ImageSurvey:
    """Find pairs and open some of them; DataError or UsageError if training could not use them."""
    files = tuple(find_pairs(images, labels))
    opened_pairs = [files[number] for number in np.unique(np.linspace(0, len(files) - 1, SAMPLED_PAIRS).astype(int))]
    shapes, scenes, with_vectors = [], [], []
    bands: dict[tuple[ColorInterp, ...], str] = {}
    samples = defaultdict(list)
    with unplaced():
        for pair in opened_pairs:
            with opened(str(pair.image), overviews=True) as image:
                _check_image(image)
                shapes.append(image.shape)
                bands.setdefault(tuple(image.colorinterp), image.name)
                kind, values = _sample_values(image)
                samples[kind].append(values)
                scene = open_scene(pair.image) if is_placed(image) else None
                if scene is not None:
                    scenes.append(scene)
                if pair.label.suffix.lower() not in VECTORS:
                    check_label(pair, None if scene is None else scene.geobox, image.shape)
                elif scene is None:
                    raise SceneError(f"{pair.image} has no georeference; vector labels need an image with a CRS.")
                else:
                    with_vectors.append((pair, scene.geobox))
        check_features(with_vectors)
        return ImageSurvey(
            files=files,
            shapes=tuple(shapes),
            scenes=tuple(scenes),
            bands=tuple(bands),
            chosen=_choose_same_bands(bands),
            limits={kind: _find_limits(np.concatenate(parts), kind) for kind, parts in samples.items()},
            labels=survey_labels([pair.label for pair in opened_pairs]),
        )


def _check_image(image: rasterio.DatasetReader) -> None:
    """Refuse images that training cannot use."""
    if not _choose_bands(image.colorinterp):
        raise SceneError(f"{image.name} has only an alpha band; training needs at least one band of data.")
    refuse_palette(image)
    refuse_mixed_types(image.name, image)
    if image.dtypes[0].startswith("complex"):
        raise SceneError(f"{image.name} holds {image.dtypes[0]} values; save their magnitude as an image of its own.")


def _choose_bands(bands: tuple[ColorInterp, ...]) -> tuple[int, ...]:
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in bands for colour in colours):
        return tuple(bands.index(colour) + 1 for colour in colours)
    return tuple(number for number, band in enumerate(bands, 1) if band != ColorInterp.alpha)[:3]


def _choose_same_bands(bands: Mapping[tuple[ColorInterp, ...], str]) -> tuple[int, ...]:
    """Choose the bands to train on, which must have the same numbers in all images."""
    names = {_choose_bands(interpretation): name for interpretation, name in bands.items()}
    if len(names) > 1:
        (one, first), (other, second) = list(names.items())[:2]
        raise SceneError(
            f"{first} would be trained on bands {', '.join(map(str, one))}, and {second} on bands "
            f"{', '.join(map(str, other))}; give all images the same band order, or survey each kind separately."
        )
    return next(iter(names))


def _sample_values(image: rasterio.DatasetReader) -> tuple[str, npt.NDArray[np.generic]]:
    """Sample the values `(values,)` of valid pixels, masked as in `geoseg.rasters.read`, and name their kind."""
    bands = _choose_bands(image.colorinterp)
    units = tuple(units_of(image)[band - 1] for band in bands)
    check_units(image.name, units)
    values, valid = read_thinned(image, list(bands))
    if ColorInterp.alpha in image.colorinterp:
        alpha = image.read(image.colorinterp.index(ColorInterp.alpha) + 1, out_shape=valid.shape)
        valid = alpha > 0
    values = values[:, valid & np.isfinite(values).all(axis=0)]
    if is_physical(units):
        values = np.stack([band * unit.scale + unit.offset for band, unit in zip(values, units, strict=True)])
    return kind_of(image.dtypes[0], units), values.ravel()


def _find_limits(values: npt.NDArray[Any], kind: str) -> tuple[float, float]:
    if not values.size:
        raise SceneError(f"no pixel of the {kind} images surveyed has data; check their nodata value.")
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high)

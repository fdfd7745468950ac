"""Look at labelled imagery that nothing is known of: bands, values, ground, and labels."""

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
from geoseg.training.data.pairs import check_label, refuse_palette

from .labels import LabelLook, look_at_labels, thinned

LOOKED_AT = 24
"""Pairs that are opened, evenly spaced in the order of their names."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a set of labelled images holds."""

    files: tuple[Files, ...]
    shapes: tuple[tuple[int, int], ...]
    """Height and width of the images that were opened."""
    scenes: tuple[Scene, ...]
    """Those of them that lie on the ground."""
    bands: tuple[tuple[ColorInterp, ...], ...]
    """What the bands of an image show: more than one entry where images differ."""
    chosen: tuple[int, ...]
    """Numbers of the bands to train on, from 1: red, green and blue, or else the first three; alike in all images."""
    limits: Mapping[str, tuple[float, float]]
    """By data type, values that a hundredth of the valid pixels of the chosen bands lie below, and above."""
    labels: LabelLook


def look(images: str, labels: str | None) -> Look:
    """Find pairs and open some of them.

    Raises
    ------
    SceneError, UsageError
        If images and labels cannot be paired, or one of them cannot be opened or trained on.
    """
    files = tuple(find_pairs(images, labels))
    opened_pairs = [files[number] for number in np.unique(np.linspace(0, len(files) - 1, LOOKED_AT).astype(int))]
    shapes, scenes = [], []
    bands: dict[tuple[ColorInterp, ...], str] = {}
    samples = defaultdict(list)
    with unplaced():
        for pair in opened_pairs:
            with opened(str(pair.image), overviews=True) as image:
                _check_image(image)
                shapes.append(image.shape)
                bands.setdefault(tuple(image.colorinterp), image.name)
                samples[image.dtypes[0]].append(_valid_values(image))
                is_vector = pair.label.suffix.lower() in VECTORS
                if is_placed(image):
                    scenes.append(open_scene(pair.image))
                    if not is_vector:
                        check_label(pair, scenes[-1].geobox)
                elif is_vector:
                    raise SceneError(
                        f"{pair.image} lies nowhere on the ground; vector labels need an image with a CRS."
                    )
        return Look(
            files=files,
            shapes=tuple(shapes),
            scenes=tuple(scenes),
            bands=tuple(bands),
            chosen=_chosen_alike(bands),
            limits={dtype: _limits(np.concatenate(parts), dtype) for dtype, parts in samples.items()},
            labels=look_at_labels([pair.label for pair in opened_pairs]),
        )


def _check_image(image: rasterio.DatasetReader) -> None:
    """Refuse what training cannot take."""
    if not _chosen(image.colorinterp):
        raise SceneError(f"{image.name} has no bands but alpha; images have one at least.")
    refuse_palette(image)
    refuse_mixed_types(image.name, image)
    if image.dtypes[0].startswith("complex"):
        raise SceneError(f"{image.name} holds {image.dtypes[0]} values; save their magnitude as an image of its own.")


def _chosen(bands: tuple[ColorInterp, ...]) -> tuple[int, ...]:
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in bands for colour in colours):
        return tuple(bands.index(colour) + 1 for colour in colours)
    return tuple(number for number, band in enumerate(bands, 1) if band != ColorInterp.alpha)[:3]


def _chosen_alike(bands: Mapping[tuple[ColorInterp, ...], str]) -> tuple[int, ...]:
    """The bands to train on, if they have the same numbers in all images, which are named for what they show."""
    names = {_chosen(shown): name for shown, name in bands.items()}
    if len(names) > 1:
        (one, first), (other, second) = list(names.items())[:2]
        raise SceneError(
            f"{first} would be trained on by its bands {', '.join(map(str, one))}, and {second} by its bands "
            f"{', '.join(map(str, other))}; give all images the same bands in one order, or look at each kind alone."
        )
    return next(iter(names))


def _valid_values(image: rasterio.DatasetReader) -> npt.NDArray[np.generic]:
    """Values `(values,)` of pixels that training sees, as `geoseg.rasters.read` tells them from those without data."""
    values, valid = thinned(image, list(_chosen(image.colorinterp)))
    if ColorInterp.alpha in image.colorinterp:
        alpha = image.read(image.colorinterp.index(ColorInterp.alpha) + 1, out_shape=valid.shape)
        valid = alpha > 0
    return values[:, valid & np.isfinite(values).all(axis=0)].ravel()


def _limits(values: npt.NDArray[Any], dtype: str) -> tuple[float, float]:
    if not values.size:
        raise SceneError(f"no pixel of the images of {dtype} that were looked at has data; check their nodata value.")
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high)

"""Read the images of a data set as prediction would: their bands, validity, and scaling for the network."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from geoseg.errors import SceneError
from geoseg.messages import report_once, warn
from geoseg.models.bundle import Card, Scaling
from geoseg.prediction.inputs.bands import Sampled, find_imagery, sample_imagery
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.prediction.inputs.sampled_values import STRAY, describe_strays, range_of
from geoseg.prediction.inputs.stretching import scale_values
from geoseg.prediction.settings import Settings
from geoseg.rasters.missing_data.undeclared import describe_like_mask, describe_lossy, describe_undeclared
from geoseg.rasters.opening.open import opened
from geoseg.rasters.scene import raster_of
from geoseg.rasters.stretch import Percentiles
from geoseg.rasters.values import check_units, choose_scaling
from geoseg.training.recipe.recipe import DataSet

SAMPLED = 24
"""Number of images whose pixels are sampled, evenly spaced by name."""


def read_images(images: Sequence[Path], entry: DataSet, card: Card) -> list[tuple[Imagery, tuple[Scaling, ...]]]:
    """Choose the bands, nodata values and scaling of each image of a data set, as prediction with the card would.

    GeosegWarnings report what is assumed, once for all images. Raises SceneError, MismatchError or UsageError if an
    image does not fit the card, or the data set's description of it.
    """
    settings = Settings(bands=None if entry.bands is None else tuple(entry.bands), nodata=entry.nodata)
    found, assumed = [], []
    for path in images:
        with opened(str(path), overviews=True) as image:
            imagery, sentences = find_imagery(raster_of(str(path), image), card, settings)
        found.append(imagery)
        assumed += [(sentence.replace(str(path), ""), sentence) for sentence in sentences]
    report_once(assumed)
    scalings = _scale(found, entry, card)
    samples = sample_some(found)
    report_undeclared(samples)
    _report_lost_values(samples, dict(zip((image.name for image in found), scalings, strict=True)), entry)
    return list(zip(found, scalings, strict=True))


def sample_some(images: Sequence[Imagery]) -> dict[str, Sampled]:
    """Sample the pixels of images, by name; of some if there are many."""
    chosen = np.unique(np.linspace(0, len(images) - 1, SAMPLED).astype(int))
    return {images[number].name: sample_imagery(images[number]) for number in chosen}


def report_undeclared(samples: Mapping[str, Sampled]) -> tuple[float, ...]:
    """Warn of values without data that images seem to have and do not declare, and return them."""
    found: dict[float, list[str]] = defaultdict(list)
    for name, sample in samples.items():
        if sample.undeclared is not None:
            found[sample.undeclared[0]].append(describe_undeclared(name, *sample.undeclared))
    report_once((value, sentence) for value, sentences in found.items() for sentence in sentences)
    lossy = [(name, sample.lossy) for name, sample in samples.items() if sample.lossy is not None]
    report_once(("lossy", describe_lossy(name, share)) for name, share in lossy)
    masks = [(name, sample.like_mask) for name, sample in samples.items() if sample.like_mask is not None]
    report_once((number, describe_like_mask(name, number)) for name, number in masks)
    return tuple(found)


def _report_lost_values(
    samples: Mapping[str, Sampled], scalings: Mapping[str, tuple[Scaling, ...]], entry: DataSet
) -> None:
    """Warn if each of the sampled images is hardly more than one colour to the network, or black and white."""
    known = [(name, sample.values, scalings[name]) for name, sample in samples.items() if sample.values is not None]
    if not known:
        return
    name, values, scaling = known[0]
    if all(found.is_one_colour(own) for _, found, own in known):
        warn(
            f"images of data set {entry.name} are nearly one colour to the network: the lowest and highest values of "
            f"{name} are {values.limits}; check that they are images, and card.scaling."
        )
    elif all(found.share_beyond(own) > STRAY for _, found, own in known):
        wanted = f"the {range_of(scaling)} that become 0 to 255"
        warn(f"{describe_strays(name, values.share_beyond(scaling), wanted, values.limits)}; check card.scaling.")


def _scale(images: Sequence[Imagery], entry: DataSet, card: Card) -> list[tuple[Scaling, ...]]:
    """Choose the scaling of each image: the card's, or a stretch if it has none and the data set allows that."""
    scalings, stretched = [], []
    for image in images:
        check_units(image.name, image.units)
        scaling = choose_scaling(card.scaling, image.raster.dtype, image.units)
        if scaling is None and entry.stretch == "none":
            raise SceneError(_unscaled(image, card))
        if scaling is None:
            wanted = Percentiles()
            scaling, used = scale_values(image, card, f"p{wanted.low:g},p{wanted.high:g}")
            sentence = f"{image.name} {image.values}; each band is stretched from its {wanted} ({used}) to 0 and 255."
            stretched.append((image.kind, sentence))
        scalings.append(scaling)
    report_once(stretched)
    return scalings


def _unscaled(image: Imagery, card: Card) -> str:
    """State that a card has no scaling for an image's values, and what to do."""
    kind = image.kind
    return (
        f"{image.name} {image.values}; card.scaling lists {', '.join(card.scaling)} only. Add how {kind} values become "
        f"0–255: `scaling.{kind} = {{ offset = …, gain = … }}`, or let each image be stretched, as prediction does: "
        "`stretch='auto'`."
    )

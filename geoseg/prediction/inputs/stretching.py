"""Decide how a scene's values become network inputs: by the model's scaling, or by a stretch."""

from collections.abc import Sequence

import numpy as np

from geoseg.errors import MismatchError, SceneError
from geoseg.messages import warn
from geoseg.models.bundle import Card, Scaling
from geoseg.rasters.sample import sample_values
from geoseg.rasters.stretch import Percentiles, Stretch, measure_stretch, parse_stretch
from geoseg.rasters.values import check_units, choose_scaling, is_physical
from geoseg.sentences import join_words

from .imagery import Imagery
from .sampled_values import STRAY, describe_strays, range_of

_POOLED = 16
"""Most images whose sampled values are all used for one stretch: a quarter of a gigabyte for three bands."""


Scalings = tuple[tuple[Scaling, ...], Stretch | None]
"""Scaling of each band, and the stretch that it stands for; None if it is the model's own."""


def scale_values(image: Imagery, card: Card, stretch: str, reference: Imagery | None = None) -> Scalings:
    """Choose the scaling of a scene; `stretch` is that of `Settings`, `reference` the scene to take it from.

    Samples pixels if a stretch may be needed, and warns of a stretch that was not requested, a given range that leaves
    out most of the scene, and a scaling that leaves almost nothing of it. Raises SceneError, MismatchError or
    UsageError.
    """
    check_units(image.name, image.units)
    if reference is None and stretch in ("auto", "none"):
        own = choose_scaling(card.scaling, image.raster.dtype, image.units)
        if own is not None:
            _warn_of_lost_values(image, card, own)
            return own, None
        if stretch == "none":
            raise SceneError(f"{_unscaled(image, card)}; let it be stretched with `stretch='auto'`.")
    given = parse_stretch(stretch)
    if isinstance(given, Stretch):
        used = given
    elif reference is not None:
        _refuse_other_kind(reference, image)
        used = pool_values([reference], given or Percentiles())
    else:
        used = pool_values([image], given or Percentiles())
    scaling = used.scaling(image.units)
    if isinstance(given, Stretch) or reference is not None:
        _warn_of_strays(image, used, scaling)
    elif stretch == "auto":
        warn(
            f"{_unscaled(image, card)}, so each band is stretched from its {Percentiles()} to 0 and 255; "
            f"for the same stretch, also of other scenes, give `stretch={str(used)!r}`."
        )
    return scaling, used


def pool_values(images: Sequence[Imagery], wanted: Percentiles) -> Stretch:
    """Measure one stretch for several scenes; raises SceneError or MismatchError.

    Of several, those that cannot be read, or show no data, are left out.
    """
    for image in images:
        check_units(image.name, image.units)
        _refuse_other_kind(images[0], image)
    # From more images, as many values in total as from `_POOLED`.
    step = -(-len(images) // _POOLED)
    samples = []
    for image in images:
        try:
            bands = sample_values(image.name, image.bands, image.validity, image.units)
        except SceneError:
            if len(images) == 1:
                raise
            continue
        samples.append([band[::step].copy() for band in bands])
    names = join_words([image.name for image in images])
    pooled = [np.concatenate(band) for band in zip(*samples, strict=True)]
    if not any(map(len, pooled)):
        raise SceneError(
            f"none of the pixels sampled of {names} has data, so there is nothing to stretch by; "
            "if others have, set the range with `stretch='LOW,HIGH'`."
        )
    return measure_stretch(names, pooled, wanted)


def _unscaled(image: Imagery, card: Card) -> str:
    """State that a model has no scaling for a scene's values."""
    return f"{image.name} {image.values}; model {card.name} knows {', '.join(card.scaling)} values only"


def _warn_of_lost_values(image: Imagery, card: Card, own: tuple[Scaling, ...]) -> None:
    """Warn if a model would see hardly more than one colour, or black and white, as of values in other units."""
    if image.sampled is None:
        return
    if image.sampled.is_one_colour(own):
        warn(
            f"the lowest and highest values of {image.name} are {image.sampled.limits}, nearly one colour to "
            f"model {card.name}; unless they show a single surface, add `stretch='p2,p98'`."
        )
    elif (beyond := image.sampled.share_beyond(own)) > STRAY:
        wanted = f"the {range_of(own)} that model {card.name} distinguishes"
        strays = describe_strays(image.name, beyond, wanted, image.sampled.limits)
        warn(f"{strays}. If they are in other units, add `stretch='p2,p98'`.")


def _warn_of_strays(image: Imagery, used: Stretch, scaling: tuple[Scaling, ...]) -> None:
    """Warn if a range leaves out most of the scene, or most of its own width: a map would show one class."""
    sample = sample_values(image.name, image.bands, image.validity, image.units)
    if not all(map(len, sample)):  # no data, or a band of one value
        return
    ranges = used.ranges * (len(sample) // len(used.ranges))
    stray = np.mean(
        [np.mean((values < low) | (values > high)) for values, (low, high) in zip(sample, ranges, strict=True)]
    )
    one_colour = image.sampled is not None and image.sampled.is_one_colour(scaling)
    if stray <= STRAY and not one_colour:
        return
    found = Stretch(ranges=tuple((float(values.min()), float(values.max())) for values in sample))
    after = " after scale and offset" * is_physical(image.units)
    if stray > STRAY:
        warn(f"{describe_strays(image.name, stray, f'the `stretch` {used}', found)}{after}.")
    else:
        warn(
            f"the values of {image.name} are from {found}{after}, nearly one colour in the `stretch` {used}; unless "
            "they show a single surface, choose another, such as `stretch='p2,p98'`."
        )


def _refuse_other_kind(one: Imagery, other: Imagery) -> None:
    """Raise MismatchError if the values of two scenes cannot share a range."""
    if one.kind != other.kind:
        raise MismatchError(
            f"{one.name} holds {one.kind} values and {other.name} {other.kind} values; they cannot share a stretch."
        )

"""What a reader must know of several images together: what some lack, and what none has."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from geoseg.errors import UsageError

from .compared import ComparedImage
from .criteria import Criteria
from .meaning import Codes
from .pairing import some_of


def without_probabilities(images: Sequence[ComparedImage]) -> Iterator[str]:
    """Say which scores are left out because not all images have the probabilities that they are made from."""
    lacking = {
        "break-even points": tuple(image.name for image in images if image.comparison.sweeps is None),
        "the calibration error": tuple(image.name for image in images if image.comparison.calibration is None),
    }
    for names in dict.fromkeys(lacking.values()):
        if 0 < len(names) < len(images):
            scores = " and ".join(score for score, without in lacking.items() if without == names)
            verb = "has" if len(names) == 1 else "have"
            yield (
                f"{len(names)} of {len(images)} images {verb} no probabilities for {scores}, which need those of all: "
                f"{some_of(names)}."
            )


def unmet(images: Sequence[ComparedImage], criteria: Criteria) -> Iterator[str]:
    """Say which values the user spoke of and no image has.

    Raises
    ------
    UsageError
        If one class is to be compared with a value that no truth has.
    """
    asked = images[0].meaning
    in_truth = set(chain.from_iterable(image.met_in_truth for image in images))
    in_prediction = set(chain.from_iterable(image.met_in_prediction for image in images))
    if asked.single_values and not asked.single_values & in_truth:
        values = _named(asked.single_values, asked.truth)
        if "=" in (criteria.single or ""):
            raise UsageError(
                f"--class {criteria.single}: no pixel of any truth has {values}; name a value that stands for the "
                "class (nodata and masked pixels do not count)."
            )
        yield f"No truth has a pixel of the class ({values}): its scores say nothing of what was found."
    if missing := asked.predicted.expected - in_prediction:
        yield f"No prediction has a pixel of {_named(missing, asked.predicted)}, and no legend says what it means."
    if missing := asked.ignored_values - in_truth:
        yield f"No truth has a pixel of {_named(missing, asked.truth)}, to be ignored."


def _named(values: Iterable[int], codes: Codes) -> str:
    return " or ".join(codes.describe(value) for value in sorted(values))

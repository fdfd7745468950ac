"""Score all comparisons together and one by one, and note likely mistakes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from geoseg.errors import UsageError

from .bootstrap import intervals, statistics
from .calibration import calibrate
from .class_mapping import Codes
from .counts import ComparedImage, Comparison, total
from .criteria import Criteria
from .matrix_scores import Counts, Floats
from .pairing import some_of
from .relaxed import near_scores, sweep
from .result import Evaluation, Subject
from .scores import ClassEvaluation, ClassScores, ImageEvaluation, Interval, NearScores, Scores


def summarise(
    images: Sequence[ComparedImage], criteria: Criteria, subject: Subject, notes: tuple[str, ...]
) -> Evaluation:
    """Score images together and one by one; without names, classes that occur are named by id.

    Raises
    ------
    UsageError
        If the criteria exclude all pixels, or no reference has the value of the one class.
    """
    names, comparisons = images[0].meaning.names, [image.comparison for image in images]
    if not any(each.confusion.matrix.any() for each in comparisons):
        raise UsageError(f"nothing is left to compare: {criteria.exclusions()} excluded all reference pixels.")
    if names is None:
        classes = max(each.highest for each in comparisons) + 1
        comparisons = [each.resized(classes) for each in comparisons]
    everything = total(comparisons)
    scores = everything.confusion.scores(names)
    scored = [entry.id for entry in scores.classes]
    ends: Mapping[str, Floats] = {}
    if criteria.bootstrap:
        ends = intervals(comparisons, scored, resamples=criteria.bootstrap, seed=criteria.seed)
    return Evaluation(
        subject=subject,
        criteria=criteria,
        scores=scores,
        boundary_f1=float(_statistics(everything, scored)["boundary_f1"]),
        classes=tuple(_class(everything, entry, ends) for entry in scores.classes),
        matrix=everything.confusion.matrix,
        names=names or tuple(str(number) for number in range(everything.rules.classes)),
        calibration=None if everything.calibration is None else calibrate(everything.calibration),
        intervals={name: _interval(pair) for name, pair in ends.items() if not name.startswith("class_")},
        images=tuple(
            _image(image, comparison, names, scores) for image, comparison in zip(images, comparisons, strict=True)
        ),
        notes=(
            *notes,
            *without_probabilities(images),
            *unmet(images, criteria),
            *_warnings(everything, scores, criteria),
        ),
    )


def _image(
    image: ComparedImage, comparison: Comparison, names: tuple[str, ...] | None, overall: Scores
) -> ImageEvaluation:
    """Score one image, for the classes scored over all images."""
    found = _statistics(comparison, [entry.id for entry in overall.classes])
    return ImageEvaluation(
        name=image.name,
        prediction=image.prediction,
        truth=image.reference,
        scores=comparison.confusion.scores(names),
        boundary_f1=float(found["boundary_f1"]),
        relaxed_f1={entry.name: float(found["class_relaxed_f1"][entry.id]) for entry in overall.classes},
        notes=image.notes,
    )


def _class(everything: Comparison, scores: ClassScores, ends: Mapping[str, Floats]) -> ClassEvaluation:
    sweeps = everything.sweeps
    return ClassEvaluation(
        scores=scores,
        boundary=_near(everything.boundary, scores.id),
        relaxed=_near(everything.relaxed, scores.id),
        sweep=None if sweeps is None else sweep(sweeps[scores.id]),
        intervals={
            name.removeprefix("class_"): _interval(pair[:, scores.id])
            for name, pair in ends.items()
            if name.startswith("class_")
        },
    )


def _near(counts: Counts, number: int) -> NearScores:
    precision, recall, f1 = near_scores(counts)
    return NearScores(precision=float(precision[number]), recall=float(recall[number]), f1=float(f1[number]))


def _statistics(comparison: Comparison, scored: Sequence[int]) -> dict[str, Floats]:
    return statistics(comparison.confusion.matrix, comparison.relaxed, comparison.boundary, scored)


def _interval(ends: Floats) -> Interval:
    return float(ends[0]), float(ends[1])


def _warnings(everything: Comparison, scores: Scores, criteria: Criteria) -> tuple[str, ...]:
    """Note likely mistakes in files or options."""
    value_named = "=" in (criteria.single or "")
    found = []
    if scores.unpredicted:
        found.append(f"{scores.unpredicted:,} reference pixels have no prediction and are not scored.")
    if sum(entry.support > 0 for entry in scores.classes) == 1 and everything.unlabelled and not value_named:
        found.append(
            f"The reference has one class only, and {everything.unlabelled:,} pixels without any: "
            "if its 255 stands for a class, compare that class alone, as NAME=255."
        )
    return tuple(found)


def without_probabilities(images: Sequence[ComparedImage]) -> Iterator[str]:
    """Note the scores left out because some images lack probabilities."""
    lacking = {
        "break-even points": tuple(image.name for image in images if image.comparison.sweeps is None),
        "the calibration error": tuple(image.name for image in images if image.comparison.calibration is None),
    }
    for names in dict.fromkeys(lacking.values()):
        if 0 < len(names) < len(images):
            scores = " and ".join(score for score, without in lacking.items() if without == names)
            verb = "has" if len(names) == 1 else "have"
            yield (
                f"{len(names)} of {len(images)} images {verb} no probabilities for {scores}, which need them for all: "
                f"{some_of(names)}."
            )


def unmet(images: Sequence[ComparedImage], criteria: Criteria) -> Iterator[str]:
    """Note the values that the user named and no image has.

    Raises
    ------
    UsageError
        If no reference has the value of the one class.
    """
    asked = images[0].meaning
    in_reference = set(chain.from_iterable(image.met_in_reference for image in images))
    in_prediction = set(chain.from_iterable(image.met_in_prediction for image in images))
    if asked.single_values and not asked.single_values & in_reference:
        values = _named(asked.single_values, asked.reference)
        if "=" in (criteria.single or ""):
            raise UsageError(
                f"`single={criteria.single!r}`: no reference pixel has {values}; name a value that stands for the "
                "class (nodata and masked pixels do not count)."
            )
        yield f"No reference pixel has the class ({values}): its scores do not tell how much of it was found."
    if missing := asked.predicted.expected - in_prediction:
        yield f"No predicted pixel has {_named(missing, asked.predicted)}, and there is no legend to look it up in."
    if missing := asked.ignored_values - in_reference:
        yield f"No reference pixel has {_named(missing, asked.reference)}, which is to be ignored."


def _named(values: Iterable[int], codes: Codes) -> str:
    return " or ".join(codes.describe(value) for value in sorted(values))

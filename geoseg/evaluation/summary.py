"""Score images together and one by one, and note likely mistakes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from geoseg.errors import UsageError
from geoseg.sentences import are, counted, has, join_words

from .bootstrap import bootstrap_intervals, score_counts
from .calibration import measure_calibration
from .class_mapping import Codes
from .counts import ComparedImage, Comparison, total
from .criteria import Criteria
from .matrix_scores import Counts, Floats
from .pairing import some_of
from .relaxed import score_near, score_sweep
from .result import Evaluation, Subject
from .scores import ClassEvaluation, ClassScores, ImageEvaluation, Interval, NearScores, Scores


def summarise(
    images: Sequence[ComparedImage], criteria: Criteria, subject: Subject, notes: tuple[str, ...]
) -> Evaluation:
    """Score images together and one by one; without a legend, classes that occur are named by id.

    UsageError if the criteria exclude all pixels, or no reference has the value of the one class.
    """
    names, comparisons = images[0].mapping.names, [image.comparison for image in images]
    if not any(each.confusion.matrix.any() for each in comparisons):
        if any(each.confusion.unclassified.any() for each in comparisons):
            raise UsageError("nothing is left to compare: the prediction left all pixels unknown.")
        raise UsageError(f"nothing is left to compare: {criteria.exclusions()} excluded all reference pixels.")
    if names is None:
        classes = max(each.highest for each in comparisons) + 1
        comparisons = [each.resized(classes) for each in comparisons]
    everything = total(comparisons)
    scores = everything.confusion.scores(names)
    scored = [entry.id for entry in scores.classes]
    ends: Mapping[str, Floats] = {}
    if criteria.bootstrap:
        ends = bootstrap_intervals(comparisons, scored, resamples=criteria.bootstrap, seed=criteria.seed)
    return Evaluation(
        subject=subject,
        criteria=criteria,
        scores=scores,
        boundary_f1=float(_score(everything, scored)["boundary_f1"]),
        classes=tuple(_class(everything, entry, ends) for entry in scores.classes),
        matrix=everything.confusion.matrix,
        names=names or tuple(str(number) for number in range(everything.rules.classes)),
        calibration=None if everything.calibration is None else measure_calibration(everything.calibration),
        intervals={name: _interval(pair) for name, pair in ends.items() if not name.startswith("class_")},
        images=tuple(
            _image(image, comparison, names, scores) for image, comparison in zip(images, comparisons, strict=True)
        ),
        notes=(
            *notes,
            *_note_apart(images),
            *_note_missing_probabilities(images),
            *_note_missing_values(images, criteria),
            *_note_mistakes(everything, scores, criteria, unnamed=images[0].mapping.names is None),
        ),
    )


def _image(
    image: ComparedImage, comparison: Comparison, names: tuple[str, ...] | None, overall: Scores
) -> ImageEvaluation:
    """Score one image for the classes of all images."""
    found = _score(comparison, [entry.id for entry in overall.classes])
    return ImageEvaluation(
        name=image.name,
        prediction=image.prediction,
        reference=image.reference,
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
        sweep=None if sweeps is None else score_sweep(sweeps[scores.id]),
        intervals={
            name.removeprefix("class_"): _interval(pair[:, scores.id])
            for name, pair in ends.items()
            if name.startswith("class_")
        },
    )


def _near(counts: Counts, number: int) -> NearScores:
    precision, recall, f1 = (float(score[number]) for score in score_near(counts))
    return NearScores(precision=precision, recall=recall, f1=f1)


def _score(comparison: Comparison, scored: Sequence[int]) -> dict[str, Floats]:
    return score_counts(comparison.confusion.matrix, comparison.relaxed, comparison.boundary, scored)


def _interval(ends: Floats) -> Interval:
    return float(ends[0]), float(ends[1])


def _note_mistakes(everything: Comparison, scores: Scores, criteria: Criteria, *, unnamed: bool) -> Iterator[str]:
    """Note likely mistakes in files or options; `unnamed` if predictions have no legend."""
    value_named = "=" in (criteria.single or "")
    if scores.unpredicted:
        count = scores.unpredicted
        yield f"{counted(count, 'reference pixel')} {has(count)} no prediction and {are(count)} not scored."
        if unnamed and criteria.single is None and (everything.confusion.matrix.sum(axis=0) > 0).sum() == 1:
            yield (
                "The prediction has one class only: if its 255 stands for a class, compare that class alone, as "
                "255=VALUE of the reference."
            )
    if scores.unclassified:
        count = scores.unclassified
        yield (
            f"{counted(count, 'reference pixel')} {are(count)} unknown in the prediction and {are(count)} not scored: "
            f"the scores are those of the other {scores.coverage:.1%}."
        )
    support = everything.confusion.matrix.sum(axis=1)
    if removed := np.flatnonzero((everything.reference_pixels > 0) & (support == 0)).tolist():
        names = {entry.id: entry.name for entry in scores.classes}
        lost = join_words([names.get(number, str(number)) for number in removed])
        yield f"Erosion excluded all reference pixels of {lost}: only relaxed and boundary scores include them."
    present = [entry.name for entry in scores.classes if entry.support]
    if len(present) > 1:
        return
    if everything.unlabelled and value_named and not criteria.ignore:
        yield (
            f"All reference pixels with a class are {present[0]}, and {everything.unlabelled:,} "
            f"{has(everything.unlabelled)} none, so no prediction counts as false: if nodata stands for other classes, "
            "remove the nodata value from the reference (`gdal_edit.py -unsetnodata`)."
        )
    elif everything.unlabelled and not value_named:
        yield (
            f"The reference has one class only, and {counted(everything.unlabelled, 'pixel')} without any: "
            "if its 255 stands for a class, compare that class alone, as NAME=255."
        )
    elif criteria.single is None and not criteria.ignore:
        yield f"The reference has one class only ({present[0]}): the scores do not tell how well others are found."


def _note_apart(images: Sequence[ComparedImage]) -> Iterator[str]:
    """Note images none of whose pixels has a class on both sides."""
    if apart := tuple(image.name for image in images if not image.comparison.overlapping):
        yield (
            f"{len(apart)} of {len(images)} images {has(len(apart))} no pixel with a class in both prediction and "
            f"reference, and no scores: {some_of(apart)}. Do they show the same ground?"
        )


def _note_missing_probabilities(images: Sequence[ComparedImage]) -> Iterator[str]:
    """Note the scores left out because some images lack probabilities."""
    lacking = {
        "break-even points": tuple(image.name for image in images if image.comparison.sweeps is None),
        "the calibration error": tuple(image.name for image in images if image.comparison.calibration is None),
    }
    for names in dict.fromkeys(lacking.values()):
        if 0 < len(names) < len(images):
            scores = join_words([score for score, without in lacking.items() if without == names])
            yield (
                f"{len(names)} of {len(images)} images {has(len(names))} no probabilities for {scores}, which need "
                f"them for all: {some_of(names)}."
            )


def _note_missing_values(images: Sequence[ComparedImage], criteria: Criteria) -> Iterator[str]:
    """Note values named by the user that no image has; UsageError for the reference value of the one class."""
    mapping = images[0].mapping
    in_reference = set(chain.from_iterable(image.expected_in_reference for image in images))
    in_prediction = set(chain.from_iterable(image.expected_in_prediction for image in images))
    if mapping.single_values and not mapping.single_values & in_reference:
        values = _named(mapping.single_values, mapping.reference)
        if "=" in (criteria.single or ""):
            raise UsageError(
                f"`single={criteria.single!r}`: no reference pixel has {values}; name a value that stands for the "
                "class (nodata and masked pixels do not count)."
            )
        yield f"No reference pixel has the class ({values}): its scores do not tell how much of it was found."
    if missing := mapping.predicted.expected - in_prediction:
        yield f"No predicted pixel has {_named(missing, mapping.predicted)}, and there is no legend to look it up in."
    if missing := mapping.ignored_values - in_reference:
        yield f"No reference pixel has {_named(missing, mapping.reference)}, which is to be ignored."


def _named(values: Iterable[int], codes: Codes) -> str:
    return " or ".join(codes.name_of(value) for value in sorted(values))

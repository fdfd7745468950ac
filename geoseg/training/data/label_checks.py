"""Check the labels before a training run begins, and warn of likely mistakes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import DataError, UsageError
from geoseg.messages import warn
from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.classes.altered_ids import report_alterations
from geoseg.rasters.classes.labels import nodata_hides
from geoseg.rasters.classes.names import Contradiction, contradictions, describe_contradiction
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.resolve import Run

from .label_values import LabelEncoder
from .label_vectors import VectorCoding, read_features
from .pairs import Pair
from .rendered import map_rendered_classes

Counts = npt.NDArray[np.int64]
"""Pixels of each label value."""

_ROADS = frozenset({"road", "roads"})
"""Names of classes to trace road networks from."""
_NARROW = 0.99
"""Widths of lines below this share of a pixel are narrower than pixels, whatever a projection's scale."""


def check_labels(run: Run, trained: Counts, held_out: Counts, images: int) -> None:
    """Check the labels of training images and of `images` held-out ones; GeosegWarnings about likely mistakes.

    DataError if all training pixels are of one class; UsageError if the schedule waits for validation scores and there
    are none.
    """
    scored = held_out[: len(run.labels.legend)].any()
    if run.schedule.patience is not None and not scored:
        missing = "no held-out pixel is labelled with a single class" if images else "no image is held out"
        raise UsageError(
            f"schedule.patience waits for validation scores, and {missing}; set data.split.validation, or leave "
            "patience out."
        )
    _check_classes(run, trained)
    _report_roads(run.labels.legend)
    if not images:
        warn("nothing is held out for validation: there will be no scores, and the last epoch's weights are kept.")
    elif not scored:
        warn(
            "no held-out pixel is labelled with a single class: there is no Jaccard index to "
            "choose the best epoch by, and the last epoch's weights are kept."
        )


def report_narrow_lines(pairs: Iterable[Pair]) -> None:
    """Warn of lines, or points, narrower than pixels: labels show them in some of the pixels that they cross."""
    coarsest: dict[str, Pair] = {}
    for pair in pairs:
        if pair.data_set not in coarsest or pair.gsd_m > coarsest[pair.data_set].gsd_m:
            coarsest[pair.data_set] = pair
    for pair in coarsest.values():
        coding = pair.coding
        if not isinstance(coding, VectorCoding) or coding.width_m >= _NARROW * pair.gsd_m:
            continue
        if read_features(pair.label).geom_type.str.contains("Line|Point").any():
            warn(
                f"lines of data set {pair.data_set} are {coding.width_m:g} m wide, and its pixels {pair.gsd_m:.3g} m, "
                "so that lines are broken in the labels; give the data set a larger width_m."
            )


def report_hidden_classes(pairs: Iterable[Pair], labels: LabelSets) -> None:
    """Warn of label rasters whose nodata value stands for a class: their pixels of that class are unlabelled."""
    found: dict[tuple[float, tuple[str, ...]], list[str]] = defaultdict(list)
    for pair, coding in _rasters(pairs):
        hidden = pair.labelled.hidden
        if hidden is not None and (names := _names(coding.table.get(hidden.code, labels.ignored), labels)):
            found[hidden.nodata, names].append(str(pair.label))
    for (nodata, names), (name, *others) in found.items():
        warn(nodata_hides(name, nodata, " or ".join(names), others=len(others)))


def report_contradictions(pairs: Iterable[Pair], labels: LabelSets) -> None:
    """Warn of label rasters that name their ids otherwise than the classes which these are taken for."""
    found: dict[tuple[Contradiction, ...], list[str]] = defaultdict(list)
    for pair, coding in _rasters(pairs):
        meant = {number: _names(value, labels) for number, value in coding.table.items() if value != labels.ignored}
        contradicted = contradictions(pair.labelled.names, meant, labels.legend.names, mapped=coding.legend is None)
        if contradicted:
            found[contradicted].append(str(pair.label))
    for contradicted, (name, *others) in found.items():
        warn(describe_contradiction(name, contradicted, others=len(others)))


def report_altered_ids(pairs: Iterable[Pair]) -> None:
    """Warn of label rasters whose ids were changed when they were stored."""
    report_alterations((str(pair.label), pair.labelled.altered) for pair, _ in _rasters(pairs))


def _rasters(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, LabelEncoder]]:
    """Yield one pair of each label raster, with its coding."""
    for pair in {pair.label: pair for pair in pairs}.values():
        if isinstance(pair.coding, LabelEncoder):
            yield pair, pair.coding


def _names(value: int, labels: LabelSets) -> tuple[str, ...]:
    """Names of the classes of a label value; none of ignored pixels."""
    return () if value == labels.ignored else tuple(labels.legend.names[number] for number in labels.allowed[value])


def _check_classes(run: Run, trained: Counts) -> None:
    """Check that training pixels are of several classes, and report classes without any."""
    labels, rendered = run.labels, run.rendered
    values = set(np.flatnonzero(trained[:-1]).tolist())
    if rendered is not None:
        values |= set(map_rendered_classes(rendered, labels).tolist()) - {labels.ignored}
    present = {number for value in values for number in labels.allowed[value]}
    missing = [name for number, name in enumerate(labels.legend.names) if number not in present]
    if len(present) == 1:
        name = labels.legend.names[present.pop()]
        raise DataError(
            f"all labelled training pixels are {name}, so there is nothing to learn; check that the labels are "
            "those of these images, and `values`."
        )
    if missing:
        by_id = any(each.coding == "ids" for each in run.data)
        hint = f"; among ids, {NODATA} means unlabelled unless `values` maps it" if by_id else ""
        warn(f"no training pixel is labelled {' or '.join(missing)}, so the network cannot learn it{hint}.")


def _report_roads(legend: Legend) -> None:
    """Report a class of roads that predictions would not trace; built-in legends are taken as intended."""
    roads = [name for name in legend.names if name.casefold() in _ROADS]
    if roads and legend.road is None and legend not in LEGENDS.values():
        warn(
            f"the legend has the class {roads[0]!r}, and does not say that it is the road class: predictions will map "
            f"it, but no roads are traced. To trace them, add `road = {roads[0]!r}` to the legend."
        )

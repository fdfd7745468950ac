"""Check what is labelled before a training run begins, and warn of likely mistakes."""

import warnings

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import DataError, GeosegWarning, UsageError
from geoseg.models.legend import NODATA, Legend
from geoseg.training.recipe.resolve import Run

from .rendered import map_rendered_classes

Counts = npt.NDArray[np.int64]
"""Pixels of each label value."""

_ROADS = frozenset({"road", "roads"})
"""Names of classes to trace road networks from."""


def check_labels(run: Run, trained: Counts, held_out: Counts, images: int) -> None:
    """Check the labels of training images and of `images` held-out ones; GeosegWarnings about likely mistakes.

    DataError if all training pixels are of one class; UsageError if the schedule waits for validation scores and there
    are none.
    """
    scored = held_out[: len(run.labels.legend)].any()
    if run.schedule.patience is not None and not scored:
        missing = "no pixel held out is labelled with a single class" if images else "no image is held out"
        raise UsageError(
            f"schedule.patience waits for validation scores, and {missing}; set data.split.validation, or leave "
            "patience out."
        )
    _check_classes(run, trained)
    _report_roads(run.labels.legend)
    if not images:
        _warn("nothing is held out: there will be no scores, and the last epoch's weights are kept.")
    elif not scored:
        _warn(
            f"no pixel of the {images} held-out images is labelled with a single class: there will be no scores, and "
            "the last epoch's weights are kept."
        )


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
        _warn(f"no training pixel is labelled {' or '.join(missing)}, so the network cannot learn it{hint}.")


def _report_roads(legend: Legend) -> None:
    """Report a class of roads that predictions would not trace; built-in legends are meant to be as they are."""
    roads = [name for name in legend.names if name.casefold() in _ROADS]
    if roads and legend.road is None and legend not in LEGENDS.values():
        _warn(
            f"the legend has the class {roads[0]!r}, and does not say that it is the road class: predictions will map "
            f"it, but no roads are traced. To trace them, add `road = {roads[0]!r}` to the legend."
        )


def _warn(text: str) -> None:
    warnings.warn(text, GeosegWarning, stacklevel=5)

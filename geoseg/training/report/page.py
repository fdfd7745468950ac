"""The report of a training run: one self-contained page."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geoseg.evaluation.report.plots import inlined, plot_confusion
from geoseg.files import write_text
from geoseg.pages.page import data_uri, render
from geoseg.training.run.run_folder import Row, seconds_spent

from .contents import Contents, read_contents
from .film import spread, write_film
from .pictures import GREYS
from .plots import plot_calibration, plot_curves

_SHOWN_EPOCHS = 24
"""Epochs of the validation scene shown on the page; the film may have more."""
_RECENT = 5
"""Epochs whose mean duration predicts the time left."""


def write_report(run: Path) -> Path:
    """Write `report.html`, its plots as SVG and `scene/film.gif` to the folder of a run, finished or not.

    UsageError if its recipe cannot be read.
    """
    contents = read_contents(run)
    page = render(
        "report.html.jinja",
        package=__package__,
        filters={"inlined": inlined, "score": _score, "count": "{:,.0f}".format},
        contents=contents,
        recipe=contents.recipe,
        validation=contents.validation,
        finished=contents.validation is not None,
        spent=seconds_spent(contents.history),
        planned=_planned_epochs(contents),
        left=_time_left(contents),
        rows=_rows(contents),
        curves=_curves(contents),
        confusion=_confusion(contents),
        reliability=_reliability(contents),
        image=None if contents.image is None else _inline_photograph(contents.image),
        reference=None if contents.reference is None else _inline(contents.reference),
        frames=[
            {
                "name": f"epoch {frame.epoch}{' (best)' if frame.epoch == _best_epoch(contents) else ''}",
                "plain": _inline(frame.plain),
                "blended": _inline(frame.blended),
            }
            for frame in spread(contents.frames, _SHOWN_EPOCHS, wanted=_best_epoch(contents))
        ],
        film=_film(contents),
        classes=_classes(contents),
        partial=_partial(contents),
        tiles={kind: list(_tiles(contents, kind)) for kind in ("worst", "best")},
        images=_images(contents),
    )
    write_text(run / "report.html", page)
    return run / "report.html"


def _best_epoch(contents: Contents) -> float | None:
    return None if contents.best is None else contents.best["epoch"]


def _planned_epochs(contents: Contents) -> int | None:
    """Epochs of the schedule; None if it is in minutes."""
    schedule = contents.recipe.schedule
    return schedule.epochs if schedule.minutes is None else None


def _time_left(contents: Contents) -> float | None:
    """Estimate the seconds until the last epoch; None before the first one and after the last."""
    schedule, spent = contents.recipe.schedule, seconds_spent(contents.history)
    missing = schedule.epochs - contents.epochs if schedule.minutes is None else 60 * schedule.minutes - spent
    if contents.validation is not None or not contents.history or missing <= 0:
        return None
    if schedule.minutes is not None:
        return missing
    recent = [row["seconds"] for row in contents.history[-_RECENT:]]
    return missing * sum(recent) / len(recent)


def _rows(contents: Contents) -> list[Row]:
    """Select the epochs of reports, the first, the best and the last."""
    every, best = contents.recipe.schedule.rows_every, _best_epoch(contents)
    ends = (1, contents.epochs, best)
    return [row for row in contents.history if row["epoch"] % every == 0 or row["epoch"] in ends]


def _curves(contents: Contents) -> str | None:
    if not contents.history:
        return None
    svg = plot_curves(contents.history, _best_epoch(contents))
    write_text(contents.folder / "curves.svg", svg)
    return svg


def _confusion(contents: Contents) -> str | None:
    if contents.validation is None:
        return None
    names = [entry["name"] for entry in contents.validation["classes"]]
    matrix = np.asarray(contents.validation["matrix"], np.int64)
    svg = plot_confusion(matrix, names, contents.validation["partial_labels"])
    write_text(contents.folder / "confusion.svg", svg)
    return svg


def _reliability(contents: Contents) -> str | None:
    """Plot the calibration; None unless the probabilities are calibrated and their error is known."""
    calibration = {} if contents.validation is None else contents.validation["calibration"]
    if calibration.get("ece_before") is None:
        return None
    svg = plot_calibration(calibration)
    write_text(contents.folder / "calibration.svg", svg)
    return svg


def _classes(contents: Contents) -> list[Mapping[str, Any]]:
    """Return the scores of each class, with its colour and its share of the reference pixels."""
    if contents.validation is None:
        return []
    entries = contents.validation["classes"]
    colours = {entry.name: entry.colour for entry in contents.legend.classes}
    total = sum(entry["support"] for entry in entries) or 1
    return [entry | {"colour": colours[entry["name"]], "share": entry["support"] / total} for entry in entries]


def _partial(contents: Contents) -> Mapping[str, int] | None:
    """Count the pixels whose label allows several classes, and the `false` ones of other classes; None without any."""
    labels = [] if contents.validation is None else contents.validation["partial_labels"]
    if not labels:
        return None
    names = contents.legend.names
    false = [
        count
        for label in labels
        for name, count in zip(names, label["found"], strict=True)
        if name not in label["allowed"]
    ]
    return {"pixels": sum(sum(label["found"]) for label in labels), "false": sum(false)}


def _tiles(contents: Contents, kind: str) -> Iterator[tuple[str, str]]:
    """Yield captions and pictures of the best or worst tiles."""
    for entry in (contents.validation or {}).get("tiles", {}).get(kind, []):
        path = contents.folder / "tiles" / entry["file"]
        if path.exists():
            place = f"row {entry['row']}, column {entry['column']}"
            yield f"{entry['image']}, {place}: {100 * entry['accuracy']:.0f} % correct", _inline(path)


def _images(contents: Contents) -> list[Mapping[str, Any]]:
    """Return the scores of the validation images, worst first."""
    images: list[Mapping[str, Any]] = list((contents.validation or {}).get("images", []))
    return sorted(images, key=lambda image: -1 if image["mean_iou"] is None else image["mean_iou"])


def _film(contents: Contents) -> str | None:
    if not contents.frames or len(contents.legend) > GREYS:  # whose palette has no room for the text
        return None
    path = contents.folder / "scene" / "film.gif"
    write_film(contents.frames, _planned_epochs(contents) or contents.epochs, contents.legend, path)
    return _inline(path)


def _inline_photograph(path: Path) -> str:
    """Encode a picture as a JPEG in a data URI, a tenth the size of its PNG."""
    target = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(target, "JPEG", quality=88)
    return data_uri("image/jpeg", target.getvalue())


def _inline(path: Path) -> str:
    """Encode a PNG or GIF file as a data URI."""
    return data_uri(f"image/{path.suffix[1:]}", path.read_bytes())


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

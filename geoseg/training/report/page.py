"""The report of a run: one page that needs no other file."""

import base64
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geoseg.evaluation.report.page import render
from geoseg.evaluation.report.plots import plot_confusion
from geoseg.files import write_text
from geoseg.training.run.run_folder import Row

from .contents import Contents, read_contents
from .film import spread, write_film
from .plots import plot_curves

_SHOWN_EPOCHS = 24
"""Epochs of the validation scene that the page carries; the film may have more."""
_LATELY = 5
"""Epochs whose mean duration the time left is told from."""


def write_report(run: Path) -> Path:
    """Write `run/report.html` from what lies in the run folder, whether the run is finished or not.

    Beside it, `curves.svg`, `confusion.svg` and `scene/film.gif` are written as files of their own.

    Raises
    ------
    UsageError
        If the folder holds no recipe that can be read.
    """
    contents = read_contents(run)
    page = render(
        "report.html.jinja",
        package=__package__,
        filters={"score": _score, "duration": _duration, "count": _count},
        contents=contents,
        recipe=contents.recipe,
        validation=contents.validation,
        finished=contents.validation is not None,
        spent=sum(row["seconds"] for row in contents.history),
        left=_time_left(contents),
        rows=_rows(contents),
        curves=_written(run / "curves.svg", plot_curves(contents.history, _best_epoch(contents)))
        if contents.history
        else None,
        confusion=_confusion(contents),
        image=None if contents.image is None else _photograph(contents.image),
        truth=None if contents.truth is None else _inlined(contents.truth),
        frames=[
            {
                "name": f"epoch {frame.epoch}{' (best)' if frame.epoch == _best_epoch(contents) else ''}",
                "plain": _inlined(frame.plain),
                "blended": _inlined(frame.blended),
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


def _time_left(contents: Contents) -> float | None:
    """Seconds until the last epoch of the schedule; None before the first one and after the last."""
    missing = contents.recipe.schedule.epochs - contents.epochs
    if contents.validation is not None or not contents.history or missing <= 0:
        return None
    lately = [row["seconds"] for row in contents.history[-_LATELY:]]
    return missing * sum(lately) / len(lately)


def _rows(contents: Contents) -> list[Row]:
    """Every so many epochs, with the first, the best and the last."""
    every, best = contents.recipe.schedule.table_every, _best_epoch(contents)
    ends = (1, contents.epochs, best)
    return [row for row in contents.history if row["epoch"] % every == 0 or row["epoch"] in ends]


def _confusion(contents: Contents) -> str | None:
    if contents.validation is None:
        return None
    names = [entry["name"] for entry in contents.validation["classes"]]
    matrix = np.asarray(contents.validation["matrix"], np.int64)
    svg = plot_confusion(matrix, names, contents.validation["partial_labels"])
    return _written(contents.folder / "confusion.svg", svg)


def _classes(contents: Contents) -> list[Mapping[str, Any]]:
    """Scores of each class, with its colour and its share of the true pixels."""
    if contents.validation is None:
        return []
    entries = contents.validation["classes"]
    colours = {entry.name: entry.colour for entry in contents.legend.classes}
    total = sum(entry["support"] for entry in entries) or 1
    return [entry | {"colour": colours[entry["name"]], "share": entry["support"] / total} for entry in entries]


def _partial(contents: Contents) -> Mapping[str, int] | None:
    """Pixels whose label is several classes, and those `false` ones found as a class that it excludes; None of none."""
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
    """Caption and picture of the best or worst tiles."""
    for entry in (contents.validation or {}).get("tiles", {}).get(kind, []):
        path = contents.folder / "tiles" / entry["file"]
        if path.exists():
            place = f"row {entry['row']}, column {entry['column']}"
            yield f"{entry['image']}, {place}: {100 * entry['accuracy']:.0f} % right", _inlined(path)


def _images(contents: Contents) -> list[Mapping[str, Any]]:
    """Scores of the validation images, worst first."""
    images: list[Mapping[str, Any]] = list((contents.validation or {}).get("images", []))
    return sorted(images, key=lambda image: -1 if image["mean_iou"] is None else image["mean_iou"])


def _film(contents: Contents) -> str | None:
    if not contents.frames:
        return None
    path = contents.folder / "scene" / "film.gif"
    write_film(contents.frames, contents.recipe.schedule.epochs, contents.legend, path)
    return _inlined(path)


def _photograph(path: Path) -> str:
    """A picture as a JPEG in a data URI: a tenth of its PNG."""
    target = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(target, "JPEG", quality=88)
    return _data_uri("image/jpeg", target.getvalue())


def _inlined(path: Path) -> str:
    """A picture file as a data URI."""
    kinds = {".png": "image/png", ".gif": "image/gif"}
    return _data_uri(kinds[path.suffix], path.read_bytes())


def _written(path: Path, svg: str) -> str:
    """Write a plot, and return it."""
    write_text(path, svg)
    return svg


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    """Seconds as hours and minutes, or what there is of them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

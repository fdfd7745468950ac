"""The report of a batch: one self-contained page, rewritten while the batch progresses."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from geoseg.batch.manifest import Output, Record
from geoseg.errors import OutputError
from geoseg.files import check_outputs, write_text
from geoseg.pages.page import render

from .footprints import draw
from .thumbnails import choose_side, draw_thumbnail

REPORT = "report.html"
"""Name of the file in a batch's folder."""
_NO_COLOUR = "transparent"
_TITLE, _HEAD = b"<title>Batch of ", 1000
"""Start of a report's title, and the number of leading bytes that contain it."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A scene on the page."""

    number: int
    """From 1, failed scenes first."""
    record: Record
    classes: Output | None
    """Its class raster."""
    thumbnail: str | None
    """Data URI of a picture."""


def check_report(folder: Path) -> None:
    """Raise OutputError if the report of a batch cannot be written, or would replace another file."""
    path = folder / REPORT
    check_outputs([path], overwrite=True, create=True, choose="another `folder`")
    if path.exists() and not _is_report(path):
        raise OutputError(f"{path} exists and is not a batch report; choose another `folder`.")


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as page:
            return _TITLE in page.read(_HEAD)
    except OSError:
        return False


def write_report(records: Iterable[Record], folder: Path, *, scenes: int | None = None) -> Path:
    """Write `report.html` to the folder of a batch, finished or not; return its path.

    `scenes` is the number of scenes in the batch, by default that of the records. The page loads no other files.
    OutputError if it cannot be written.
    """
    # Failed scenes first: they need attention.
    ordered = sorted(records, key=lambda record: record.state != "failed")
    expected = max(len(ordered), scenes or 0)
    side = choose_side(expected)
    entries = [_entry(number, record, folder, side) for number, record in enumerate(ordered, 1)]
    page = render(
        "batch.html.jinja",
        package=__package__,
        filters={
            "count": "{:,.0f}".format,
            "colour": _colour,
            "moment": _moment,
            "percent": "{:.1%}".format,
            "size": decimal,
        },
        entries=entries,
        left=expected - len(ordered),
        totals=_totals(ordered),
        map=draw({each.number: each.record.bounds_lonlat for each in entries if each.record.bounds_lonlat is not None}),
        side=side,
    )
    # A file name may have bytes that are not UTF-8.
    write_text(folder / REPORT, page.encode("utf-8", "backslashreplace").decode())
    return folder / REPORT


def _entry(number: int, record: Record, folder: Path, side: int) -> _Entry:
    # A failed scene may have results of an earlier batch, made with other settings.
    made = record.outputs if record.state == "done" else ()
    classes = next((each for each in made if each.path == f"{record.name}_classes.tif"), None)
    thumbnail = None
    if classes is not None and side and _is_file(folder / classes.path):
        thumbnail = draw_thumbnail(folder / classes.path, classes.sha256, side)
    return _Entry(number=number, record=record, classes=classes, thumbnail=thumbnail)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # of a name that no file can have
        return False


def _totals(records: Sequence[Record]) -> Mapping[str, Any]:
    """Sum over the scenes that are done."""
    done = [record for record in records if record.state == "done"]
    stages: dict[str, float] = {}
    classes: dict[tuple[str, str], tuple[int, float | None]] = {}
    for record in done:
        for stage, seconds in record.stages.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
        for area in record.areas:
            pixels, area_m2 = classes.get((area.name, area.colour), (0, 0.0))
            total = None if area_m2 is None or area.area_m2 is None else area_m2 + area.area_m2
            classes[area.name, area.colour] = pixels + area.pixels, total
    valid = sum(pixels for pixels, _ in classes.values()) or 1
    networks = [record.roads for record in done if record.roads is not None]
    return {
        "done": len(done),
        "failed": len(records) - len(done),
        "pixels": sum(record.pixels for record in done),
        "seconds": sum(record.seconds for record in records),
        "started": min((record.started for record in records), default=None),
        "ended": max((record.ended for record in records), default=None),
        "bytes": sum(output.bytes for record in done for output in record.outputs),
        "files": sum(len(record.outputs) for record in done),
        "stages": sorted(stages.items(), key=lambda item: -item[1]),
        "classes": [
            {"name": name, "colour": colour, "share": pixels / valid, "area_m2": area_m2}
            for (name, colour), (pixels, area_m2) in classes.items()
        ],
        "road_km": sum(each.length_km or 0.0 for each in networks) if networks else None,
    }


def _colour(text: str) -> str:
    """Return a legend's colour if it is one: a manifest may have been edited, and other text could be any CSS."""
    return text if re.fullmatch("#[0-9a-fA-F]{6}", text) else _NO_COLOUR


def _moment(text: str) -> str:
    """Format an ISO time in UTC, to the minute; other text is returned unchanged."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

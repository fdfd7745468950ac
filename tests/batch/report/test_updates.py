"""The report of a running batch is written again as scenes end."""

import math

import pytest
from standins import warned

from geoseg.batch.events import BlockDone, Ended, SceneDone, SceneFailed
from geoseg.batch.manifest import Record
from geoseg.batch.report import with_report


def record(name):
    """The record of a scene that failed."""
    times = {"started": "2025-03-01T23:59:00+00:00", "ended": "2025-03-02T00:01:30+00:00", "seconds": 90.0}
    return Record(scene=name, name=name, state="failed", error="x", **times)


@pytest.mark.parametrize("every_s", [0, math.inf])
def test_when_it_is_written(tmp_path, every_s):
    """When the first scene ends, then at most so often, and at the end; every event is handed on."""
    heard, records = [], {}
    listen = with_report(heard.append, tmp_path, records, ["a", "b", "c"], every_s=every_s)

    def title():
        page = tmp_path / "report.html"
        return page.read_text().partition("<h1>")[2].partition("</h1>")[0] if page.exists() else None

    events = [BlockDone("a", 1), SceneFailed(record("a"), again=True), SceneDone(record("b")), Ended(0, 2, 0, 1.0)]
    listen(events[0])
    assert title() is None
    records["a"] = record("a")
    listen(events[1])
    assert title() == "Batch: 0 done, 1 failed, 2 left"
    records["b"] = record("b")
    listen(events[2])
    assert title() == ("Batch: 0 done, 1 failed, 2 left" if every_s else "Batch: 0 done, 2 failed, 1 left")
    records["earlier"] = record("earlier")
    listen(events[3])
    assert title() == "Batch: 0 done, 3 failed, 1 left"
    assert heard == events


def test_it_cannot_be_written(tmp_path):
    """That is a warning: the batch goes on."""
    (tmp_path / "file").write_text("")
    with warned("report.html cannot be written"):
        with_report(lambda _event: None, tmp_path / "file", {}, ["a"])(Ended(0, 0, 0, 1.0))

"""Events: one line of JSON each, whose type other programs can tell."""

import json

import pytest

from geoseg.batch.events import Ended, SceneDone, SceneFailed, SceneStarted, Started, to_json
from geoseg.batch.manifest import Output, Record

RECORD = Record(
    scene="/scenes/two\nlines.tif", name="two", state="done", started="2025-05-01T21:00:00+00:00",
    ended="2025-05-01T21:00:02+00:00", seconds=2.0, outputs=(Output(path="two_classes.tif", bytes=1, sha256="0"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Started(3, 900, 1), {"event": "started", "scenes": 3, "pixels": 900, "skipped": 1, "needs": ""}),
        (
            SceneStarted("a\n.tif", "a", 9),
            {"event": "scene_started", "scene": "a\n.tif", "name": "a", "pixels": 9, "note": ""},
        ),
        (Ended(1, 2, 3, 0.5), {"event": "ended", "done": 1, "failed": 2, "skipped": 3, "seconds": 0.5}),
    ],
)
def test_line(event, expected):
    """An event is one line, whatever its names hold, of its type in snake case and its fields."""
    line = to_json(event)
    assert len(line.splitlines()) == 1
    assert json.loads(line) == expected


def test_records_are_those_of_the_manifest():
    """A scene's events hold its record, as the manifest does."""
    done, failed = json.loads(to_json(SceneDone(RECORD))), json.loads(to_json(SceneFailed(RECORD, again=True)))
    assert (done["event"], failed["event"], failed["again"]) == ("scene_done", "scene_failed", True)
    assert done["record"] == failed["record"]
    assert done["record"]["outputs"] == [{"path": "two_classes.tif", "bytes": 1, "sha256": "0"}]

"""Several scenes in work at a time, as on a cluster: the same results, records and events; one bad scene stops none."""

from collections import Counter
from pathlib import Path

import pytest
from processes import batch_results
from standins import FailingLoads, Together

import geoseg
from geoseg.batch.events import BlockDone, SceneDone, SceneFailed, SceneStarted, Started
from geoseg.batch.manifest import read_manifest
from geoseg.prediction.predict import predict_each
from geoseg.prediction.results.write import write_results

EXECUTOR = Together(workers=2)


def test_the_same_files(scenes, run, tmp_path):
    """Scenes in work at the same time get the files of scenes in turn, byte for byte."""
    run(scenes, folder=tmp_path / "in turn")
    summary, events = run(scenes, executor=EXECUTOR)
    assert batch_results(tmp_path / "maps") == batch_results(tmp_path / "in turn")
    assert {record.scene for record in summary.done} == {*scenes}
    begun, ended = [], Counter()
    for event in events:
        if isinstance(event, SceneStarted):
            begun.append(event.scene)
        elif isinstance(event, BlockDone):
            ended[event.scene] += event.pixels
        elif isinstance(event, SceneDone):
            assert ended[event.record.scene] == event.record.pixels
        if len(begun) < 2:
            assert not ended, "the second scene is begun before the first has a block"
    assert begun == scenes
    assert sum(ended.values()) == next(event.pixels for event in events if isinstance(event, Started))


def test_bad_scenes_among_them(scenes, run, tmp_path):
    """Scenes that cannot be opened, or fail in the middle, are recorded; the others are done."""
    with Path(scenes[1]).open("r+b") as damaged:
        damaged.truncate(5000)
    summary, events = run(["nowhere.tif", *scenes], executor=EXECUTOR)
    assert {record.name for record in summary.done} == {"a", "c"}
    assert {record.name for record in summary.failed} == {"nowhere", "b"}
    assert summary.exit_code == 3
    assert {record.name: record.state for record in read_manifest(tmp_path / "maps")} == {
        "nowhere": "failed", "a": "done", "b": "failed", "c": "done",
    }  # fmt: skip
    assert not any(event.again for event in events if isinstance(event, SceneFailed))
    assert {path.name[0] for path in (tmp_path / "maps").glob("*_classes.tif")} == {"a", "c"}


def test_retries(scenes, run):
    """A scene that fails is tried again after the others."""
    summary, events = run(scenes, load=FailingLoads(2), executor=EXECUTOR, retries=1)
    (failed,) = (event for event in events if isinstance(event, SceneFailed))
    assert failed.again
    assert Counter(record.attempts for record in summary.done) == {1: 2, 2: 1}
    started = [event.scene for event in events if isinstance(event, SceneStarted)]
    assert started == [*scenes, failed.record.scene]
    assert summary.exit_code == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("standard output cannot be written")])
def test_what_ends_all(scenes, run, tmp_path, error):
    """After an interrupt, or an error that concerns all, no scene is locked or half-written, and a rerun completes."""
    blocks = []

    def listen(event):
        blocks.append(isinstance(event, BlockDone))
        if sum(blocks) == 3:
            raise error

    with pytest.raises(type(error)) as caught:
        run(scenes, on_event=listen, executor=EXECUTOR)
    assert caught.value is error
    assert all(record.state == "done" for record in read_manifest(tmp_path / "maps"))
    summary, _ = run(scenes, executor=EXECUTOR)
    assert {each.scene for each in (*summary.done, *summary.skipped)} == {*scenes}
    run(scenes, folder=tmp_path / "in turn")
    assert batch_results(tmp_path / "maps") == batch_results(tmp_path / "in turn")


def test_writers_are_bounded(scenes, run, monkeypatch):
    """The files of as many scenes are written at the same time as the executor says, and no more."""
    import threading

    lock, now, most = threading.Lock(), [], []
    both = threading.Barrier(2, timeout=60)

    def write(*arguments, **choices):
        with lock:
            now.append(1)
            most.append(len(now))
            number = len(most)
        if number <= 2:
            both.wait()
        made = write_results(*arguments, **choices)
        with lock:
            now.pop()
        return made

    monkeypatch.setattr("geoseg.prediction.run.write_results", write)
    summary, _ = run(scenes, executor=EXECUTOR)
    assert len(summary.done) == 3
    assert max(most) == 2


def test_results_in_order(scenes, write_bundle, echo, tmp_path):
    """Those who predict scenes one by one get results in their order, whichever ends first."""
    sources = [scenes[0], "nowhere.tif", *scenes[1:]]
    outcomes = list(predict_each(sources, model=write_bundle(), folder=tmp_path / "maps", load=echo, executor=EXECUTOR))
    assert [source for source, _ in outcomes] == sources
    assert [isinstance(made, geoseg.SceneError) for _, made in outcomes] == [False, True, False, False]

"""Batches on worker processes of a Dask cluster: many small scenes fill it."""

import os
import threading
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from clusters import LoadPatient, cluster, restarting, when_reached
from processes import batch_results
from standins import Echo
from waiting import wait_for_threads

from geoseg.batch.batch import batch
from geoseg.batch.events import BlockDone, SceneDone, SceneFailed, SceneStarted
from geoseg.batch.manifest import read_manifest
from geoseg.errors import ClusterError
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.results.write import write_results

pytestmark = pytest.mark.slow

WAIT_S = 60
"""Seconds after which a hanging test fails."""


@pytest.fixture
def small(write_scene, noise, tmp_path):
    """Paths of five scenes of one to three blocks."""
    (tmp_path / "scenes").mkdir()
    return [str(write_scene(noise(20 + 35 * (n % 3), 60 + n), f"scenes/{n}.tif")) for n in range(5)]


class FailOnce:
    """Loads engines; the first to be loaded by any process fails."""

    def __init__(self, folder):
        self.mark = folder / "failed"

    def __call__(self, model, options):
        with suppress(FileExistsError):
            self.mark.touch(exist_ok=False)
            raise RuntimeError("a bug")
        return Echo()


def test_same_files(small, write_bundle, echo, tmp_path):
    """Workers write what one process does, with bad scenes among good ones, and one that is done when tried again."""
    model = write_bundle()
    batch(small, folder=tmp_path / "here", model=model, load=echo)
    damaged = tmp_path / "scenes" / "damaged.tif"
    damaged.write_bytes(Path(small[2]).read_bytes()[:3000])
    events = []
    with cluster(tmp_path, 2) as (client, _):
        summary = batch(
            ["nowhere.tif", *small[:2], str(damaged), *small[2:]],
            folder=tmp_path / "spread",
            model=model,
            load=FailOnce(tmp_path),
            executor=DaskExecutor(client=client),
            retries=1,
            on_event=events.append,
        )
    assert batch_results(tmp_path / "spread") == batch_results(tmp_path / "here")
    assert {record.scene for record in summary.done} == {*small}
    assert {record.name for record in summary.failed} == {"nowhere", "damaged"}
    failed = Counter(event.again for event in events if isinstance(event, SceneFailed))
    assert failed[False] == 2
    assert failed[True] in (1, 2), "whichever scene was the first to load an engine, which may be the damaged one"
    pixels = {}
    for event in events:
        if isinstance(event, SceneStarted):
            pixels[event.scene] = 0
        elif isinstance(event, BlockDone):
            pixels[event.scene] += event.pixels
        elif isinstance(event, SceneDone):
            assert pixels[event.record.scene] == event.record.pixels
    assert not [*(tmp_path / "spread").glob(".*")], "no work folder is left"


class Meeting(Echo):
    """Waits at its first tile until as many scenes have got there."""

    def __init__(self, folder, scenes):
        self.folder, self.scenes = folder, scenes
        self.met = False

    def __call__(self, pixels):
        if not self.met:
            (self.folder / f"met_{os.getpid()}").touch()
            for _ in range(WAIT_S * 20):
                if len([*self.folder.glob("met_*")]) == self.scenes:
                    break
                threading.Event().wait(0.05)
            else:
                raise RuntimeError("no other scene was begun")
            self.met = True
        return super().__call__(pixels)


class LoadMeeting:
    """Loads a `Meeting`."""

    def __init__(self, folder, scenes):
        self.arguments = folder, scenes

    def __call__(self, model, options):
        return Meeting(*self.arguments)


def test_a_scene_for_each_worker(write_scene, noise, write_bundle, tmp_path):
    """Scenes of one block are in work at the same time, one on each worker: each waits for the other."""
    scenes = [str(write_scene(noise(50, 50), f"{name}.tif")) for name in "abc"]
    with cluster(tmp_path, 2) as (client, _):
        summary = batch(
            scenes,
            folder=tmp_path / "maps",
            model=write_bundle(),
            load=LoadMeeting(tmp_path, 2),
            executor=DaskExecutor(client=client),
        )
    assert [record.error for record in summary.failed] == []
    assert len(summary.done) == 3


def test_an_interrupt(small, write_bundle, echo, tmp_path):
    """Interrupted with several scenes in work, a batch leaves none locked, and completes when it is called again."""
    model = write_bundle()
    batch(small, folder=tmp_path / "here", model=model, load=echo)
    blocks = []

    def interrupt(event):
        blocks.append(isinstance(event, BlockDone))
        if sum(blocks) == 3:
            raise KeyboardInterrupt

    call = {"folder": tmp_path / "spread", "model": model, "load": echo}
    with cluster(tmp_path, 2) as (client, _):
        executor = DaskExecutor(client=client)
        with pytest.raises(KeyboardInterrupt):
            batch(small, on_event=interrupt, executor=executor, **call)
        assert all(record.state == "done" for record in read_manifest(tmp_path / "spread"))
        wait_for_threads("finish", "leave")  # what was being written then is locked until its task ends
        summary = batch(small, executor=executor, **call)
    assert not summary.failed
    assert batch_results(tmp_path / "spread") == batch_results(tmp_path / "here")


def test_a_restarted_scheduler(write_scene, noise, write_bundle, tmp_path, monkeypatch):
    """A batch ends soon though the files of a scene are begun on a scheduler that has no workers yet; it resumes."""
    scenes = [str(write_scene(noise(side, side), f"{side}.tif")) for side in (50, 250)]
    call = {"folder": tmp_path / "maps", "model": write_bundle(), "load": LoadPatient(tmp_path)}
    restarted = threading.Event()

    def write_late(*arguments, **choices):
        assert restarted.wait(WAIT_S)
        return write_results(*arguments, **choices)

    monkeypatch.setattr("geoseg.prediction.run.write_results", write_late)
    with ExitStack() as stack:
        client, scheduler = stack.enter_context(cluster(tmp_path, 1))
        port = client.scheduler.address.rpartition(":")[2]

        def restart():
            stack.enter_context(restarting(tmp_path, scheduler, port))
            restarted.set()

        thread = when_reached(tmp_path, restart)
        with pytest.raises(ClusterError, match="predictions resume"):
            batch(scenes, executor=DaskExecutor(client=client), **call)
        thread.join(WAIT_S)
    (tmp_path / "go").touch()
    with cluster(tmp_path, 1, port=port) as (client, _):
        summary = batch(scenes, executor=DaskExecutor(client=client), **call)
    assert len(summary.done) == 2

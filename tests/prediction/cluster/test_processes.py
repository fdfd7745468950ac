"""Predictions on a Dask cluster that is started by hand: worker processes, a scheduler that ends, and what resumes."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from clusters import LoadPatient, cluster, die_once, restarting, wait_to_go, when_reached, working
from standins import load_deadly, load_noted, load_timed_out, waves

import geoseg
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.cluster.trouble import run_on_workers

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(write_scene):
    """A scene of many tiles, whose third band, the road, has lines."""
    return write_scene(waves(500, 330))


ALL = {"confidence": True, "disagreement": True, "probabilities": True, "stac": False}


def files(done):
    return {path.name: path.read_bytes() for path in done.outputs.files}


@pytest.mark.parametrize("choices", [ALL, {"match_input": True, "gsd_m": 1.3}])
def test_same_bytes(scene, write_bundle, echo, tmp_path, choices):
    """Workers write the files of a local run, class for class and road for road, and report its stages and areas."""
    model = write_bundle()
    local = geoseg.predict(scene, model=model, folder=tmp_path / "local", load=echo, **choices)
    with cluster(tmp_path, 2) as (client, _):
        spread = geoseg.predict(
            scene, model=model, folder=tmp_path / "spread", load=echo, executor=DaskExecutor(client=client), **choices
        )
    assert files(spread) == files(local)
    assert local.roads.count
    assert (spread.areas, spread.roads) == (local.areas, local.roads)
    assert {"network", "blend", "compress", "roads"} <= spread.stages.keys()
    assert {path.name for path in (tmp_path / "spread").iterdir()} == {
        path.name for path in (tmp_path / "local").iterdir()
    }


def test_a_killed_worker(scene, write_bundle, echo, tmp_path):
    """A worker that is killed in the middle of a block loses nothing: another one repeats the block."""
    model = write_bundle()
    plain = geoseg.predict(scene, model=model, folder=tmp_path / "plain", load=echo)

    def kill():
        (tmp_path / "go").touch()
        for path in tmp_path.glob("reached_*"):
            os.kill(int(path.name.partition("_")[2]), signal.SIGKILL)

    with cluster(tmp_path, 2) as (client, _):
        thread = when_reached(tmp_path, kill)
        done = geoseg.predict(
            scene,
            model=model,
            folder=tmp_path / "out",
            load=LoadPatient(tmp_path),
            executor=DaskExecutor(client=client),
        )
        thread.join(60)
    assert files(done) == files(plain)


def test_a_worker_that_dies_as_a_run_begins(tmp_path):
    """A worker that ends while all are asked is left out, and is not taken for the scheduler."""
    with cluster(tmp_path, 2) as (client, _):
        assert list(run_on_workers(client, die_once, tmp_path).values()) == [42]


def test_a_killed_scheduler(scene, write_bundle, echo, tmp_path):
    """A scheduler that ends is one sentence; what was finished stays, and the same call resumes on another cluster."""
    model = write_bundle()
    plain = geoseg.predict(scene, model=model, folder=tmp_path / "plain", load=echo)
    call = {"model": model, "folder": tmp_path / "out"}
    with cluster(tmp_path, 1) as (client, scheduler):
        thread = when_reached(tmp_path, scheduler.kill)
        with pytest.raises(geoseg.ClusterError, match=r"the Dask scheduler at tcp.* predictions resume"):
            geoseg.predict(scene, load=LoadPatient(tmp_path), executor=DaskExecutor(client=client), **call)
        thread.join(60)
    (tmp_path / "go").touch()
    before = {*tmp_path.glob("out/.*/*/classes_*.tif")}
    assert before
    with cluster(tmp_path, 1) as (client, _):
        done = geoseg.predict(scene, load=LoadPatient(tmp_path), executor=DaskExecutor(client=client), **call)
    assert files(done) == files(plain)


def test_a_restarted_scheduler(scene, write_bundle, echo, tmp_path):
    """A scheduler that is started again in its place does not know the tasks: the same, and then with new workers."""
    model = write_bundle()
    plain = geoseg.predict(scene, model=model, folder=tmp_path / "plain", load=echo)
    call = {"model": model, "folder": tmp_path / "out"}
    with ExitStack() as stack:
        client, scheduler = stack.enter_context(cluster(tmp_path, 1))
        port = client.scheduler.address.rpartition(":")[2]

        thread = when_reached(tmp_path, lambda: stack.enter_context(restarting(tmp_path, scheduler, port)))
        with pytest.raises(geoseg.ClusterError, match=r"stopped or restarted .* predictions resume"):
            geoseg.predict(scene, load=LoadPatient(tmp_path), executor=DaskExecutor(client=client), **call)
        thread.join(60)
    (tmp_path / "go").touch()
    assert [*tmp_path.glob("out/.*/*/classes_*.tif")]
    with cluster(tmp_path, 1, port=port) as (client, _):
        done = geoseg.predict(scene, load=LoadPatient(tmp_path), executor=DaskExecutor(client=client), **call)
    assert files(done) == files(plain)


def test_a_client_that_restarts_the_workers(scene, write_bundle, echo, tmp_path):
    """`Client.restart` ends what workers do in the same sentence; whatever is begun once there are new ones is done."""
    model = write_bundle()
    plain = geoseg.predict(scene, model=model, folder=tmp_path / "plain", load=echo)
    go = tmp_path / "go"

    def reached():
        return [*tmp_path.glob("reached_*")]

    with ExitStack() as stack:
        client, _ = stack.enter_context(cluster(tmp_path, 1, "--no-nanny"))  # one would start them in its own time
        executor = DaskExecutor(client=client)

        def renew():
            stack.enter_context(working(tmp_path, 1, "--no-nanny"))
            client.wait_for_workers(1, timeout=60)

        def restart():
            client.restart(wait_for_workers=False)
            go.touch()

        for begin in (
            lambda: executor.submit(wait_to_go, tmp_path).result(60),
            lambda: geoseg.predict(
                scene, model=model, folder=tmp_path / "out", load=LoadPatient(tmp_path), executor=executor
            ),
        ):
            thread = when_reached(tmp_path, restart)
            with pytest.raises(geoseg.ClusterError, match="stopped or restarted"):
                begin()
            thread.join(60)
            with pytest.raises(geoseg.ClusterError, match="start it and its workers"):
                executor.submit(wait_to_go, tmp_path).result(60)  # not: waits for ever
            renew()
            assert executor.submit(wait_to_go, tmp_path).result(60) == 42
            done = begin()
            for path in (go, *reached()):
                path.unlink()
    assert files(done) == files(plain)


def test_engines_of_workers(write_scene, tmp_path, monkeypatch):
    """A worker loads the model once, from its own copy, and the engine keeps to the threads of the worker."""
    monkeypatch.setenv("NOTES", str(tmp_path))
    scene = write_scene(np.random.default_rng(0).integers(0, 255, (3, 700, 300), dtype=np.uint8))
    with cluster(tmp_path, 2) as (client, _):
        geoseg.predict(scene, folder=tmp_path / "out", tile=96, load=load_noted, executor=DaskExecutor(client=client))
    notes = [line.split(maxsplit=3) for line in (tmp_path / "notes").read_text().splitlines()]
    assert len(notes) > 4
    assert len({note[0] for note in notes}) == len({tuple(note[:2]) for note in notes}) == 2
    assert {note[2] for note in notes} == {"1"}
    assert all(Path(note[3]).is_relative_to(tmp_path / "scratch") for note in notes)


def test_a_deadly_block(scene, write_bundle, tmp_path, monkeypatch):
    """A block that ends one worker after the other ends the prediction in a sentence, not in repetition for ever."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with cluster(tmp_path, 1) as (client, _), pytest.raises(geoseg.GeosegError, match=r"several Dask workers.*memory"):
        geoseg.predict(
            scene,
            model=write_bundle(),
            folder=tmp_path / "out",
            load=load_deadly,
            executor=DaskExecutor(client=client),
        )


def test_another_version(scene, write_bundle, echo, tmp_path, monkeypatch):
    """Workers with another geoseg are refused: its maps might differ."""
    monkeypatch.setattr("geoseg.prediction.cluster.executor.__version__", "0.0.1")
    with cluster(tmp_path, 1) as (client, _), pytest.raises(geoseg.UsageError, match=r"has geoseg .* process 0\.0\.1"):
        geoseg.predict(
            scene,
            model=write_bundle(),
            folder=tmp_path / "out",
            load=echo,
            executor=DaskExecutor(client=client),
        )


@pytest.mark.parametrize("version", [None, "0.0.1"])
def test_workers_without_this_geoseg(scene, write_bundle, write_ids, blobs, tmp_path, version):
    """Workers without geoseg, or with one that lacks what they are sent, are named, whatever they are to do."""

    def replace():
        import sys
        import types

        for name in [name for name in sys.modules if name.startswith("geoseg")]:
            del sys.modules[name]
        sys.modules["geoseg"] = None
        if version is not None:
            sys.modules["geoseg"] = types.ModuleType("geoseg")
            sys.modules["geoseg"].__version__ = version

    refused = r"the Dask worker at tcp\S+ has no geoseg; install version"
    if version is not None:
        refused = rf"the Dask worker at tcp\S+ has geoseg {version}, and this process {geoseg.__version__}; install"
    with cluster(tmp_path, 1) as (client, _):
        client.run(replace)
        with pytest.raises(geoseg.UsageError, match=refused):
            geoseg.predict(scene, model=write_bundle(), folder=tmp_path / "out", executor=DaskExecutor(client=client))
        with pytest.raises(geoseg.UsageError, match=refused):
            geoseg.polygonise(write_ids(blobs(40, 40)), tmp_path / "out.gpkg", executor=DaskExecutor(client=client))


def test_a_file_that_does_not_answer(scene, write_bundle, tmp_path):
    """What times out in the file system of a worker is not taken for the scheduler."""
    with cluster(tmp_path, 1) as (client, _):
        executor = DaskExecutor(client=client)
        with pytest.raises(geoseg.OutputError, match=r"did not answer the Dask worker on .* check the folder"):
            geoseg.predict(scene, model=write_bundle(), folder=tmp_path / "out", executor=executor, load=load_timed_out)

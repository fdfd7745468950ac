"""`predict` raises KeyboardInterrupt at once; threads that it cannot stop keep the results locked until they end."""

import errno
import os
import signal
import sys
import threading

import pytest
from processes import start
from waiting import wait_for_threads
from web_server import serving

import geoseg
from geoseg.prediction import plan
from geoseg.prediction.predict import predict_each
from geoseg.prediction.results import rasters
from geoseg.rasters import levels

WAIT = 20
"""Seconds after which a hanging test fails."""


@pytest.fixture
def stuck(monkeypatch):
    """Interrupt the main thread once a step of writing rasters begins, and hold that up; returns what lets go."""
    let_go, begun = threading.Event(), []

    def at(name):
        step = getattr(rasters, name)

        def hold(*arguments, **options):
            begun.append(name)
            if len(begun) == 1:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert let_go.wait(WAIT)
            return step(*arguments, **options)

        monkeypatch.setattr(rasters, name, hold)
        return let_go, begun

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    yield at
    let_go.set()
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("several", [False, True])
def test_while_files_are_written(write_scene, write_bundle, noise, echo, tmp_path, stuck, several):
    """What is being written keeps its lock, publishes nothing, and can be resumed afterwards."""
    scene, arguments = write_scene(noise(90, 70)), {"model": write_bundle(), "folder": tmp_path / "out", "load": echo}
    let_go, _ = stuck("write_cog")

    def predict():
        return list(predict_each([str(scene)], **arguments)) if several else geoseg.predict(scene, **arguments)

    with pytest.raises(KeyboardInterrupt):
        predict()
    with pytest.raises(geoseg.OutputError, match="another process"):
        geoseg.predict(scene, **arguments)
    let_go.set()
    wait_for_threads("finish", "leave")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"]
    predict()
    assert (tmp_path / "out" / "scene_classes.tif").exists()
    assert not (tmp_path / "out" / ".scene.geoseg").exists()


def test_while_parts_of_a_raster_are_made(write_scene, write_bundle, noise, echo, tmp_path, monkeypatch, stuck):
    """No part is begun any more, and the same call completes with the same files."""
    for module in (plan, levels):
        monkeypatch.setattr(module, "PART", 2**18)
    monkeypatch.setattr(rasters, "count_cores", lambda: 2)
    scene, model = write_scene(noise(2100, 700)), write_bundle()

    def predict(folder):
        return geoseg.predict(scene, model=model, folder=tmp_path / folder, load=echo).outputs.files

    expected = [path.read_bytes() for path in predict("whole")]
    let_go, begun = stuck("make_part")
    with pytest.raises(KeyboardInterrupt):
        predict("out")
    let_go.set()
    wait_for_threads("compress", "finish", "leave")
    assert len(begun) <= 2
    assert [path.read_bytes() for path in predict("out")] == expected
    assert len(begun) > 8


def test_a_part_that_cannot_be_written(write_scene, write_bundle, noise, echo, tmp_path, monkeypatch):
    """The error is raised, and the results are unlocked, once no other part is being made."""
    for module in (plan, levels):
        monkeypatch.setattr(module, "PART", 2**18)
    monkeypatch.setattr(rasters, "count_cores", lambda: 2)
    other, raised, outlived = threading.Event(), threading.Event(), []

    def make_part(part):
        if part.blocks.start == 0:
            assert other.wait(WAIT)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        other.set()
        outlived.append(raised.wait(0.5))
        return levels.make_part(part)

    monkeypatch.setattr(rasters, "make_part", make_part)
    with pytest.raises(geoseg.OutputError, match="No space left"):
        geoseg.predict(
            write_scene(noise(2100, 700)), model=write_bundle(), folder=tmp_path / "out", load=echo, roads=False
        )
    raised.set()
    wait_for_threads("finish")
    assert outlived == [False]


def test_a_reader_that_waits_for_a_server(write_scene, write_bundle, noise, tmp_path):
    """A script is interrupted at once while a thread waits inside GDAL, and then ends."""
    script = """
import sys
from standins import load_echo
import geoseg
try:
    geoseg.predict(*sys.argv[1:2], model=sys.argv[2], folder=sys.argv[3], load=load_echo)
except KeyboardInterrupt:
    print("interrupted")
"""
    write_scene(noise(2000, 100), blockysize=16)
    with serving(tmp_path) as server:
        server.behave(silent_from=1)  # the header has arrived
        words = [server.url("scene.tif"), str(write_bundle()), str(tmp_path / "out")]
        with start([sys.executable, "-c", script, *words], GDAL_HTTP_LOW_SPEED_TIME="600") as process:
            server.wait_for_silence()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=WAIT)[0] == "interrupted\n"

"""A first Ctrl-C or SIGTERM saves the piece in progress, a second one stops at once; the same command resumes."""

import os
import signal

import pytest
from executors import on_executors
from processes import WAIT, contents, finish, shipped, stand_in, start

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SIGNALS = {number.name: number for number in CODES}
SAVING = "geoseg: stopping once the piece in progress is saved; press Ctrl-C again to stop at once.\n"
INTERRUPTED = "geoseg: interrupted; the same command resumes.\n"


@pytest.fixture
def words(write_scene, bundle, noise, tmp_path):
    """Arguments of a prediction of several pieces."""
    return "predict", write_scene(noise(300, 90)), "-m", bundle, "-q", "-o", tmp_path / "out"


@pytest.fixture
def expected(words, in_peace):
    """Results of a run that nothing stops."""
    return in_peace(*words)


@pytest.fixture
def running(words, executor, gate):
    """The command in a process group of its own, as a terminal starts it, with its networks held up."""
    command = ["setsid", *executor.command(*words, held=True)]
    with start(command, **executor.environment, **gate.environment) as process:
        gate.wait()
        yield process
        gate.open()


def pieces(tmp_path):
    return list((tmp_path / "out").glob(".scene.geoseg/*/classes_*.tif"))


def send(process, number):
    """Send a signal, to all processes of the group if a terminal does so."""
    (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)


@on_executors("number", SIGNALS, devices=["SIGINT"], dask=["SIGINT"])
def test_once(words, executor, expected, running, gate, tmp_path, number):
    """The piece in work is finished and saved, one sentence says so, and the exit code is that of the signal."""
    send(running, number)
    assert running.stderr.readline() == SAVING
    assert not pieces(tmp_path)
    gate.open()
    _, text = running.communicate(timeout=WAIT)
    assert (running.returncode, text) == (CODES[number], INTERRUPTED)
    # Workers have several in work.
    assert len(pieces(tmp_path)) >= 1 if executor.name == "dask" else len(pieces(tmp_path)) == 1
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


@on_executors("number", SIGNALS, devices=["SIGTERM"], dask=["SIGTERM"])
def test_twice(words, executor, expected, running, tmp_path, number):
    """A second signal does not wait for a network that never answers."""
    send(running, number)
    assert running.stderr.readline() == SAVING
    send(running, number)
    running.wait(WAIT)  # it gets no answer before
    text = running.stderr.read()
    assert (running.returncode, text) == (CODES[number], INTERRUPTED)
    assert not pieces(tmp_path)
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


@on_executors("number", {"SIGTERM": signal.SIGTERM}, devices=["SIGTERM"], dask=["SIGTERM"])
def test_between_pieces(words, executor, expected, tmp_path, number):
    """While no piece is in work, as when files are written, the first signal stops at once."""
    never = "write.class_style = lambda *_: (print('writing', flush=True), threading.Event().wait())\n"
    command = ["setsid", *executor.command(*words, first=never)]
    with start(command, **executor.environment) as process:
        assert process.stdout.readline() == "writing\n"
        send(process, number)
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (CODES[number], INTERRUPTED)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name != ".scene.geoseg"]
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


@on_executors("number", SIGNALS, dask=["SIGHUP"])
def test_signals_that_are_ignored(words, executor, expected, gate, tmp_path, number):
    """What `nohup` or a shell has a command ignore stays ignored."""
    ignore = f"signal.signal({int(number)}, signal.SIG_IGN)\n"
    command = ["setsid", *executor.command(*words, held=True, first=ignore)]
    with start(command, **executor.environment, **gate.environment) as process:
        gate.wait()
        send(process, number)
        gate.open()
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_commands_that_do_not_resume(write_scene, noise, tmp_path, number):
    """Other commands stop at the first signal, and leave no work folder."""
    (tmp_path / "out").mkdir()
    held = """
from geoseg.rasters import resize
resize._write = lambda *_, **__: (print('writing', flush=True), threading.Event().wait())
"""
    words = "resize", write_scene(noise(300, 90)), tmp_path / "out" / "large.tif", "--scale", "2"
    with start(stand_in(*words, first=held)) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (CODES[number], "geoseg: interrupted.\n")
    assert not list((tmp_path / "out").iterdir())


def test_ctrl_break(write_scene, noise, tmp_path):
    """Programs on Windows cannot send Ctrl-C to one program, but Ctrl-Break, which stops it in the same way."""
    held = """
from geoseg.rasters import resize
resize._write = lambda *_, **__: (print('writing', flush=True), threading.Event().wait())
"""
    words = "resize", write_scene(noise(300, 90)), tmp_path / "large.tif", "--scale", "2"
    python, option, script = stand_in(*words, first=held)
    with start([python, option, f"import signal\nsignal.SIGBREAK = signal.SIGUSR1\n{script}"]) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGUSR1)
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (130, "geoseg: interrupted.\n")


@pytest.mark.slow
def test_with_a_shipped_model(suburb, tmp_path):
    """The command as users run it is stopped after a piece and resumed to the same bytes."""
    words = "predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "-o"
    assert finish(shipped(*words, tmp_path / "whole")) == (0, "")
    with start(shipped(*words, tmp_path / "out")) as process:
        while not list((tmp_path / "out").glob(".suburb.geoseg/*/classes_*.tif")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=WAIT)
    # It may have been between two pieces.
    assert (process.returncode, text.removeprefix(SAVING)) == (CODES[signal.SIGINT], INTERRUPTED)
    assert finish(shipped(*words, tmp_path / "out")) == (0, "")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")

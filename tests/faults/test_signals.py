"""A first Ctrl-C or SIGTERM saves the piece in work, a second one stops at once; the same command resumes."""

import signal

import pytest
from processes import HELD, WAIT, contents, finish, shipped, stand_in, start

import geoseg

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SAVING = "geoseg: stopping once the piece in work is saved; press Ctrl-C again to stop at once.\n"
INTERRUPTED = "geoseg: interrupted.\n"


@pytest.fixture
def words(write_scene, write_bundle, noise, tmp_path):
    """Arguments of a prediction of several pieces."""
    return "predict", write_scene(noise(300, 90)), "-m", write_bundle(), "-q", "-o", tmp_path / "out"


@pytest.fixture
def expected(words, echo, tmp_path):
    """Results of a run that nothing stops."""
    geoseg.predict(words[1], model=words[3], folder=tmp_path / "whole", load=echo)
    return contents(tmp_path / "whole")


def pieces(tmp_path):
    return list((tmp_path / "out").glob(".scene.geoseg/*/classes_*.tif"))


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_once(words, expected, tmp_path, number):
    """The piece in work is finished and saved, one sentence says so, and the exit code is that of the signal."""
    with start(stand_in(*words, first=HELD)) as process:
        assert process.stdout.readline() == "scoring\n"
        process.send_signal(number)
        assert process.stderr.readline() == SAVING
        assert not pieces(tmp_path)
        _, text = process.communicate("\n" * 1000, timeout=WAIT)
    assert (process.returncode, text) == (CODES[number], INTERRUPTED)
    assert len(pieces(tmp_path)) == 1
    assert finish(stand_in(*words)) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_twice(words, expected, tmp_path, number):
    """A second signal does not wait for a network that never answers."""
    with start(stand_in(*words, first=HELD)) as process:
        assert process.stdout.readline() == "scoring\n"
        process.send_signal(number)
        assert process.stderr.readline() == SAVING
        process.send_signal(number)
        process.wait(WAIT)  # it gets no answer before
        text = process.stderr.read()
    assert (process.returncode, text) == (CODES[number], INTERRUPTED)
    assert not pieces(tmp_path)
    assert finish(stand_in(*words)) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("number", [signal.SIGTERM], ids=lambda number: number.name)
def test_between_pieces(words, expected, tmp_path, number):
    """While no piece is in work, as when files are written, the first signal stops at once."""
    never = "results.write_cog = lambda *_, **__: (print('writing', flush=True), threading.Event().wait())\n"
    with start(stand_in(*words, first=never)) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (CODES[number], INTERRUPTED)
    assert finish(stand_in(*words)) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_that_are_ignored(words, expected, tmp_path, number):
    """What `nohup` or a shell has a command ignore stays ignored."""
    ignore = f"signal.signal({int(number)}, signal.SIG_IGN)\n"
    with start(stand_in(*words, first=HELD + ignore)) as process:
        assert process.stdout.readline() == "scoring\n"
        process.send_signal(number)
        _, text = process.communicate("\n" * 1000, timeout=WAIT)
    assert (process.returncode, text) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_commands_that_do_not_resume(write_scene, noise, tmp_path, number):
    """Other commands stop at the first signal, and leave no work folder."""
    (tmp_path / "out").mkdir()
    held = """
from geoseg.rasters import resize
resize._write = lambda *_: (print('writing', flush=True), threading.Event().wait())
"""
    words = "resize", write_scene(noise(300, 90)), tmp_path / "out" / "large.tif", "--scale", "2"
    with start(stand_in(*words, first=held)) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (CODES[number], INTERRUPTED)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_with_a_shipped_model(suburb, tmp_path, number):
    """The command as users run it is stopped after a piece and resumed to the same bytes."""
    words = "predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "-o"
    assert finish(shipped(*words, tmp_path / "whole")) == (0, "")
    with start(shipped(*words, tmp_path / "out")) as process:
        while not list((tmp_path / "out").glob(".suburb.geoseg/*/classes_*.tif")):
            assert process.poll() is None
        process.send_signal(number)
        _, text = process.communicate(timeout=WAIT)
    # It may have been between two pieces.
    assert (process.returncode, text.removeprefix(SAVING)) == (CODES[number], INTERRUPTED)
    assert finish(shipped(*words, tmp_path / "out")) == (0, "")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")

"""Ctrl-C ends every command soon, with exit code 130, whatever GDAL waits for; nothing is lost or half-written."""

import signal

import processes
import pytest
from processes import WAIT
from web_server import serving

SAVING = "geoseg: stopping once the piece in progress is saved; press Ctrl-C again to stop at once.\n"
DESCRIBE = """
import os, traceback, geoseg
try:
    geoseg.describe({!r})
except KeyboardInterrupt as error:
    names = {{frame.name for frame in traceback.extract_tb(error.__traceback__)}}
    print("interrupted in", *names & {{"holds_image"}}, flush=True)
    os._exit(0)
"""


def start(*arguments, first=""):
    """Start the command with an echoing network, after some lines of Python; GDAL waits for ten minutes."""
    return processes.start(processes.stand_in(*arguments, first=first + "\n"), GDAL_HTTP_LOW_SPEED_TIME="600")


def interrupted(process, advice="; the same command resumes"):
    """Press Ctrl-C; the command ends with exit code 130 and one sentence, after one if it saves a piece before."""
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=WAIT)
    assert process.returncode == 130, text
    assert text.removeprefix(SAVING) == f"geoseg: interrupted{advice}.\n"


def finished(*arguments):
    """Run the command to its end; it prints nothing."""
    with start(*arguments) as process:
        assert process.communicate(timeout=WAIT) == ("", "")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as state:
        yield state


@pytest.mark.parametrize("words", [("info",), ("resize", "--scale", "2")])
def test_silence_in_the_main_thread(server, write_scene, noise, tmp_path, words):
    """A command whose main thread waits inside GDAL, when a raster is opened or read, leaves no work folder."""
    write_scene(noise(300, 300), "served/scene.tif")
    server.behave(silent_from=0 if words[0] == "info" else 1)
    more = [tmp_path / "out" / "large.tif"] if words[0] == "resize" else []
    (tmp_path / "out").mkdir()
    with start(words[0], server.url("scene.tif"), *more, *words[1:]) as process:
        server.wait_for_silence()
        interrupted(process, advice="")
    assert not list((tmp_path / "out").iterdir())


def test_silence_in_a_sample_of_alpha(server, write_scene, noise):
    """In a notebook, without the command, an interrupt does not wait for the server that a sample is read from."""
    write_scene(noise(2000, 100, bands=4), "served/scene.tif", blockysize=16, photometric="rgb", alpha="yes")
    server.behave(silent_from=16_384)
    with start("models", first=DESCRIBE.format(server.url("scene.tif"))) as process:
        server.wait_for_silence()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=WAIT) == ("interrupted in holds_image\n", "")


def test_silence_in_a_reader(server, write_scene, write_bundle, noise, tmp_path):
    """A prediction whose readers wait inside GDAL leaves its work folder, and the same command resumes."""
    write_scene(noise(2000, 100), "served/scene.tif", blockysize=16)
    arguments = ["predict", server.url("scene.tif"), "-m", write_bundle(), "-o", tmp_path / "out", "-q"]
    server.behave(silent_from=16_384)  # before the first piece is complete
    # GDAL would keep what was sampled to plan.
    unsampled = "from geoseg.prediction.inputs import bands; bands.sample_imagery = lambda _: bands.Sampled()"
    with start(*arguments, first=unsampled) as process:
        server.wait_for_silence()
        process.send_signal(signal.SIGINT)  # waits for the piece in progress
        assert process.stderr.readline() == SAVING
        interrupted(process)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"]
    server.behave(silent_from=None)
    finished(*arguments)
    assert (tmp_path / "out" / "scene_classes.tif").exists()
    assert not (tmp_path / "out" / ".scene.geoseg").exists()


def test_while_files_are_written(write_scene, write_bundle, noise, tmp_path):
    """Files that take long to write are left in the work folder, and the same command resumes."""
    scenes = [write_scene(noise(90, 70), f"{name}.tif") for name in ("first", "second")]
    arguments = ["predict", *scenes, "-m", write_bundle(), "-o", tmp_path / "out", "-q"]
    never = "rasters.write_cog = lambda *_, **__: (print('writing', flush=True), threading.Event().wait())"
    with start(*arguments, first=never) as process:
        assert process.stdout.readline() == "writing\n"
        interrupted(process)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert ".first.geoseg" in names <= {".first.geoseg", ".second.geoseg"}
    finished(*arguments)
    assert not list((tmp_path / "out").glob(".*"))
    assert len(list((tmp_path / "out").glob("*_classes.tif"))) == 2


TRAIN = """
import geoseg.training.train
def train(recipe, *, epoch_done, **_):
    for epoch in range({}):
        epoch_done({{"epoch": 1, "loss": 0.5}})
    print("training", flush=True)
    threading.Event().wait()
geoseg.training.train.train = train
"""


@pytest.mark.parametrize(
    ("epochs", "more", "advice"),
    [(0, [], ""), (1, [], "; --resume continues the run"), (0, ["--resume"], "; --resume continues the run")],
)
def test_while_a_network_is_trained(tmp_path, epochs, more, advice):
    """A run of training that has complete epochs says how it is continued."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text("[[data]]\nname = 'none'\nimages = 'images'\n")
    with start("train", recipe, "-q", *more, first=TRAIN.format(epochs)) as process:
        assert process.stdout.readline() == "training\n"
        interrupted(process, advice)

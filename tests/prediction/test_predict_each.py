"""Several scenes: the next is predicted while the files of the last are written."""

import threading
from pathlib import Path

import pytest
from standins import make_card

from geoseg.errors import BundleError, SceneError, UsageError
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import save_bundle
from geoseg.prediction import predict as module
from geoseg.prediction.predict import predict, predict_each
from geoseg.tiling.progress import no_progress


@pytest.fixture
def scenes(write_scene, noise):
    """Paths of three scenes, of which the second does not exist."""
    first, last = (str(write_scene(noise(90, 70), f"{name}.tif")) for name in ("first", "last"))
    return [first, "nowhere.tif", last]


def test_results_in_order(scenes, write_bundle, echo, tmp_path):
    """Each scene comes with its result or error, in the order given; one that fails does not stop the others."""
    outcomes = list(predict_each(scenes, model=write_bundle(), folder=tmp_path / "maps", load=echo))
    assert [source for source, _ in outcomes] == scenes
    assert isinstance(outcomes[1][1], SceneError)
    for _, made in outcomes[::2]:
        assert all(path.exists() for path in made.outputs.files)
    assert not list((tmp_path / "maps").glob(".*")), "no work folder is left"


def test_next_scene_while_files_are_written(scenes, write_bundle, echo, tmp_path, monkeypatch):
    """The files of a scene are not complete before the next is predicted, if that takes its turn."""
    begun, finish = threading.Event(), module.Run.finish

    def finish_late(run, published):
        assert begun.wait(60), "the next scene was not begun"
        return finish(run, published)

    def load(model, options):
        if loads:
            begun.set()
        loads.append(model)
        return echo(model, options)

    loads = []
    monkeypatch.setattr(module.Run, "finish", finish_late)
    first, _, last = scenes
    outcomes = list(predict_each([first, last], model=write_bundle(), folder=tmp_path / "maps", load=load))
    assert all(made.outputs.classes.exists() for _, made in outcomes)


def test_left_early(scenes, write_bundle, echo, tmp_path):
    """Who leaves after the first result leaves nothing half-written; the same call resumes."""
    arguments = {"model": write_bundle(), "folder": tmp_path / "maps", "load": echo}
    predictions = predict_each(scenes, **arguments)
    next(predictions)
    predictions.close()
    assert (tmp_path / "maps" / "first_classes.tif").exists()
    list(predict_each(scenes[2:], **arguments))
    assert (tmp_path / "maps" / "last_classes.tif").exists()


def test_a_model_that_fails_ends_all(scenes, write_bundle, tmp_path):
    """An error of the model concerns all scenes, and is raised."""
    with pytest.raises(BundleError):
        list(predict_each(scenes, model=write_bundle(), folder=tmp_path / "maps", devices="cpu"))


@pytest.mark.parametrize("error", [UsageError("too little memory"), RuntimeError("a bug")])
def test_an_error_that_ends_all_takes_its_turn(scenes, write_bundle, echo, tmp_path, error):
    """The results of the scenes before it come first; then it is raised, unchanged, and no other scene is begun."""

    def load(model, options):
        begun.append(model)
        if len(begun) == 2:
            raise error
        return echo(model, options)

    begun, outcomes, asked = [], [], []

    def progress(source):
        asked.append(source)
        return no_progress

    sources, arguments = [*scenes[::2], scenes[0]], {"model": write_bundle(), "folder": tmp_path / "maps"}
    with pytest.raises(type(error)) as caught:
        outcomes.extend(predict_each(sources, load=load, progress=progress, name="{n}", **arguments))
    assert caught.value is error
    assert [source for source, _ in outcomes] == scenes[:1]
    assert outcomes[0][1].outputs.classes.exists()
    assert asked == scenes[::2]


def test_small_scenes_overlap(write_scene, noise, tmp_path):
    """OpenVINO has several small scenes in work, whose files are those of scenes alone; a damaged one stops none."""
    scenes = [str(write_scene(noise(90 + 20 * number, 150), f"{number}.tif")) for number in range(6)]
    save_bundle(build_preset("unet", bands=3, classes=5, width=2), make_card(name="tiny"), tmp_path / "tiny.keras")
    choices = {"model": tmp_path / "tiny.keras", "engine": "openvino"}
    alone = [predict(scene, folder=tmp_path / "alone", **choices) for scene in scenes]
    with Path(scenes[3]).open("r+b") as damaged:
        damaged.truncate(20_000)
    events = []

    def progress(source):
        def report(done, total, text):
            events.append((source, done == total))

        return report

    outcomes = list(predict_each(scenes, folder=tmp_path / "together", progress=progress, **choices))
    assert events.index((scenes[1], False)) < events.index((scenes[0], True)), "the second waits for the first"
    assert [source for source, _ in outcomes] == scenes
    for number, ((_, made), expected) in enumerate(zip(outcomes, alone, strict=True)):
        if number == 3:
            assert isinstance(made, SceneError)
            continue
        for found, one in zip(made.outputs.files, expected.outputs.files, strict=True):
            assert found.read_bytes() == one.read_bytes()

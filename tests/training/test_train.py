"""Whole runs of a tiny network: their files, and the same result after an interruption."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import rasterio
import tomli_w
from rasterio import Affine
from standins import warned

import geoseg.training.finish
import geoseg.training.fit
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.evaluation.temperature import Fit
from geoseg.models.bundle import read_card
from geoseg.models.saved_network import load_network
from geoseg.models.weights import rounded
from geoseg.prediction.predict import predict
from geoseg.rendering import render_scene
from geoseg.training.recipe.label_sets import build_legend
from geoseg.training.recipe.learning import TeacherTable
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.recipe import Network, Split
from geoseg.training.run.clock import FollowClock
from geoseg.training.run.neural_network import build_shipped
from geoseg.training.run.run_folder import COLUMNS, read_history
from geoseg.training.train import train

# Three small scenes show no building, and some of one has no light.
pytestmark = [
    pytest.mark.filterwarnings("ignore:no training pixel is labelled:geoseg.errors.GeosegWarning"),
    pytest.mark.filterwarnings("ignore:.* are 0 in all bands:geoseg.errors.GeosegWarning"),
    # Partial labels alone.
    pytest.mark.filterwarnings("ignore:no held-out pixel is labelled:geoseg.errors.GeosegWarning"),
]

SCENES = 3
SIDE = 72


@pytest.fixture(scope="module")
def imagery(tmp_path_factory):
    """Rendered scenes with their labels in folders."""
    folder = tmp_path_factory.mktemp("imagery")
    for number in range(SCENES):
        scene = render_scene(number, (SIDE, SIDE))
        place = Affine(1, 0, 500_000 + 1000 * number, 0, -1, 5_400_000)
        for kind, pixels in (("images", np.moveaxis(scene.image[..., :3], -1, 0)), ("labels", scene.classes[None])):
            (folder / kind).mkdir(exist_ok=True)
            profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": len(pixels), "dtype": "uint8"}
            with rasterio.open(
                folder / kind / f"scene{number}.tif", "w", crs="EPSG:32633", transform=place, **profile
            ) as raster:
                raster.write(pixels)
    return folder


@pytest.fixture(scope="module")
def recipe(imagery):
    return parse_recipe(
        {
            "name": "tiny",
            "seed": 3,
            "root": str(imagery),
            "data": [{"name": "rendered", "images": str(imagery / "images"), "split": {"validation": ["scene2"]}}],
            "network": {"preset": "unet", "width": 2, "depth": 1},
            "card": {"tile": 32, "overlap": 8, "license": "CC0-1.0", "attribution": "nobody"},
            "loss": {"terms": [{"name": "cross_entropy"}, {"name": "dice", "weight": 0.5}]},
            "schedule": {
                "epochs": 3, "steps": 3, "batch": 2, "window": 32, "rate": 0.02, "ema": 0.5, "precision": "float32",
                "table_every": 2,
            },
        },
        source="tiny.toml",
    )  # fmt: skip


def record_frames(patch):
    """Record when pictures and reports are written, in place of writing them; their content has tests of its own."""
    asked = []
    patch.setattr(geoseg.training.fit, "write_scene_frame", lambda run, epoch, *arrays: asked.append(epoch))
    patch.setattr(geoseg.training.fit, "write_report", lambda run: asked.append("report"))
    patch.setattr(geoseg.training.finish, "write_report", lambda run: run / "report.html")
    return asked


@pytest.fixture(autouse=True)
def frames(monkeypatch):
    """What `record_frames` records of a test."""
    return record_frames(monkeypatch)


class Killed(BaseException):
    """Stands in for a signal that kills the process."""


def kill_at(step):
    def progress(done, total, loss):
        if done == step:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """An uninterrupted run, and its reports of progress."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        told, steps = record_frames(patch), []
        training = train(recipe, folder=folder, progress=lambda done, total, loss: steps.append((done, total)))
    return training, told, steps


def test_the_history_has_a_row_of_every_epoch(whole):
    """Loss, accuracy and Jaccard index of training and validation are written after each epoch."""
    rows = read_history(whole[0].folder / "history.csv")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(set(row) == set(COLUMNS) for row in rows)
    assert rows[2]["learning_rate"] < rows[0]["learning_rate"] <= 0.02
    assert whole[0].best == max(rows, key=lambda row: (row["val_jaccard"], row["epoch"]))


def test_progress_pictures_and_reports_come_as_often_as_asked(whole):
    """Each step is reported; the scene is drawn after epoch 1, every second and the last, the report every second."""
    _, told, steps = whole
    assert told == [1, 2, "report", 3]
    assert [done for done, _ in steps] == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]
    assert {total for _, total in steps} == {9}


def test_a_run_is_timed(whole):
    """The run's parts, steps and rate are in a file, steps without the first."""
    training, *_ = whole
    timing = json.loads((training.folder / "timing.json").read_text())
    assert timing == training.timing
    parts = ["starting", "reading", "compiling", "stepping", "validating", "finishing"]
    assert [*timing] == [*parts, "steps", "megapixels_s", "precision"]
    assert timing["steps"] == 8
    rate = 8 * 2 * 32**2 / 1e6 / timing["stepping"]
    assert timing["megapixels_s"] == pytest.approx(rate, rel=0.1, abs=0.0006)  # 3 decimals


def test_the_bundle_says_what_it_is(whole, recipe):
    """The bundle's card has legend, resolution, licence and the metrics of validation.json."""
    training, *_ = whole
    card = read_card(training.bundle)
    document = json.loads((training.folder / "validation.json").read_text())
    assert (card.name, card.tile, card.overlap, card.gsd_m, card.multiple) == ("tiny", 32, 8, 1.0, 2)
    assert card.legend.names == ("building", "land", "road", "vegetation", "water")
    assert card.provenance["license"] == "CC0-1.0"
    known = {entry["name"]: entry["iou"] for entry in document["classes"] if entry["support"]}
    metrics = card.provenance["metrics"]
    assert (metrics["iou"], metrics["mean_iou"]) == (known, pytest.approx(np.mean([*known.values()])))
    assert card.provenance["epochs"] == document["epoch"] == training.best["epoch"]
    assert sum(map(sum, document["matrix"])) == SIDE * SIDE
    assert [entry["name"] for entry in document["images"]] == ["scene2"]


def test_the_bundle_has_the_best_weights_in_float32(whole):
    """The bundle's network has the validation scores of its epoch in the history, except at blended tile borders."""
    training, *_ = whole
    assert {weight.dtype for weight in load_network(training.bundle).weights} == {"float32"}
    document = json.loads((training.folder / "validation.json").read_text())
    assert document["partial"]["accuracy"] == pytest.approx(training.best["val_accuracy"], abs=0.05)


def test_a_run_with_one_validation_image_is_not_calibrated(whole):
    """One image is too few to fit and check a temperature: a sentence says so, and the card has none."""
    training, *_ = whole
    assert training.calibration == (
        "the probabilities cannot be calibrated: 1 image with labels; two are needed, one to fit and one to check."
    )
    assert "calibration" not in read_card(training.bundle).provenance
    document = json.loads((training.folder / "validation.json").read_text())
    assert document["calibration"] == {"sentence": training.calibration}


def test_the_bundle_is_calibrated(recipe, tmp_path, monkeypatch):
    """The temperature of two validation images is in the bundle's weights, its card and validation.json."""
    monkeypatch.setattr(Fit, "helps", True)  # two steps of training are not enough for that
    data = [recipe.data[0].model_copy(update={"split": Split(validation=["scene1", "scene2"])})]
    card = recipe.card.model_copy(update={"mantissa_bits": 10})
    schedule = recipe.schedule.model_copy(update={"epochs": 2, "steps": 12})
    update = {"data": data, "schedule": schedule, "card": card}
    training = train(recipe.model_copy(update=update), folder=tmp_path / "run")
    document = json.loads((training.folder / "validation.json").read_text())["calibration"]
    found = read_card(training.bundle).provenance["calibration"]
    assert found == {key: document[key] for key in ("temperature", "ece_before", "ece_after", "pixels", "images")}
    assert (found["images"], found["pixels"]) == (2, 2 * SIDE**2)
    assert sum(each["pixels"] for each in document["after"]) == found["pixels"]
    assert training.calibration == document["sentence"]
    assert f"temperature {found['temperature']:.3f}, fitted on 10,368 pixels of 2 images" in training.calibration
    shipped = load_network(training.bundle)
    trained = build_shipped(Network(preset="unet", width=2, depth=1), read_card(training.bundle))
    trained.load_weights(training.folder / "checkpoints" / "best.weights.h5")
    weights = [rounded(w, 10) for w in trained.get_weights()]
    for mine, other in zip(weights[:-2], shipped.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(mine, other)
    for mine, other in zip(weights[-2:], shipped.get_weights()[-2:], strict=True):
        np.testing.assert_allclose(mine, other * found["temperature"], rtol=1e-3, atol=1e-6)


def test_the_temperature_is_fitted_on_images_for_it_alone(recipe, tmp_path, monkeypatch):
    """Images for calibration are not validated on; the errors are those of the validation images."""
    monkeypatch.setattr(Fit, "helps", True)
    data = [recipe.data[0].model_copy(update={"split": Split(validation=["scene1"], calibration=["scene2"])})]
    schedule = recipe.schedule.model_copy(update={"epochs": 2, "steps": 12})
    training = train(recipe.model_copy(update={"data": data, "schedule": schedule}), folder=tmp_path / "run")
    document = json.loads((training.folder / "validation.json").read_text())
    assert [image["name"] for image in document["images"]] == ["scene1"]
    assert training.calibration.endswith(" after, on 1 other image.")
    assert document["calibration"]["checked_images"] == document["calibration"]["images"] == 1
    (split,) = json.loads((training.folder / "split.json").read_text()).values()
    assert (split["validation"], split["calibration"]) == (["scene1"], ["scene2"])


def test_a_temperature_that_does_not_help_is_not_used(recipe, tmp_path, monkeypatch):
    """Probabilities that a temperature calibrates no better on other images stay as they are; a sentence says so."""
    monkeypatch.setattr(Fit, "helps", False)
    data = [recipe.data[0].model_copy(update={"split": Split(validation=["scene1", "scene2"])})]
    schedule = recipe.schedule.model_copy(update={"epochs": 2, "steps": 12})
    training = train(recipe.model_copy(update={"data": data, "schedule": schedule}), folder=tmp_path / "run")
    assert training.calibration.startswith("probabilities stay as they are: temperature ")
    assert "calibration" not in read_card(training.bundle).provenance
    trained = build_shipped(Network(preset="unet", width=2, depth=1), read_card(training.bundle))
    trained.load_weights(training.folder / "checkpoints" / "best.weights.h5")
    for mine, other in zip(trained.get_weights(), load_network(training.bundle).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_bundle_predicts(whole, imagery, tmp_path):
    """`geoseg predict -m` takes the bundle, and predicts the same classes as validation."""
    training, *_ = whole
    files = predict(imagery / "images" / "scene2.tif", model=training.bundle, folder=tmp_path).outputs
    with rasterio.open(files.classes) as found, rasterio.open(imagery / "labels" / "scene2.tif") as truth:
        right = (found.read(1) == truth.read(1)).mean()
    document = json.loads((training.folder / "validation.json").read_text())
    assert right == pytest.approx(document["overall_accuracy"], abs=1e-3)


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(whole, recipe, tmp_path):
    """A run killed in its second epoch and resumed has the same history and network as an uninterrupted one."""
    with pytest.raises(Killed):
        train(recipe, folder=tmp_path / "run", progress=kill_at(5))
    assert len(read_history(tmp_path / "run" / "history.csv")) == 1
    steps = []
    resumed = train(recipe, folder=tmp_path / "run", resume=True, progress=lambda done, *_: steps.append(done))
    assert steps[0] == 3  # the epoch that was complete is not trained again
    for before, after in zip(
        read_history(whole[0].folder / "history.csv"), read_history(resumed.folder / "history.csv"), strict=True
    ):
        assert {key: value for key, value in after.items() if key != "seconds"} == pytest.approx(
            {key: value for key, value in before.items() if key != "seconds"}, rel=1e-4
        )
    networks = [load_network(training.bundle).get_weights() for training in (whole[0], resumed)]
    for one, other in zip(*networks, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_run_killed_between_its_best_weights_and_its_checkpoint(recipe, tmp_path):
    """An epoch without a checkpoint is repeated, perhaps with another result: its weights are the best no more."""

    def kill_after_first(row):
        if row["epoch"] > 1:
            raise Killed

    weights = tmp_path / "run" / "checkpoints" / "best.weights.h5"
    everywhere = recipe.data[0].model_copy(update={"split": Split(validation=0.0)})
    unscored = recipe.model_copy(update={"data": [everywhere]})
    with warned("nothing is held out"), pytest.raises(Killed):
        train(unscored, folder=tmp_path / "run", epoch_done=kill_after_first)
    with h5py.File(weights) as file:
        assert file.attrs["epoch"] == 2
    with warned("nothing is held out"), pytest.raises(Killed):
        train(unscored, folder=tmp_path / "run", resume=True, progress=kill_at(4))
    with h5py.File(weights) as file:
        assert file.attrs["epoch"] == 1


def test_a_finished_run_is_not_trained_again(whole, recipe, monkeypatch):
    """Resuming a finished run writes bundle and report again without a training step."""
    training, *_ = whole
    before = (training.folder / "history.csv").read_bytes()
    again = train(recipe, folder=training.folder, resume=True, progress=kill_at(0))
    assert again.best == training.best
    assert (training.folder / "history.csv").read_bytes() == before


def test_a_run_that_lost_its_weights(whole, recipe, tmp_path):
    """If files of a run are missing, the error names the folder."""
    folder = shutil.copytree(whole[0].folder, tmp_path / "lost")
    (folder / "checkpoints" / "best.weights.h5").unlink()
    with pytest.raises(OutputError, match=r"cannot write to or resume the run in .*lost \(.*best\.weights\.h5"):
        train(recipe, folder=folder, resume=True)


def test_a_checkpoint_that_is_empty(whole, recipe, tmp_path):
    """What a power cut left of a checkpoint is no traceback."""
    folder = shutil.copytree(whole[0].folder, tmp_path / "cut")
    rows = (folder / "history.csv").read_text().splitlines(keepends=True)
    (folder / "history.csv").write_text("".join(rows[:2]))
    for path in (folder / "checkpoints" / "backup").iterdir():
        path.write_text("")
    with pytest.raises(OutputError, match=r"cannot write to or resume the run in .*cut"):
        train(recipe, folder=folder, resume=True)


def test_images_in_the_memory_of_a_device(whole, recipe, tmp_path, monkeypatch):
    """A run that cuts its windows on the device from all images has the history of one that reads each window."""
    monkeypatch.setattr(geoseg.training.fit, "has_own_memory", lambda devices: True)
    again = train(recipe, folder=tmp_path / "run")
    histories = [read_history(training.folder / "history.csv") for training in (whole[0], again)]
    for one, other in zip(*histories, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)


def test_half_precision_keeps_small_gradients(whole, recipe, tmp_path):
    """A run in float16, killed and resumed, learns from a loss whose gradients by pixel are too small for float16."""
    terms = [term.model_copy(update={"weight": 1e-4 * term.weight}) for term in recipe.loss.terms]
    update = {
        "loss": recipe.loss.model_copy(update={"terms": terms}),
        "schedule": recipe.schedule.model_copy(update={"precision": "mixed_float16"}),
    }
    small = recipe.model_copy(update=update)
    with pytest.raises(Killed):
        train(small, folder=tmp_path / "run", progress=kill_at(4))
    training = train(small, folder=tmp_path / "run", resume=True)
    assert losses_of(training) == pytest.approx([1e-4 * loss for loss in losses_of(whole[0])], rel=0.05)
    assert training.timing["precision"] == "mixed_float16"


def losses_of(training):
    return [row["loss"] for row in read_history(training.folder / "history.csv")]


@pytest.fixture(scope="module")
def partial_labels(recipe):
    """Data sets whose labels exclude one class each, namely that which the pixel shows."""
    names = build_legend(recipe.legend).names
    others = {str(number): [other for other in names if other != name] for number, name in enumerate(names)}
    return [recipe.data[0].model_copy(update={"values": others})]


@pytest.fixture(scope="module")
def partly(recipe, partial_labels, tmp_path_factory):
    """A run with such labels, and nobody who names what they leave open."""
    with pytest.MonkeyPatch.context() as patch:
        record_frames(patch)
        return train(recipe.model_copy(update={"data": partial_labels}), folder=tmp_path_factory.mktemp("runs") / "run")


def test_classes_that_no_label_names_have_no_score(partly):
    """A card has no IoU of classes of which no held-out pixel is known to be."""
    metrics = read_card(partly.bundle).provenance["metrics"]
    assert (metrics["iou"], metrics["mean_iou"]) == ({}, None)
    assert metrics["partial"]["accuracy"] > 0


@pytest.mark.slow
def test_a_teacher_names_what_labels_leave_open(whole, partly, recipe, partial_labels, tmp_path):
    """A teacher changes training on partial labels, and the bundle's recipe names it."""
    teachers = [TeacherTable(bundle=str(whole[0].bundle), sure=0.2)]
    taught = recipe.model_copy(update={"data": partial_labels, "teacher": teachers})
    training = train(taught, folder=tmp_path / "partial")
    assert losses_of(training) != pytest.approx(losses_of(partly), rel=1e-2)
    entry = read_card(training.bundle).provenance["recipe"]["teacher"]
    assert entry == [{"bundle": "tiny.keras", "sure": 0.2, "weight": 0.0, "start": 0.0}]


@pytest.mark.slow
def test_a_teacher_that_is_imitated(whole, recipe, tmp_path):
    """A heavy weight of a teacher's probabilities brings the trained network nearer to the teacher."""

    def distance(teachers, name):
        schedule = recipe.schedule.model_copy(update={"epochs": 1, "steps": 60})
        update = {"teacher": teachers, "schedule": schedule, "seed": recipe.seed + 1}
        bundle = train(recipe.model_copy(update=update), folder=tmp_path / name).bundle
        windows = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
        ours, theirs = (keras.ops.convert_to_numpy(load_network(path)(windows)) for path in (bundle, whole[0].bundle))
        return np.abs(ours - theirs).mean()

    near = distance([TeacherTable(bundle=str(whole[0].bundle), weight=30.0)], "taught")
    far = distance([], "alone")
    assert near < far / 2


@pytest.fixture(scope="module")
def self_taught(recipe, partial_labels, tmp_path_factory):
    """The recipe and the losses of a run that teaches itself from its third part on."""
    taught = recipe.model_copy(update={"data": partial_labels, "teacher": [TeacherTable(sure=0.1, start=0.3)]})
    with pytest.MonkeyPatch.context() as patch:
        record_frames(patch)
        return taught, losses_of(train(taught, folder=tmp_path_factory.mktemp("runs") / "run"))


@pytest.mark.slow
def test_a_network_that_teaches_itself(partly, self_taught):
    """The running average of the network teaches from its time on."""
    (first, *rest), (first_taught, *rest_taught) = losses_of(partly), self_taught[1]
    assert first_taught == pytest.approx(first, rel=1e-3)
    assert rest_taught != pytest.approx(rest, rel=1e-2)


@pytest.mark.slow
def test_a_network_that_was_never_trained_teaches_nothing(partly, recipe, partial_labels, tmp_path):
    """A network without a bundle to start from teaches itself after its first epoch, even if it may from the start."""
    taught = recipe.model_copy(update={"data": partial_labels, "teacher": [TeacherTable(sure=0.1)]})
    first, *rest = losses_of(train(taught, folder=tmp_path / "run"))
    assert first == pytest.approx(losses_of(partly)[0], rel=1e-3)
    assert rest != pytest.approx(losses_of(partly)[1:], rel=1e-2)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_network_that_teaches_itself_again(self_taught, tmp_path):
    """So it does in a run that was killed and resumed."""
    taught, losses = self_taught
    with pytest.raises(Killed):
        train(taught, folder=tmp_path / "killed", progress=kill_at(7))
    assert losses_of(train(taught, folder=tmp_path / "killed", resume=True)) == pytest.approx(losses, rel=1e-3)


def test_a_run_of_minutes_ends_with_them(recipe, tmp_path, monkeypatch):
    """A schedule in minutes ends with the time, whatever its epochs, and its history has checkpoints only."""
    seconds = count()
    monkeypatch.setattr(geoseg.training.fit, "FollowClock", partial(FollowClock, now=lambda: next(seconds)))
    schedule = recipe.schedule.model_copy(update={"minutes": 1.5, "epochs": 1, "steps": 2})
    counts = []
    training = train(
        recipe.model_copy(update={"schedule": schedule}),
        folder=tmp_path / "run",
        progress=lambda done, total, loss: counts.append((done, total)),
    )
    rows = read_history(training.folder / "history.csv")
    assert rows[0]["epoch"] == 1
    assert 3 <= len(rows) < rows[-1]["epoch"]
    assert rows[-1]["learning_rate"] < rows[1]["learning_rate"] <= 0.02
    assert counts[-1][0] == counts[-1][1] <= 2 * rows[-1]["epoch"]
    assert 60 <= next(seconds) <= 120


def test_squares_of_ground_divide_several_images(recipe, tmp_path):
    """A run with images split by block trains and validates on all of them."""
    (data,) = recipe.data
    split = data.split.model_copy(update={"by": "block", "validation": 0.4, "block_m": 30.0})
    short = recipe.schedule.model_copy(update={"epochs": 1, "steps": 1})
    changed = recipe.model_copy(update={"data": [data.model_copy(update={"split": split})], "schedule": short})
    training = train(changed, folder=tmp_path / "run")
    document = json.loads((training.folder / "validation.json").read_text())
    assert [entry["name"] for entry in document["images"]] == ["scene0", "scene1", "scene2"]
    assert 0 < sum(entry["pixels"] for entry in document["images"]) < SCENES * SIDE**2


def test_errors_of_the_data_are_its_own(recipe, tmp_path, monkeypatch):
    """An image that becomes unreadable during training raises geoseg's error, not the backend's."""

    def windows(self, seed, *, side=None, margin=0, atlas=None):
        raise SceneError("scene1.tif has become unreadable.")
        yield

    monkeypatch.setattr("geoseg.training.data.dataset.Data.windows", windows)
    with pytest.raises(SceneError, match="has become unreadable"):
        train(recipe, folder=tmp_path / "run")


@pytest.mark.parametrize(
    ("section", "changes", "words"),
    [
        ("network", {"preset": "vnet"}, "'vnet' is unknown"),
        ("network", {"encoder": "resnet"}, "'resnet' is unknown"),
        (
            "network",
            {"encoder": "efficientnet_lite0", "depth": None, "encoder_weights": "no.h5"},
            "no.h5 .* no such file",
        ),
        ("card", {"gsd_m": 1e-3}, r"card.gsd_m is 0.001, but .*scene0.tif has pixels of 1 m, .* 100 times as large"),
        ("card", {"tile": 33}, "multiple of 2"),
        ("card", {"window": "blunt"}, "card.window 'blunt' is unknown; choose one of hann"),
        ("schedule", {"window": 33}, "schedule.window is 33; .* must be a multiple of 2"),
        ("schedule", {"batch": 3}, "3 windows cannot be divided among 2"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_begins(recipe, tmp_path, monkeypatch, section, changes, words):
    """If a recipe does not fit its network or devices, the error names the key."""
    monkeypatch.setattr("geoseg.training.run.devices.find_devices", lambda: ["cpu:0", "cpu:1"])
    changed = recipe.model_copy(update={section: getattr(recipe, section).model_copy(update=changes)})
    with pytest.raises(UsageError, match=words):
        train(changed, folder=tmp_path / "run", devices=2)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_need_no_tensorflow(recipe, tmp_path, backend):
    """With another backend, a whole run works where TensorFlow cannot be imported."""
    pytest.importorskip(backend)
    script = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name == "tensorflow" else find(name, *more)
import geoseg.training.run.devices
geoseg.training.run.devices.has_own_memory = lambda devices: True  # as on an accelerator
print(geoseg.train(sys.argv[1], folder=sys.argv[2]).bundle)
"""
    text = tomli_w.dumps(recipe.model_dump(exclude_none=True))
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "tiny.toml", tmp_path / "run"],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert read_card(Path(done.stdout.strip())).name == "tiny"
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1

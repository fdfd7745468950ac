"""Calibrating a model by name: labels of any grid and coding, and a bundle that differs in its probabilities only."""

import json
import zipfile

import keras
import numpy as np
import pytest
import rasterio
from rasterio import Affine
from standins import make_card, name_ids, warned

import geoseg
from geoseg.errors import BundleError, DataError, OutputError, SceneError, UsageError
from geoseg.models.bundle import read_card
from geoseg.models.int8.stored import Form, write_form
from geoseg.models.legend import AERIAL, Legend
from geoseg.models.saved_network import load_network, save_bundle

SIDE = 96
SCALE = 3.0
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


def honest(pixels):
    """Probabilities `(5, rows, columns)` of pixels `(3, rows, columns)` that the labels are drawn from."""
    logits = np.stack([*(pixels.astype(np.float32) / 64 - 2), np.zeros(pixels.shape[1:]), np.ones(pixels.shape[1:])])
    powers = np.exp(logits)
    return powers / powers.sum(axis=0)


def make_network(scale=1.0, activation="softmax"):
    """A network of these probabilities, with logits `scale` times as large."""
    pixels = keras.Input((None, None, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(5, 1, activation=activation)(pixels))
    kernel = np.zeros((1, 1, 3, 5), np.float32)
    kernel[0, 0, range(3), range(3)] = 1 / 64
    network.set_weights([kernel * scale, np.float32([-2, -2, -2, 0, 1]) * scale])
    return network


@pytest.fixture
def bundle(tmp_path):
    """A bundle of the network, overconfident."""
    path = tmp_path / "city.keras"
    save_bundle(make_network(SCALE), make_card(name="city", provenance={"license": "CC0"}), path)
    return path


@pytest.fixture
def write_pairs(write_ids):
    """Write images and labels drawn from their probabilities, and return both folders."""

    def write(names="abcd", relabel=lambda labels: labels, label_place=PLACE, **places):
        random = np.random.default_rng(5)
        for name in names:
            image = random.integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
            drawn = (honest(image).cumsum(axis=0) < random.random((SIDE, SIDE))).sum(axis=0)
            labels = relabel(drawn.clip(0, 4).astype(np.uint8))
            scene = write_ids(image, f"{name}.tif", folder="images", transform=PLACE, **places)
            kind = {"crs": None} if label_place is None else {"transform": label_place}
            label = write_ids(labels, f"{name}.tif", folder="labels", **(kind | places))
        return scene.parent, label.parent

    return write


def test_an_overconfident_bundle_is_recovered(bundle, write_pairs, tmp_path):
    """The temperature is the scale of the logits; the new bundle gives honest probabilities and the same classes."""
    images, labels = write_pairs()
    made = geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras")
    assert made.fit.temperature == pytest.approx(SCALE, rel=0.05)
    assert made.fit.before.error > 0.1
    assert made.fit.after.error < 0.02
    card = read_card(made.path)
    assert card.provenance == {"license": "CC0", "calibration": made.fit.provenance()}
    assert card.legend == read_card(bundle).legend
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    old, new = (load_network(path).predict_on_batch(pixels) for path in (bundle, made.path))
    powers = old.astype(np.float64) ** (1 / made.fit.temperature)
    np.testing.assert_allclose(new, powers / powers.sum(axis=-1, keepdims=True), atol=1e-5)
    assert (new.argmax(axis=-1) == old.argmax(axis=-1)).all()
    again = geoseg.evaluate_model(made.path, images, labels)
    assert again.calibration.error < 0.02


@pytest.mark.parametrize("case", ["same grid", "no georeference", "unplaced labels", "fine labels"])
def test_labels_lie_where_they_belong(bundle, write_pairs, tmp_path, case):
    """Labels are found on the image's own pixels, on another grid, and without a georeference."""
    choices = {}
    match case:
        case "no georeference":
            images, labels = write_pairs(crs=None)
            choices = {"image_gsd_m": 1.0}
        case "unplaced labels":
            images, labels = write_pairs(label_place=None)
        case "fine labels":
            images, labels = write_pairs(
                relabel=lambda ids: np.pad(ids.repeat(3, 0).repeat(3, 1), 6, constant_values=255),
                label_place=PLACE @ Affine.translation(-2, -2) @ Affine.scale(1 / 3),
            )
        case _:
            images, labels = write_pairs()
    made = geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras", **choices)
    assert made.fit.temperature == pytest.approx(SCALE, rel=0.05)
    assert made.fit.images == 4


def test_labels_of_one_class(bundle, write_pairs, tmp_path):
    """`single` takes labels of one class, and `ignore` leaves values out."""
    images, labels = write_pairs(relabel=lambda ids: np.where(ids == 0, 3, np.where(ids == 1, 9, 0)).astype(np.uint8))
    made = geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras", single="building=3", ignore=["9"])
    assert made.fit.temperature == pytest.approx(SCALE, rel=0.2)  # leaving a class out biases the others
    assert made.fit.pixels < 4 * SIDE**2 * 0.9
    with pytest.raises(SceneError, match=r"pixels of value 9, which is not in the legend"):
        geoseg.calibrate(bundle, images, labels, tmp_path / "other.keras")


def test_labels_with_another_legend(bundle, write_pairs, tmp_path):
    """Ids that the label's own tags give other names are not taken for the model's."""
    images, labels = write_pairs()
    other = Legend(classes=tuple(reversed(AERIAL.classes)))
    for path in sorted(labels.iterdir())[:1]:
        with rasterio.open(path, "r+") as label:
            label.update_tags(GEOSEG_LEGEND=json.dumps(other.to_json()))
    with pytest.raises(SceneError, match=r"the model has the classes building, .*their ids cannot be compared"):
        geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras")


def test_labels_that_hide_or_rename_a_class(bundle, write_pairs, tmp_path):
    """A nodata value that is a class, and names that are not the model's, are reported as by evaluate and train."""
    images, labels = write_pairs("ab", nodata=0)
    label = name_ids(labels / "a.tif", {2: "road", 4: "pond"})
    patterns = (
        "declares its value 0 .building. as nodata, so that .* unlabelled: .* The same holds for 1 more image",
        "names its id 4 'pond', but it is",
    )
    with warned(*(f"{label} {pattern}" for pattern in patterns)):
        geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras")


def test_labels_in_colours(bundle, write_pairs, tmp_path):
    """`coding` matches the colours of a published data set with the legend by name."""
    colours = np.array([entry.rgb for entry in AERIAL.classes], np.uint8)
    images, labels = write_pairs(relabel=lambda ids: np.moveaxis(colours[ids], -1, 0))
    made = geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras", coding="aerial")
    assert made.fit.temperature == pytest.approx(SCALE, rel=0.05)


def test_pixels_without_data_count_in_nothing(bundle, write_pairs, tmp_path):
    """Pixels of an image without data have no probabilities to calibrate."""
    images, labels = write_pairs()
    for path in images.iterdir():
        with rasterio.open(path, "r+") as raster:
            pixels = raster.read()
            pixels[:, :40] = 7
            raster.write(pixels)
    made = geoseg.calibrate(bundle, images, labels, tmp_path / "new.keras", nodata=7)
    assert made.fit.pixels < 4 * SIDE * (SIDE - 40)
    assert made.fit.temperature == pytest.approx(SCALE, rel=0.05)


def test_few_tiles_are_spread_over_the_images(bundle, write_pairs, tmp_path):
    """`tiles` bounds how many tiles the network sees, the same number of each image."""
    images, labels = write_pairs()
    seen = []
    made = geoseg.calibrate(
        bundle, images, labels, tmp_path / "new.keras", tiles=6, progress=lambda done, most, item: seen.append(item)
    )
    assert seen == [*"abbcdd"]
    assert made.fit.images == 4


def test_an_8_bit_form_is_left_out(bundle, write_pairs, tmp_path):
    """The 8-bit form has the old weights: the copy has none, neither do its figures, and a warning says so."""
    images, labels = write_pairs()
    both = tmp_path / "both.keras"
    card = make_card(name="city", provenance={"int8": {"tiles": 3}})
    write_form(bundle, Form(graph=b"graph", weights=b"weights"), card, both)
    with warned(r"new\.keras has no 8-bit form, since that of .*both\.keras has the old weights"):
        made = geoseg.calibrate(both, images, labels, tmp_path / "new.keras")
    with zipfile.ZipFile(made.path) as archive:
        assert not [name for name in archive.namelist() if name.startswith("int8")]
    assert "int8" not in read_card(made.path).provenance


def test_default_name_and_existing_files(bundle, write_pairs, tmp_path, monkeypatch):
    """By default the copy is named after the model, in the current folder; a file there is replaced on request only."""
    monkeypatch.chdir(tmp_path)
    images, labels = write_pairs("ab")
    assert geoseg.calibrate(bundle, images, labels).path.name == "city_calibrated.keras"
    with pytest.raises(OutputError, match="city_calibrated"):
        geoseg.calibrate(bundle, images, labels)
    geoseg.calibrate(bundle, images, labels, bundle, overwrite=True)
    assert read_card(bundle).provenance["calibration"]["images"] == 2


def test_errors(bundle, write_pairs, tmp_path):
    """One image, a network without softmax, no tiles and a wrong suffix are refused; nothing is written."""
    images, labels = write_pairs("a")
    target = tmp_path / "new.keras"
    with pytest.raises(DataError, match="1 image with labels; two are needed"):
        geoseg.calibrate(bundle, images, labels, target)
    sigmoid = tmp_path / "sigmoid.keras"
    save_bundle(make_network(activation="sigmoid"), make_card(), sigmoid)
    with pytest.raises(BundleError, match=r"sigmoid\.keras ends in layer .* activation sigmoid; only a softmax"):
        geoseg.calibrate(sigmoid, images, labels, target)
    with pytest.raises(UsageError, match="`tiles` must be at least 1"):
        geoseg.calibrate(bundle, images, labels, target, tiles=0)
    with pytest.raises(OutputError, match=r"ends in \.keras"):
        geoseg.calibrate(bundle, images, labels, tmp_path / "new.onnx")
    assert not target.exists()

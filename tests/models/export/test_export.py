"""Exports give the original's scores in another runtime, with the card, or are not written."""

import dataclasses
import json
import os
import re

import keras
import numpy as np
import pytest
from standins import files_of_at_most, make_card

from geoseg import extras
from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.models.bundle import MEMBER, Card, Scaling
from geoseg.models.export.export import TOLERANCE, export_bundle
from geoseg.models.export.runtimes import FORMATS
from geoseg.models.networks.unet import build_unet
from geoseg.models.saved_network import load_network, save_bundle

NAMES = {"onnx": "model.onnx", "openvino": "model.xml", "savedmodel": "model", "tflite": "model.tflite"}
CARD = make_card(tile=32, overlap=8, name="narrow")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    keras.utils.set_random_seed(0)
    network = build_unet(bands=3, classes=5, depth=1, width=4, block="residual", skip="attention")
    path = tmp_path_factory.mktemp("bundle") / "narrow.keras"
    save_bundle(network, CARD, path)
    return path


@pytest.fixture
def available():
    """Skip formats that this environment cannot write."""

    def check(name):
        for package in FORMATS[name].packages:
            pytest.importorskip(package)
        if FORMATS[name].on_tensorflow and keras.backend.backend() != "tensorflow":
            pytest.skip(f"Keras writes {name} on TensorFlow")

    return check


def noise(seed, side=32, count=1):
    return np.random.default_rng(seed).uniform(0, 255, (count, side, side, 3)).astype(np.float32)


def run(name, path, tiles, advice=""):
    """Run an export as a user would, without geoseg and as advised."""
    first = np.ascontiguousarray(tiles.transpose(0, 3, 1, 2))
    if name == "onnx":
        import onnxruntime

        return onnxruntime.InferenceSession(path).run(None, {"pixels": first})[0].transpose(0, 2, 3, 1)
    if name == "openvino":
        import openvino

        config = json.loads(re.search("{.*?}", advice)[0])
        compiled = openvino.Core().compile_model(str(path), "CPU", config)
        return compiled({"pixels": first})["probabilities"].transpose(0, 2, 3, 1)
    if name == "savedmodel":
        import tensorflow as tf

        loaded = tf.saved_model.load(path)
        return loaded.signatures["serving_default"](pixels=tiles)["output_0"].numpy()
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    return np.concatenate([next(iter(runner(pixels=tile[None]).values())) for tile in tiles])


def read_card(name, path):
    """Read the card from its documented location."""
    if name == "onnx":
        import onnx

        return {prop.key: prop.value for prop in onnx.load(path).metadata_props}[MEMBER]
    where = path / "assets.extra" / MEMBER if name == "savedmodel" else path.with_name(f"{path.name}.json")
    return where.read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_export(name, bundle, tmp_path, available):
    """Run as advised, an export gives the network's probabilities to 1e-4 on other tiles, and contains the card."""
    available(name)
    target = tmp_path / NAMES[name]
    exported = export_bundle(bundle, target, format=name, tiles=noise(0))
    assert exported.files[0] == target
    assert set(exported.files) == set(tmp_path.iterdir())
    assert 0 <= exported.difference <= TOLERANCE

    others = noise(1, count=3)
    expected = keras.ops.convert_to_numpy(load_network(bundle)(others, training=False))
    np.testing.assert_allclose(run(name, target, others, exported.advice), expected, atol=TOLERANCE)
    assert Card.from_json(json.loads(read_card(name, target))) == CARD


def test_other_side(bundle, tmp_path, available):
    """An export for another tile size has it in its card, with the same relative overlap."""
    available("onnx")
    target = tmp_path / "model.onnx"
    export_bundle(bundle, target, format="onnx", tiles=noise(0, side=48))
    card = json.loads(read_card("onnx", target))
    assert (card["tile"], card["overlap"]) == (48, 12)
    assert run("onnx", target, noise(1, side=48)).shape == (1, 48, 48, 5)
    with pytest.raises(UsageError, match="multiple of 16"):
        export_bundle(bundle, tmp_path / "other.onnx", format="onnx", tiles=noise(0, side=40))


def test_keys_for_qgis(bundle, tmp_path, available):
    """An ONNX file has the metadata of QGIS's Deepness plugin, for values of 0–255."""
    available("onnx")
    import onnx

    export_bundle(bundle, tmp_path / "model.onnx", format="onnx", tiles=noise(0))
    found = {prop.key: prop.value for prop in onnx.load(tmp_path / "model.onnx").metadata_props}
    keys = {key: json.loads(value) for key, value in found.items() if key != MEMBER}
    assert keys["class_names"] == {str(number): name for number, name in enumerate(CARD.legend.names)}
    assert (keys["resolution"], keys["tile_size"], keys["tiles_overlap"]) == (100, 32, 25)
    values = np.array([0, 17, 255]) / 255
    standardised = (values - np.array(keys["standardization_mean"])) / np.array(keys["standardization_std"])
    np.testing.assert_allclose(standardised, [0, 17, 255])


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({"uint16": Scaling(gain=0.1), "uint8": Scaling(offset=10, gain=1.25)}, [-12.5, 8.75, 306.25]),
        ({"physical": Scaling(gain=255), "uint16": Scaling(offset=7, gain=2)}, [-14, 20, 496]),
    ],
)
def test_scaling_for_qgis(bundle, tmp_path, available, scaling, expected):
    """QGIS's Deepness plugin, which divides by 255 first, scales bytes as the card does, or else another data type."""
    available("onnx")
    import onnx

    path = tmp_path / "scaled.keras"
    save_bundle(load_network(bundle), dataclasses.replace(CARD, scaling=scaling), path)
    export_bundle(path, tmp_path / "model.onnx", format="onnx", tiles=noise(0))
    keys = {prop.key: prop.value for prop in onnx.load(tmp_path / "model.onnx").metadata_props}
    mean, deviation = (np.array(json.loads(keys[f"standardization_{name}"])) for name in ("mean", "std"))
    np.testing.assert_allclose((np.array([0, 17, 255]) / 255 - mean) / deviation, expected)


@pytest.mark.parametrize("name", FORMATS)
def test_names_that_are_not_utf_8(bundle, tmp_path, available, name):
    """A file is named in any bytes; TensorFlow, which cannot, is answered with a sentence."""
    available(name)
    folder = tmp_path / os.fsdecode(b"\xe4")
    folder.mkdir()
    if name == "savedmodel":
        with pytest.raises(OutputError, match="is not UTF-8, as TensorFlow needs it; choose another name"):
            export_bundle(bundle, folder / "model", format=name, tiles=noise(0))
    else:
        export_bundle(bundle, folder / NAMES[name], format=name, tiles=noise(0))
        assert (folder / NAMES[name]).is_file()


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_what_differs_is_not_written(difference, bundle, tmp_path, available, monkeypatch):
    """An export whose probabilities differ by more than 1e-4, or are NaN, is refused and leaves no file."""
    available("onnx")
    exact = FORMATS["onnx"].run
    wrong = dataclasses.replace(FORMATS["onnx"], run=lambda path, tiles: exact(path, tiles) + np.float32(difference))
    monkeypatch.setitem(FORMATS, "onnx", wrong)
    with pytest.raises(BundleError, match="differs from the Keras network"):
        export_bundle(bundle, tmp_path / "model.onnx", format="onnx", tiles=noise(0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [100, 1000, 2500])
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(name, bundle, tmp_path, available, monkeypatch, length):
    """Whatever does not fit, an export is refused with the reason of the operating system, and nothing is left."""
    available(name)

    def write(*arguments):
        with files_of_at_most(length):
            kind.write(*arguments)

    kind = FORMATS[name]
    monkeypatch.setitem(FORMATS, name, dataclasses.replace(kind, write=write))
    with pytest.raises(OutputError, match=r" cannot be written \(File too large\)\.$"):
        export_bundle(bundle, tmp_path / NAMES[name], format=name, tiles=noise(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "extra"), [("onnx", "onnxruntime"), ("tflite", "tflite")])
def test_missing_package(name, extra, bundle, tmp_path, monkeypatch):
    """If a package is missing, one sentence names it and the extra that installs it."""
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    with pytest.raises(UsageError) as caught:
        export_bundle(bundle, tmp_path / NAMES[name], format=name, tiles=noise(0))
    assert f"pip install 'geoseg[{extra}]'" in str(caught.value)
    for package in FORMATS[name].packages:
        assert package in str(caught.value)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="the backend that can")
@pytest.mark.parametrize("name", ["savedmodel", "tflite"])
def test_other_backends(name, bundle, tmp_path):
    """A format that needs TensorFlow is refused on other backends, and the error names the setting."""
    for package in FORMATS[name].packages:
        pytest.importorskip(package)
    with pytest.raises(UsageError, match="KERAS_BACKEND"):
        export_bundle(bundle, tmp_path / NAMES[name], format=name, tiles=noise(0))


def test_unknown_format(bundle, tmp_path):
    """An unknown format is refused with the known ones."""
    with pytest.raises(UsageError, match="onnx, openvino, savedmodel, tflite"):
        export_bundle(bundle, tmp_path / "model.pb", format="pb", tiles=noise(0))


def test_nothing_is_replaced_unasked(bundle, tmp_path, available):
    """An existing file, or one next to it, is replaced only on request."""
    available("openvino")
    target = tmp_path / "model.xml"
    (tmp_path / "model.bin").write_text("mine")
    with pytest.raises(OutputError, match=r"model\.bin exists"):
        export_bundle(bundle, target, format="openvino", tiles=noise(0))
    assert (tmp_path / "model.bin").read_text() == "mine"
    exported = export_bundle(bundle, target, format="openvino", tiles=noise(0), overwrite=True)
    assert run("openvino", target, noise(1), exported.advice).shape == (1, 32, 32, 5)


def test_folders_of_others_are_not_replaced(bundle, tmp_path):
    """A folder that is no SavedModel is never replaced."""
    (tmp_path / "thesis").mkdir()
    with pytest.raises(OutputError, match="not replaced"):
        export_bundle(bundle, tmp_path / "thesis", format="savedmodel", tiles=noise(0), overwrite=True)
    assert (tmp_path / "thesis").is_dir()
    (tmp_path / "thesis" / "saved_model.pb").touch()
    (tmp_path / "thesis" / "chapter.tex").touch()
    with pytest.raises(OutputError, match=r"thesis holds chapter\.tex beside a SavedModel and is not replaced"):
        export_bundle(bundle, tmp_path / "thesis", format="savedmodel", tiles=noise(0), overwrite=True)


def test_bad_names(bundle, tmp_path, available):
    """A wrong suffix and a missing folder are refused before the network is loaded."""
    available("onnx")
    with pytest.raises(OutputError, match=r"ends in \.onnx"):
        export_bundle(bundle, tmp_path / "model.pb", format="onnx", tiles=noise(0))
    with pytest.raises(OutputError, match="nowhere is not a folder; create it first"):
        export_bundle(bundle, tmp_path / "nowhere" / "model.onnx", format="onnx", tiles=noise(0))

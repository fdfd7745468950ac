"""Quantisation of a model by name: which tiles it is calibrated and compared on, and what it says of the result."""

import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from standins import make_card

import geoseg
from geoseg.errors import DataError, OutputError, SceneError, UsageError
from geoseg.models.bundle import Scaling, read_card
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.int8.stored import Form, read_form
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.prediction.conversion import quantize as module
from geoseg.prediction.conversion.agreement import compare
from geoseg.prediction.conversion.sample_tiles import deal_tiles, read_samples
from geoseg.rendering import render_scene

FORM = Form(graph=b"graph", weights=b"weights")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A narrow U-Net that says different things of different pixels."""
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("bundles") / "city.keras"
    network = build_preset("unet", bands=3, classes=5, width=4)
    last = network.get_layer("probabilities")
    features = keras.Model(network.input, last.input)(render_scene(0, (64, 64)).image[None, ..., :3], training=False)
    kernel, bias = last.get_weights()
    scores = keras.ops.convert_to_numpy(features) @ kernel[0, 0]
    # Untrained, all classes are nearly as probable.
    last.set_weights([kernel * 2 / scores.std(), bias - scores.mean(axis=(0, 1, 2)) * 2 / scores.std()])
    save_bundle(network, make_card(name="city", tile=64, multiple=64, provenance={"license": "CC0"}), path)
    return path


@pytest.fixture
def write_images(tmp_path):
    """Write rendered images of a size under names, and return their folder."""

    def write(names, side=128):
        folder = tmp_path / "images"
        folder.mkdir()
        for seed, name in enumerate(names):
            Image.fromarray(render_scene(seed, (side, side)).image[..., :3]).save(folder / f"{name}.png")
        return folder

    return write


@pytest.fixture
def seen(monkeypatch):
    """The tiles that the next quantisation would be calibrated and compared on, without NNCF."""
    tiles = {}

    def calibrate(bundle, pixels, *, most):
        tiles["calibrated"] = list(pixels)
        assert len(tiles["calibrated"]) <= most
        return FORM, len(tiles["calibrated"])

    class Engine:
        def __init__(self, path, options=None):
            self.int8 = options is not None and options.precision == "int8"

        def __call__(self, pixels):
            if self.int8:
                tiles.setdefault("compared", []).append(pixels[0])
            return np.eye(5, dtype=np.float32)[np.zeros(pixels.shape[:3], int)]

    monkeypatch.setattr(module, "make_form", calibrate)
    monkeypatch.setattr(module, "require_nncf", lambda: None)
    monkeypatch.setattr(module, "OpenVINOEngine", Engine)
    monkeypatch.setattr(module, "version", lambda name: "0")
    return tiles


def image_of(tile, folder):
    """Name of the image that a tile was cut from."""
    (name,) = {
        path.stem
        for path in folder.iterdir()
        for pixels in [np.asarray(Image.open(path))]
        for row in (0, 64)
        for col in (0, 64)
        if np.array_equal(pixels[row : row + 64, col : col + 64], tile)
    }
    return name


def test_every_fifth_image_is_held_out(seen, bundle, write_images, tmp_path):
    """Tiles are spread over the images; those compared are of images that the calibration never sees."""
    folder = write_images("abcdefg")
    made = geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder, tiles=10)
    calibrated = [image_of(tile, folder) for tile in seen["calibrated"]]
    assert sorted(calibrated) == sorted("bcdeg" * 2)
    assert len({tile.tobytes() for tile in seen["calibrated"]}) == made.calibration_tiles == 10
    assert sorted(image_of(tile, folder) for tile in seen["compared"]) == ["a", "f", "f"]


def test_a_single_image(seen, bundle, write_images, tmp_path):
    """Of a single image, a fifth of its tiles is held out; no pixel is both calibrated and compared on."""
    folder = write_images("a", side=64 * 5)
    geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder / "a.png", tiles=16)
    assert len(seen["calibrated"]) == 16
    assert len(seen["compared"]) == 4
    assert len({tile.tobytes() for tile in (*seen["calibrated"], *seen["compared"])}) == 20


def test_images_are_read_as_in_prediction(seen, bundle, write_images, tmp_path):
    """Bands, nodata values and the stretch of images are those that `predict` takes, a joint one too."""
    folder = write_images("ab")
    choices = {"stretch": "10,137", "bands": (3, 2, 1)}
    given = geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder, tiles=4, **choices)
    pixels = np.asarray(Image.open(folder / "b.png")).astype(np.float32)[..., ::-1]
    expected = np.clip((pixels - 10) * np.float32(255 / 127), 0, 255)
    corners = {expected[row : row + 64, col : col + 64].tobytes() for row in (0, 64) for col in (0, 64)}
    assert {tile.tobytes() for tile in seen["calibrated"]} == corners
    assert given.calibration_tiles == 4
    noise = np.random.default_rng(0).integers(20, 200, (2, 128, 128, 3), dtype=np.uint8)
    for name, image in zip("ab", noise, strict=True):
        Image.fromarray(image).save(folder / f"{name}.png")
    geoseg.quantize(bundle, tmp_path / "joint.keras", calibrate=folder, tiles=4, stretch="joint")
    low, high = np.percentile(noise.reshape(-1, 3), (2, 98), axis=0)
    stretched = np.clip((noise[1] - low) * 255 / (high - low), 0, 255)
    np.testing.assert_allclose(sum(map(np.sum, seen["calibrated"])), stretched.sum(), rtol=1e-5)


def test_nodata_that_can_be_read_once(seen, bundle, write_images, tmp_path):
    """Nodata values may come from an iterator, and apply to every image."""
    folder = write_images("abcdef")
    for image in folder.iterdir():
        pixels = np.array(Image.open(image))
        pixels[:, 64:] = 0
        Image.fromarray(pixels).save(image)
    geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder, tiles=16, nodata=iter([0]))
    assert all(tile.any() for tile in (*seen["calibrated"], *seen["compared"]))


def test_patterns_and_files(seen, bundle, write_images, tmp_path):
    """Images are given as patterns or files, several of them, and each is taken once."""
    folder = write_images("abc")
    places = [f"{folder}/[ab].png", folder / "b.png", str(folder / "c.png")]
    geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=places, tiles=2)
    assert {image_of(tile, folder) for tile in seen["calibrated"]} == {"b", "c"}


def test_the_same_tiles_each_time(seen, bundle, write_images, tmp_path):
    """Which tiles are used is no matter of chance."""
    folder = write_images("abcd")
    rounds = []
    for _ in range(2):
        geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder, tiles=5, overwrite=True)
        rounds.append([tile.tobytes() for tile in seen["calibrated"]])
    assert rounds[0] == rounds[1]


def test_progress(seen, bundle, write_images, tmp_path):
    """Each tile is reported with the image that it is of."""
    folder, calls = write_images("ab"), []
    geoseg.quantize(
        bundle, tmp_path / "out.keras", calibrate=folder, tiles=4, progress=lambda *call: calls.append(call)
    )
    assert calls == [(number, 4, "calibrate on b.png") for number in range(4)] + [(0, 1, "compare on a.png")]


def test_tiles_are_those_of_a_prediction(write_scene, noise):
    """Tiles are scaled as for the network; those without data are left out, and their pixels without data are known."""
    pixels = noise(64, 192).astype(np.uint16) * 4
    mask = np.full((64, 192), 255, np.uint8)
    mask[:, :90] = 0
    card = make_card(tile=64, scaling={"uint16": Scaling(gain=0.25)})
    scene = write_scene(pixels, mask=mask)
    for spread in (False, True):
        tiles = {float(sample.valid.mean()): sample for sample in read_samples(str(scene), card, 64, spread=spread)}
        assert sorted(tiles) == [38 / 64, 1]
        np.testing.assert_array_equal(tiles[1].pixels, np.moveaxis(pixels[:, :, 128:], 0, -1) / 4)


def test_tiles_are_spread(write_scene, noise):
    """The first few tiles of many are of all parts of a scene."""
    pixels = noise(320, 320)
    pixels[0] = np.arange(320)[:, None] // 32
    pixels[1] = np.arange(320)[None] // 32
    scene = str(write_scene(pixels))
    tiles = read_samples(scene, make_card(tile=32, multiple=16), 32, spread=True)
    places = [tuple(next(tiles).pixels[16, 16, :2].astype(int)) for _ in range(20)]
    assert len(set(places)) == 20
    for half in (range(5), range(5, 10)):
        assert 8 <= sum(row in half for row, _ in places) <= 12
        assert 6 <= sum(col in half for _, col in places) <= 14


@given(tiles=st.integers(1, 300), images=st.integers(1, 40))
def test_tiles_are_dealt_evenly(tiles, images):
    """All tiles are dealt, and no image gets more than one more than another."""
    counts = deal_tiles(tiles, images)
    assert len(counts) == images
    assert sum(counts) == tiles
    assert max(counts) - min(counts) <= 1


def test_comparison():
    """Shares of agreeing classes and the mean difference of probabilities are those counted by hand."""
    card = make_card()
    exact, other = np.zeros((2, 1, 2, 2, 5), np.float32)
    exact[0, ..., 0], other[0, ..., 0] = 0.6, 0.6
    exact[0, ..., 3], other[0, ..., 3] = 0.4, 0.4
    exact[0, 1, 1], other[0, 1, 1] = 0, 1  # without data
    other[0, 0, 1] = [0.4, 0, 0, 0.6, 0]
    exact[0, 1, 0] = other[0, 1, 0] = [0, 0, 0, 1, 0]
    valid = np.array([[True, True], [True, False]])
    found = compare(lambda _: exact, lambda _: other, [(np.zeros((2, 2, 3), np.float32), valid)], card.legend)
    assert (found.tiles, found.pixels) == (1, 3)
    assert found.same_class == pytest.approx(2 / 3)
    assert found.by_class == pytest.approx({"building": 1 / 2, "vegetation": 1})
    assert found.probability_difference == pytest.approx(0.4 / 15)


def test_figures_in_the_card(seen, bundle, write_images, tmp_path):
    """The card keeps its provenance, and says what 8 bits change and on how much imagery this was measured."""
    target = tmp_path / "out.keras"
    made = geoseg.quantize(bundle, target, calibrate=write_images("abc"), tiles=4)
    card = read_card(target)
    assert card.provenance["license"] == "CC0"
    figures = card.provenance["int8"]
    assert figures["calibration_tiles"] == 4
    assert figures["held_out_pixels"] == made.agreement.pixels == 64 * 64
    assert figures["same_class_as_float32"] == 1
    assert figures["mean_probability_difference"] == 0
    assert card.to_json() | {"provenance": {}} == read_card(bundle).to_json() | {"provenance": {}}


def test_saved_again(seen, bundle, write_images, tmp_path):
    """A network saved anew with the card of a quantised model has neither its 8-bit form nor the figures of it."""
    target = tmp_path / "out.keras"
    geoseg.quantize(bundle, target, calibrate=write_images("ab"), tiles=1)
    save_bundle(load_network(target), read_card(target), tmp_path / "again.keras")
    assert read_card(tmp_path / "again.keras") == read_card(bundle)
    with pytest.raises(UsageError, match="has no 8-bit form"):
        read_form(tmp_path / "again.keras")


def test_default_name(seen, bundle, write_images, tmp_path, monkeypatch):
    """By default the copy is named after the model, in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert geoseg.quantize(bundle, calibrate=write_images("ab"), tiles=1).path.name == "city_int8.keras"
    assert (tmp_path / "city_int8.keras").exists()


def test_refused_before_any_work(seen, bundle, write_images, tmp_path):
    """A target that exists or has another suffix, and places without images, are refused before anything is read."""
    folder = write_images("ab")
    target = tmp_path / "out.keras"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"exists; .*`overwrite=True`"):
        geoseg.quantize(bundle, target, calibrate=folder)
    with pytest.raises(OutputError, match=r"ends in \.keras"):
        geoseg.quantize(bundle, tmp_path / "out.onnx", calibrate=folder)
    (tmp_path / "empty").mkdir()
    for place, told in ((tmp_path / "empty", "holds no images"), (tmp_path / "nowhere", "does not exist")):
        with pytest.raises(DataError, match=told):
            geoseg.quantize(bundle, tmp_path / "new.keras", calibrate=place)
    with pytest.raises(UsageError, match="`tiles` must be at least 1, got 0"):
        geoseg.quantize(bundle, tmp_path / "new.keras", calibrate=folder, tiles=0)
    assert not seen
    assert target.read_bytes() == b"mine"
    assert not (tmp_path / "new.keras").exists()


def test_too_few_tiles(seen, bundle, write_images, tmp_path):
    """One tile alone cannot be both calibrated and compared on."""
    folder = write_images("a", side=64)
    with pytest.raises(SceneError, match=r"a\.png: no tile with data to calibrate on; add images to `calibrate`"):
        geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder)
    assert not (tmp_path / "out.keras").exists()


def test_without_nncf(bundle, write_images, tmp_path, monkeypatch):
    """Without NNCF, one sentence names the extra that installs it."""
    monkeypatch.setitem(sys.modules, "nncf", None)
    monkeypatch.setattr("geoseg.extras.find_spec", lambda name: None if name == "nncf" else find_spec(name))
    with pytest.raises(UsageError, match=r"needs nncf; install with `pip install 'geoseg\[quantize\]'`\."):
        geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=write_images("ab"))


def test_an_image_that_cannot_be_read(bundle, write_images, tmp_path):
    """An image that cannot be read ends the quantisation in one sentence that names it, and leaves nothing."""
    pytest.importorskip("nncf")
    folder = write_images("abc")
    (folder / "b.png").write_bytes(b"no image")
    with pytest.raises(SceneError, match=r"b\.png"):
        geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder, tiles=4)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_the_whole_way(bundle, write_images, write_scene, tmp_path):
    """A quantised model predicts in int8, near what float32 predicts, and says how near; over its own file, too."""
    pytest.importorskip("nncf")
    target = tmp_path / "out.keras"
    target.write_bytes(bundle.read_bytes())
    made = geoseg.quantize(target, target, calibrate=write_images("abcdef"), tiles=8, overwrite=True)
    assert 0.9 < made.agreement.same_class < 1
    assert 0 < made.agreement.probability_difference < 0.05
    pixels = np.moveaxis(render_scene(30, (200, 180)).image[..., :3], -1, 0)
    scene = write_scene(np.ascontiguousarray(pixels))
    maps = {}
    for precision in ("float32", "int8"):
        found = geoseg.Model(target).predict(
            scene, folder=tmp_path / precision, engine="openvino", precision=precision, roads=False
        )
        assert found.runtime.precision == precision
        maps[precision] = geoseg.Model(target).predict_array(pixels, precision=precision, probabilities=True)
    assert np.mean(maps["int8"].argmax(axis=0) == maps["float32"].argmax(axis=0)) > 0.9
    assert not np.array_equal(maps["int8"], maps["float32"])


def test_figures_are_those_of_the_engines(bundle, write_images, tmp_path):
    """The figures in the card are reproduced by running both forms on the held-out image."""
    pytest.importorskip("nncf")
    folder = write_images("ab", side=64)
    made = geoseg.quantize(bundle, tmp_path / "out.keras", calibrate=folder)
    pixels = np.asarray(Image.open(folder / "a.png"), np.float32)[None]
    exact = OpenVINOEngine(bundle)(pixels)
    found = OpenVINOEngine(made.path, EngineOptions(precision="int8"))(pixels)
    assert made.agreement.same_class == np.mean(exact.argmax(axis=-1) == found.argmax(axis=-1))
    assert made.agreement.probability_difference == pytest.approx(np.abs(exact - found).mean(), rel=1e-5)

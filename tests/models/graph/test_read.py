"""Reading networks without Keras: what is read, and what is refused."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models.bundle import MEMBER
from geoseg.models.graph.read import read_network
from geoseg.models.graph.stored import stored_names
from geoseg.models.legend import AERIAL
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.models.shipped import shipped_models

layers = keras.layers


def scored(body):
    """A network of a body and a score per class, from pixels."""
    entry = keras.Input((None, None, 3), name="pixels")
    return keras.Model(entry, layers.Conv2D(len(AERIAL), 1, name="scores")(body(entry)))


def normalised(pixels):
    return layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="convolution")(pixels))


@pytest.fixture
def write(tmp_path):
    """Save a network with a card and return its path, after changes of its configuration and weights."""

    def make(network, *, configure=None, store=None, **card):
        path = tmp_path / "network.keras"
        save_bundle(network, make_card(**card), path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if configure:
            document = json.loads(members["config.json"])
            configure({layer["name"]: layer for layer in document["config"]["layers"]}, document)
            members["config.json"] = json.dumps(document).encode()
        if store:
            buffer = io.BytesIO(members["model.weights.h5"])
            with h5py.File(buffer, "a") as file:
                store(file["layers"])
            members["model.weights.h5"] = buffer.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return make


def refusal(path):
    """The sentence with which a bundle is refused: one line that names the file."""
    with pytest.raises(BundleError) as error:
        read_network(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert path.name in message
    return message


@pytest.mark.parametrize("name", shipped_models())
def test_weights_are_keras_s(name):
    """Every layer of a shipped bundle that includes no normalisation has the weights that Keras gives it."""
    path = shipped_models()[name]
    network, read = load_network(path), read_network(path)
    assert (read.entry, read.output, read.input_shape) == ("pixels", "probabilities", (None, None, 3))
    compared = 0
    for layer in read.layers:
        expected = network.get_layer(layer.name).get_weights()
        if len(expected) == len(layer.weights):
            for found, values in zip(layer.weights.values(), expected, strict=True):
                np.testing.assert_array_equal(found, values)
                compared += bool(expected)
    assert compared > 0


def test_names_in_the_weights_file():
    """Groups are named by class in snake case, numbered in the order of layers, as by Keras's own function."""
    from keras.src.utils.naming import to_snake_case

    kinds = ["InputLayer", "Conv2D", "ReLU", "Conv2D", "GlobalAveragePooling2D", "UpSampling2D", "ReLU", "Conv2D"]
    names = list(stored_names(kinds))
    assert names == [
        "input_layer",
        "conv2d",
        "re_lu",
        "conv2d_1",
        "global_average_pooling2d",
        "up_sampling2d",
        "re_lu_1",
        "conv2d_2",
    ]
    for kind, name in zip(kinds, names, strict=True):
        assert name.startswith(to_snake_case(kind))


def test_mixed_precision_is_the_engine_s_choice(write):
    """A network trained in mixed precision has float32 weights, and is read."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = scored(normalised)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(read_network(write(network)).layers) == 2


SHARED = layers.Conv2D(3, 1, name="shared")
UNKNOWN = {
    "of class LayerNormalization": layers.LayerNormalization(name="odd"),
    "activated by elu": layers.Conv2D(3, 1, activation="elu", name="odd"),
    "slope": layers.ReLU(negative_slope=0.1, name="odd"),
    "along axis 1": lambda pixels: layers.Concatenate(axis=1, name="odd")([pixels, pixels]),
    "bicubic": layers.UpSampling2D(interpolation="bicubic", name="odd"),
    "product of 3": lambda pixels: layers.Multiply(name="odd")([pixels, layers.ReLU()(pixels), pixels]),
    "reshaping": lambda pixels: layers.Reshape((4, 16, 3), name="odd")(layers.Reshape((8, 8, 3))(pixels)),
    "called 2 times": lambda pixels: SHARED(SHARED(pixels)),
    "called with training": lambda pixels: layers.Dropout(0.5, name="odd")(pixels, training=True),
    "of class keras.src.ops.numpy.Multiply": lambda pixels: pixels * 2,
    "of class keras.Sequential": keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 1)], name="odd"),
    "float16": layers.Conv2D(3, 1, dtype="float16", name="odd"),
    "renorm=True": layers.BatchNormalization(renorm=True, name="odd"),
}


@pytest.mark.parametrize("found", UNKNOWN)
def test_what_only_keras_runs(write, found):
    """A layer or setting that only Keras runs is refused by name, with the engine that runs it, not approximated."""
    message = refusal(write(scored(UNKNOWN[found])))
    assert found in message
    assert "`engine=keras`" in message
    assert message.startswith("layer ")


def test_a_setting_of_a_later_version(write):
    """A setting that this version of geoseg does not know is refused if it is set, and ignored if it is off."""
    network = scored(normalised)

    def written(value):
        return write(network, configure=lambda layer, _: layer["convolution"]["config"].update(novel=value))

    read_network(written(None))
    read_network(written(False))
    path = written(2)
    assert "layer convolution of" in refusal(path)
    assert "a Conv2D with novel=2" in refusal(path)


def test_channels_first(write):
    """A layer with channels first is refused."""

    def turn(layer, _):
        layer["convolution"]["config"]["data_format"] = "channels_first"

    assert "channels first" in refusal(write(scored(normalised), configure=turn))


def test_a_lambda(tmp_path):
    """A layer of Python code is refused: it is neither read nor run."""
    body = layers.Lambda(lambda values: values * 2, output_shape=(None, None, 3), name="odd")
    path = tmp_path / "code.keras"
    scored(body).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(make_card().to_json()))
    assert "layer odd of" in refusal(path)
    assert "of class Lambda" in refusal(path)


def test_networks_of_another_kind(write):
    """A sequence, and a network with two outputs, are refused with the engine that might run them."""
    sequence = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(len(AERIAL), 1)])
    entry = keras.Input((None, None, 3))
    twins = keras.Model(entry, [layers.Conv2D(len(AERIAL), 1)(entry), layers.Conv2D(len(AERIAL), 1)(entry)])
    for network, found in ((sequence, "of class Sequential"), (twins, "1 inputs and 2 outputs")):
        message = refusal(write(network))
        assert found in message
        assert "`engine=keras`" in message


def drop(layers):
    del layers["conv2d/vars/1"]


def drop_layer(layers):
    del layers["conv2d"]


def widen(layers):
    del layers["conv2d/vars/0"]
    layers["conv2d/vars/0"] = np.zeros((3, 3, 3, 5), np.float32)


def add(layers):
    layers["conv2d/vars/2"] = np.zeros(3, np.float32)


def rename(layers):
    layers.move("conv2d/vars/1", "conv2d/vars/one")


def link(layers):
    del layers["conv2d/vars/1"]
    layers["conv2d/vars/1"] = h5py.ExternalLink("elsewhere.h5", "/bias")


def spell(layers):
    del layers["conv2d/vars/1"]
    layers["conv2d/vars/1"] = np.array([b"a", b"b", b"c", b"d"])


@pytest.mark.parametrize("damage", [drop, drop_layer, widen, add, rename, spell])
def test_damaged_weights(write, damage):
    """Weights that are missing, or of another shape or type, are refused by layer, before they are read."""
    message = refusal(write(scored(normalised), store=damage))
    assert "layer convolution" in message
    assert "weights" in message


def test_weights_in_another_file(write):
    """Weights that are a link to another file are refused."""
    assert "its part layers/conv2d/vars/1 lies in another file" in refusal(write(scored(normalised), store=link))


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("config.json", None),
        ("config.json", b"{}"),
        ("config.json", b"[" * 100_000),
        ("config.json", b'{"class_name": "Functional", "config": {"input_layers": [], "layers": 3}}'),
        ("model.weights.h5", None),
        ("model.weights.h5", b"garbage"),
    ],
)
def test_damaged_archives(write, tmp_path, member, content):
    """A bundle whose network cannot be parsed is refused in one sentence."""
    source, path = write(scored(normalised)), tmp_path / "damaged.keras"
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as target:
        for name in archive.namelist():
            if name != member:
                target.writestr(name, archive.read(name))
        if content is not None:
            target.writestr(member, content)
    assert "weights" in refusal(path) or "network" in refusal(path)


@pytest.mark.parametrize("key", ["kernel_size", "strides", "activation", "dtype"])
def test_a_missing_setting(write, key):
    """A layer without one of its settings is refused, and the error names the setting."""
    path = write(scored(normalised), configure=lambda layer, _: layer["convolution"]["config"].pop(key))
    assert key in refusal(path)


def test_layers_out_of_order(write):
    """A layer before its inputs is refused: Keras writes each after its inputs."""
    path = write(scored(normalised), configure=lambda _, document: document["config"]["layers"].reverse())
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("side", [64, 80])
def test_a_network_that_does_not_fit_its_card(write, side):
    """A network with other bands, classes or tiles than its card's is refused with the same sentence as by Keras."""

    def deep(pixels):
        coarse = layers.UpSampling2D(32)(layers.MaxPooling2D(32)(pixels))
        return layers.Concatenate()([pixels, coarse])

    for network, card in (
        (scored(normalised), {"bands": ("red", "nir")}),
        (scored(deep), {"tile": side}),
    ):
        path = write(network, **card)
        with pytest.raises(BundleError) as expected:
            load_network(path)
        assert refusal(path) == str(expected.value)

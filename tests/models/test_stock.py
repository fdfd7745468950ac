"""Only stock classes of Keras get as far as Keras."""

import importlib
import inspect
import json
import re
import zipfile

import keras
import numpy as np
import pytest
from keras.src.ops.operation import Operation
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models import saved_network
from geoseg.models.bundle import MEMBER
from geoseg.models.folding import fold_batch_norm
from geoseg.models.graph.read import read_network
from geoseg.models.legend import AERIAL
from geoseg.models.precision import mixed
from geoseg.models.saved_network import load_network
from geoseg.models.stock import STOCK

PIXELS = {"module": "keras.layers", "class_name": "InputLayer", "config": {}, "registered_name": None}


def entry(name, module="keras.layers", *, registered=None, **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


@pytest.fixture
def write(tmp_path):
    """Write a bundle with a configuration that may be anything; the rest is of a small network."""
    path = tmp_path / "network.keras"
    pixels = keras.Input((None, None, 3))
    keras.Model(pixels, keras.layers.Conv2D(len(AERIAL), 1)(pixels)).save(tmp_path / "plain.keras")

    def make(document):
        with zipfile.ZipFile(tmp_path / "plain.keras") as source, zipfile.ZipFile(path, "w") as target:
            members = {name: source.read(name) for name in source.namelist()}
            for name, content in (members | {"config.json": json.dumps(document), MEMBER: CARD}).items():
                target.writestr(name, content)
        return path

    return make


CARD = json.dumps(make_card().to_json())


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (entry("Lambda", function={"class_name": "__lambda__", "config": {}}), "keras.layers.Lambda"),
        (entry("TFSMLayer", filepath="/tmp/model"), "keras.layers.TFSMLayer"),
        (entry("TorchModuleWrapper"), "keras.layers.TorchModuleWrapper"),
        (entry("FlaxLayer"), "keras.layers.FlaxLayer"),
        (entry("JaxLayer"), "keras.layers.JaxLayer"),
        (entry("StringLookup", vocabulary="/etc/passwd"), "keras.layers.StringLookup"),
        (entry("TextVectorization"), "keras.layers.TextVectorization"),
        (entry("get_file", "keras.utils"), "keras.utils.get_file"),
        (entry("Popen", "subprocess"), "subprocess.Popen"),
        (entry("Relu", "keras.src.ops.numpy"), "keras.src.ops.numpy.Relu"),
        (entry("Add", "keras.src.ops.core"), "keras.src.ops.core.Add"),
        (entry("Add", "mine.ops.numpy"), "mine.ops.numpy.Add"),
        (entry("Add", "keras.src.ops.numpy", registered="mine>Add"), "mine>Add"),
        (entry("VectorizedMap", "keras.src.ops.core", function="f"), "keras.src.ops.core.VectorizedMap"),
        (entry("Map", "keras.src.ops.core"), "keras.src.ops.core.Map"),
        (entry("GetItem", "keras.layers"), "keras.layers.GetItem"),
        (entry("Conv2D", registered="mine>Conv2D"), "mine>Conv2D"),
        (entry("Conv2D", "mine.layers"), "mine.layers.Conv2D"),
        (entry("Conv2D", None), "Conv2D"),
        (entry(["Conv2D"]), "keras.layers."),
        (entry("Conv2D", ["keras.layers"]), "['keras.layers'].Conv2D"),
        ({"class_name": "__lambda__", "config": {"value": "code"}}, "__lambda__"),
        ({"class_name": "Lambda", "config": {}}, "Lambda"),
        ({"class_name": "function", "module": "builtins", "config": "eval"}, "builtins.function"),
        ({"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []}, "os.__typespec__"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("place", ["layer", "activation", "initializer", "nested network", "argument", "wrapped"])
def test_other_classes_are_refused_before_keras(write, monkeypatch, part, named, place):
    """Whatever is no stock class is refused by name, wherever it stands, before Keras is even started."""
    monkeypatch.setattr(saved_network, "start_keras", lambda: pytest.fail("Keras was started"))
    within = {
        "layer": [part],
        "activation": [entry("Conv2D", activation=part)],
        "initializer": [entry("Conv2D", kernel_initializer=part)],
        "nested network": [entry("Sequential", "keras", layers=[entry("Functional", "keras", layers=[part])])],
        "argument": [entry("Conv2D") | {"inbound_nodes": [{"args": [], "kwargs": {"mask": [part]}}]}],
        "wrapped": [entry("TimeDistributed", layer=part)],
    }
    document = entry("Functional", "keras.src.models.functional", layers=[PIXELS, *within[place]])
    path = write(document)
    with pytest.raises(BundleError) as error:
        load_network(path)
    assert f"the network in {path} uses {named}" in str(error.value)


def test_a_network_that_is_none(write):
    """Neither a function nor a class of another package can stand in the network's place."""
    with pytest.raises(BundleError, match=r"uses os\.system"):
        load_network(write({"module": "os", "class_name": "system", "config": "true"}))


def test_nesting_without_end(write):
    """A configuration is searched as deep as it may be nested."""
    part = entry("Lambda")
    for _ in range(40):
        part = entry("TimeDistributed", layer=part)
    with pytest.raises(BundleError, match=r"keras\.layers\.Lambda"):
        load_network(write(entry("Functional", "keras", layers=[part])))
    for _ in range(10):
        part = entry("TimeDistributed", layer=part)
    with pytest.raises(BundleError, match="nested deeper"):
        load_network(write(entry("Functional", "keras", layers=[part])))


def test_listed_classes_are_those_of_keras():
    """Every class on the list exists in Keras; those that take Python code or files are not listed."""
    for module, base in (("layers", keras.layers.Layer), ("initializers", keras.initializers.Initializer)):
        for name in STOCK[f"keras.{module}"]:
            assert issubclass(getattr(getattr(keras, module), name), base)
    unsafe = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "TextVectorization"}
    assert all(hasattr(keras.layers, name) for name in unsafe)
    assert not unsafe & STOCK["keras.layers"]


OPERATIONS = [
    (module, name) for module, names in STOCK.items() if str(module).startswith("keras.src.ops.") for name in names
]


def test_listed_operations_take_no_functions():
    """Every operation on the list is Keras's own, of its module, and takes values only; those of functions are not."""
    assert len(OPERATIONS) > 100
    takes_functions = re.compile("fn|func|body|^cond$|branch|callable|^f$")
    for module, name in OPERATIONS:
        found = getattr(importlib.import_module(module), name)
        assert issubclass(found, Operation)
        assert found.__module__ == module
        taken = [key for part in (found.__init__, found.call) for key in inspect.signature(part).parameters]
        assert not list(filter(takes_functions.search, taken)), (module, name, taken)
    of_functions = {"AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"}
    assert not of_functions & STOCK["keras.src.ops.core"]


@pytest.fixture
def with_operations(tmp_path):
    """A bundle of a functional network with operators, operations, an index and a normalisation to fold."""
    ops, layers = keras.ops, keras.layers
    keras.utils.set_random_seed(4)
    pixels = keras.Input((None, None, 3))
    features = layers.Conv2D(4, 3, padding="same")(pixels / 255)
    features = layers.BatchNormalization()(features)
    features = ops.relu(features) + 0.5 * features
    features = ops.concatenate([features, ops.sqrt(ops.abs(features[..., 1:3]))], axis=-1)
    features = features - ops.mean(features, axis=-1, keepdims=True)
    scores = layers.Conv2D(len(AERIAL), 1)(features)
    network = keras.Model(pixels, ops.softmax(scores))
    path = tmp_path / "operations.keras"
    network.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(make_card(multiple=1).to_json()))
    return network, path


def test_a_network_with_operations(with_operations):
    """`x + y`, `keras.ops.relu(x)` and `x[..., 1:3]` are let through, and compute what they did when saved."""
    network, path = with_operations
    tiles = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(load_network(path)(tiles), network(tiles))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_operations_are_run_by_keras(with_operations, precision):
    """The engine of Keras folds and mixes around operations; the others refuse them, with what to choose."""
    network, path = with_operations
    tiles = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    prepared = fold_batch_norm(load_network(path))
    if precision == "bfloat16":
        prepared = mixed(prepared, "mixed_bfloat16")
    tolerance = 1e-5 if precision == "float32" else 0.03
    found = prepared(tiles)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(found, network(tiles), atol=tolerance)
    with pytest.raises(BundleError, match=r"of class keras\.src\.ops\.numpy\.\w+, .*`engine=keras`"):
        read_network(path)


def test_a_network_of_many_stock_classes(tmp_path):
    """Arrays, regularizers, constraints, nested networks, wrapped layers and layers as activations are let through."""
    layers = keras.layers
    pixels = keras.Input((None, None, 3))
    body = layers.Rescaling([0.5, 0.25, 1.0])(pixels)
    body = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 1.0, 2.0])(body)
    body = keras.Sequential([layers.SeparableConv2D(4, 3, padding="same"), layers.GroupNormalization(2)])(body)
    body = layers.Conv2D(4, 1, activation=layers.LeakyReLU(), kernel_constraint="max_norm")(body)
    body = layers.Conv2D(4, 1, activation="gelu", kernel_regularizer="l2", kernel_initializer="he_normal")(body)
    body = layers.TimeDistributed(layers.Dense(len(AERIAL)))(body)
    network = keras.Model(pixels, layers.Softmax()(body))
    network.compile(optimizer="adam", loss="mse")
    path = tmp_path / "many.keras"
    network.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(make_card(multiple=1).to_json()))
    assert [layer.name for layer in load_network(path).layers] == [layer.name for layer in network.layers]

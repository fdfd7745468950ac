import subprocess
import sys

import pytest

from geoseg.errors import BundleError, UsageError
from geoseg.models.legend import AERIAL
from geoseg.training.recipe.load import load_recipe, parse_recipe
from geoseg.training.recipe.resolve import resolve

RECIPE = """
root = "imagery"

[network]
initial = "earlier.keras"
preset = "unet"

[[data]]
name = "town"
images = "town/images"
labels = "/elsewhere/labels"
"""


def resolved(**tables):
    data = tables.pop("data", [{"name": "town", "images": "images"}])
    return resolve(parse_recipe({"name": "test", "data": data, **tables}, source="test.toml"))


def test_paths_of_the_machine_stay_there(tmp_path):
    """A bundle reveals no folders: paths on its card are relative to the data's folder, or only file names."""
    path = tmp_path / "town.toml"
    path.write_text(RECIPE)
    (tmp_path / "earlier.keras").touch()
    card = resolve(load_recipe(path)).card
    assert card.name == "town"  # as the recipe's file
    recipe = card.provenance["recipe"]
    assert recipe["data"][0]["images"] == "town/images"
    assert recipe["data"][0]["labels"] == "labels"
    assert recipe["network"]["initial"] == "earlier.keras"
    assert str(tmp_path) not in str(card.to_json())


@pytest.mark.parametrize(
    ("network", "depth"),
    [
        ({}, 4),
        ({"preset": "unet6"}, 6),
        ({"depth": 2}, 2),
        ({"encoder": "vgg16"}, 4),
    ],
)
def test_the_depth_of_the_network(network, depth):
    """Depth is that of the recipe, or else of the encoder or the preset; windows are multiples of 2 ** depth."""
    run = resolved(network=network)
    assert run.network.depth == depth
    assert run.card.multiple == 2**depth


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"loss": {"class_weights": {"roads": 2.0}}}, r"'roads'.*building, land, road"),
        ({"loss": {"class_weights": dict.fromkeys(AERIAL.names, 0.0)}}, "0 for every class"),
        ({"loss": {"terms": [{"name": "dice", "class_weights": {"roads": 2.0}}]}}, r"loss\.terms\[0\].*'roads'"),
        ({"loss": {"terms": [{"name": "cross_entropy", "gamma": 3.0}]}}, r"loss\.terms\[0\]\.gamma is for focal"),
        ({"loss": {"terms": [{"name": "dice", "alpha": 0.7}]}}, r"loss\.terms\[0\]\.alpha is for tversky"),
        ({"loss": {"terms": [{"name": "dice"}], "boundary_weight": 2.0}}, r"loss\.boundary_weight is for .* focal"),
        ({"data": [{"name": "a", "images": "x", "bands": [1]}]}, r"data set a takes bands 1; the card has 3"),
        ({"network": {"preset": "vnet"}}, "'vnet' is unknown"),
        ({"network": {"encoder": "vgg16", "depth": 2}}, "network.depth is 2, but encoder vgg16 halves 4 times"),
        ({"schedule": {"window": 33}}, "schedule.window is 33; .* must be a multiple of 16"),
    ],
)
def test_contradictions(tables, words):
    """A contradictory recipe is refused before its imagery is opened."""
    with pytest.raises(UsageError, match=words):
        resolved(**tables)


def test_no_initial_bundle():
    """A missing initial bundle is named."""
    with pytest.raises(BundleError, match="no model nowhere"):
        resolved(network={"preset": "unet", "initial": "nowhere"})


def test_encoders_need_no_keras():
    """Resolving a recipe with an encoder, as `geoseg tile` does, does not load Keras, which takes seconds."""
    code = """
import sys
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve
document = {"name": "test", "data": [], "rendered": {}, "network": {"encoder": "vgg16"}}
assert resolve(parse_recipe(document, source="test.toml")).network.depth == 4
print(*{"keras", "tensorflow", "jax", "torch"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

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
    """A bundle travels: its card has the recipe's paths below the data's folder, and of others the last part."""
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
        ({"encoder": "vgg16", "depth": 2}, 4),
    ],
)
def test_the_depth_of_the_network(network, depth):
    """An encoder decides the depth, else the recipe, else the preset; tiles are multiples of two to the depth."""
    run = resolved(network=network)
    assert run.network.depth == depth
    assert run.card.multiple == 2**depth


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"loss": {"class_weights": {"roads": 2.0}}}, r"'roads'.*building, land, road"),
        ({"loss": {"class_weights": dict.fromkeys(AERIAL.names, 0.0)}}, "0 for every class"),
        ({"data": [{"name": "a", "images": "x", "bands": [1]}]}, r"data set a takes bands 1; the card has 3"),
        ({"network": {"preset": "vnet"}}, "'vnet' is unknown"),
        ({"schedule": {"window": 33}}, "schedule.window is 33; .* must be a multiple of 16"),
    ],
)
def test_contradictions(tables, words):
    """A recipe that contradicts itself is refused before its imagery is looked for."""
    with pytest.raises(UsageError, match=words):
        resolved(**tables)


def test_no_initial_bundle():
    """An initial bundle that does not exist is named."""
    with pytest.raises(BundleError, match="no model nowhere"):
        resolved(network={"preset": "unet", "initial": "nowhere"})

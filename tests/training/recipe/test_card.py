from geoseg.models.legend import AERIAL
from geoseg.training.recipe.card import build_card
from geoseg.training.recipe.load import load_recipe

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


def test_paths_of_the_machine_stay_there(tmp_path):
    """A bundle travels: its card has the recipe's paths below the data's folder, and of others the last part."""
    path = tmp_path / "town.toml"
    path.write_text(RECIPE)
    card = build_card(load_recipe(path), AERIAL)
    assert card.name == "town"  # as the recipe's file
    recipe = card.provenance["recipe"]
    assert recipe["data"][0]["images"] == "town/images"
    assert recipe["data"][0]["labels"] == "labels"
    assert recipe["network"]["initial"] == "earlier.keras"
    assert str(tmp_path) not in str(card.to_json())

"""The shipped model bundles."""

import tomllib
from pathlib import Path

import pytest
import rasterio
from rasterio import Affine
from rasterio.windows import Window

from geoseg.evaluation import evaluate_model
from geoseg.models.bundle import read_card
from geoseg.models.shipped import DEFAULT_MODEL, shipped_models

ROOT = Path(__file__).parents[2]
RECIPES = {"aerial": "aerial_suburbs.toml", "roads": "roads_suburbs.toml"}
HELD_OUT = "19828915_15"
SUBURB = Window(0, 700, 800, 800)


def test_what_is_shipped():
    """The default is among the shipped models, and there is a recipe for each."""
    assert set(shipped_models()) == set(RECIPES)
    assert DEFAULT_MODEL in RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_cards(name):
    """A shipped bundle is small, licensed, and has the version, scale and classes of its recipe."""
    path = shipped_models()[name]
    assert path.stat().st_size <= 12e6
    card = read_card(path)
    recipe = tomllib.loads((ROOT / "recipes" / RECIPES[name]).read_text())
    assert (card.name, card.version) == (name, recipe["version"])
    assert (card.gsd_m, card.tile, card.overlap) == tuple(recipe["card"][key] for key in ("gsd_m", "tile", "overlap"))
    assert card.legend.road == card.legend.names.index("road")
    if isinstance(recipe["legend"], dict):
        assert [{"name": entry.name, "colour": entry.colour} for entry in card.legend.classes] == (
            recipe["legend"]["classes"]
        )
    assert card.provenance["license"] == "Apache-2.0"
    for words in ("MassGIS", "OpenStreetMap", "CC0", "Google"):
        assert words in card.provenance["attribution"]
    assert f"# {name}: model card" in (ROOT / "recipes" / f"{name}.md").read_text()


@pytest.fixture
def suburb(real_data, tmp_path, write_scene):
    """Folders of image and labels of a suburb of Massachusetts that no shipped model was trained on."""
    for kind in ("images", "labels"):
        with rasterio.open(real_data / "massachusetts_roads" / kind / f"{HELD_OUT}.tif") as whole:
            (tmp_path / kind).mkdir()
            place = whole.transform @ Affine.translation(SUBURB.col_off, SUBURB.row_off)
            write_scene(whole.read(window=SUBURB), f"{kind}/suburb.tif", crs=whole.crs, transform=place)
    return tmp_path / "images", tmp_path / "labels"


@pytest.mark.filterwarnings("ignore:.*are 255 in all bands:geoseg.errors.GeosegWarning")  # its collar
def test_roads_beat_the_default_on_roads(suburb):
    """Both models find the streets of a suburb, and the roads model finds them better."""
    found = {}
    for name in RECIPES:
        scores = evaluate_model(name, *suburb, single="road=1", relax=3).to_json()
        (road,) = (entry for entry in scores["classes"] if entry["name"] == "road")
        found[name] = road["relaxed"]["f1"]
    assert found["roads"] > found["aerial"] > 0.8

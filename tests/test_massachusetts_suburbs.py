"""The script that places tiles of Massachusetts Roads by their names, and its recipe."""

import runpy
import tomllib
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

RECIPES = Path(__file__).parents[1] / "recipes"
UNKNOWN = 255


def test_tiles(tmp_path, monkeypatch):
    """Images and labels of any format are placed by their names; a collar has no label, but a white roof has one."""
    pixels = np.full((1500, 1500, 3), 90, np.uint8)
    pixels[:100] = pixels[700:720, 700:720] = 255
    roads = np.zeros((1500, 1500), np.uint8)
    roads[:, 700:710] = 255
    for kind, ending, values in (("images", "png", pixels), ("labels", "tif", roads)):
        (tmp_path / kind).mkdir()
        Image.fromarray(values).save(tmp_path / kind / f"10228690_15.{ending}")
    script = runpy.run_path(str(RECIPES / "massachusetts_suburbs.py"))
    monkeypatch.setitem(script["main"].__globals__, "TILES", ["10228690_15"])
    folders = [str(tmp_path / name) for name in ("images", "labels", "ready")]
    monkeypatch.setattr("sys.argv", ["massachusetts_suburbs.py", *folders])
    script["main"]()
    with rasterio.open(tmp_path / "ready" / "labels" / "10228690_15.tif") as labels:
        ids = labels.read(1)
        assert (labels.crs.to_epsg(), labels.nodata) == (26986, UNKNOWN)
        assert np.allclose(labels.transform[:6], (1, 0, 101_486.4, 0, -1, 869_771.0), atol=0.1)
    assert (ids[:100] == UNKNOWN).all()
    assert (ids[110:, 700:710] == 1).all()
    assert set(np.unique(ids[110:])) == {0, 1}
    with rasterio.open(tmp_path / "ready" / "images" / "10228690_15.tif") as image:
        assert image.count == 3
        assert abs(int(image.read(1)[400, 400]) - 90) <= 2  # JPEG


def test_the_tile_published_for_testing_is_held_out():
    """The recipe trains on no tile that is published for testing."""
    recipe = tomllib.loads((RECIPES / "roads_suburbs.toml").read_text())
    (split,) = [data["split"] for data in recipe["data"] if data["name"] == "massachusetts_suburbs"]
    script = runpy.run_path(str(RECIPES / "massachusetts_suburbs.py"))
    assert split["test"] == [f"{script['TEST']}_15"]
    assert split["validation"] == []

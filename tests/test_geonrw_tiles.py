"""The script that makes labels of GeoNRW, on a tile of the classes and of three kinds of ground."""

import runpy
import tomllib
from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine

RECIPES = Path(__file__).parents[1] / "recipes"
LAND_OR_VEGETATION, SEALED, ROAD_OR_LAND, ROAD_OR_VEGETATION, UNKNOWN = 10, 11, 12, 13, 255
EXPECTED = {  # without plants, with few, and with many
    "forest": [UNKNOWN, 3, 3],
    "water": [4, UNKNOWN, UNKNOWN],
    "agricultural": [1, LAND_OR_VEGETATION, 3],
    "residential, commercial, industrial": [SEALED, UNKNOWN, 3],
    "grassland, swamp, shrubbery": [LAND_OR_VEGETATION, LAND_OR_VEGETATION, 3],
    "railway": [SEALED, UNKNOWN, 3],
    "highways, squares": [ROAD_OR_LAND, UNKNOWN, 3],
    "airport, shipyard": [SEALED, UNKNOWN, 3],
    "roads": [2, 2, ROAD_OR_VEGETATION],
    "buildings": [0, 0, UNKNOWN],
}
RED, NEAR = (130, 100, 80), (100, 122, 160)


def test_labels(tmp_path, monkeypatch):
    """A label is what class and near-infrared say; images have three bands, on the grid of the tile."""
    town = tmp_path / "towns" / "aachen"
    town.mkdir(parents=True)
    cover = np.repeat(np.arange(1, 11, dtype=np.uint8)[:, None], 3, axis=1)
    bands = np.stack([np.broadcast_to(np.uint8(band), cover.shape) for band in (RED, (60, 70, 90), (50, 60, 70), NEAR)])
    grid = {"crs": "EPSG:25832", "transform": Affine(1, 0, 296_000, 0, -1, 5_626_000)}
    shape = {"height": 10, "width": 3, "dtype": "uint8", **grid}
    exactly = {"QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(town / "296_5625_rgb.jp2", "w", driver="JP2OpenJPEG", count=4, **shape, **exactly) as raster:
        raster.write(bands)
    with rasterio.open(town / "296_5625_seg.tif", "w", driver="GTiff", count=1, **shape) as raster:
        raster.write(cover, 1)
    script = runpy.run_path(str(RECIPES / "geonrw_tiles.py"))
    monkeypatch.setitem(script["main"].__globals__, "TILES", {"aachen": "296_5625"})
    monkeypatch.setattr("sys.argv", ["geonrw_tiles.py", str(tmp_path / "towns"), str(tmp_path / "geonrw")])
    script["main"]()
    with rasterio.open(tmp_path / "geonrw" / "labels" / "aachen_296_5625.tif") as labels:
        assert labels.read(1).tolist() == list(EXPECTED.values())
        assert (labels.crs, labels.transform, labels.nodata) == (*grid.values(), UNKNOWN)
    with rasterio.open(tmp_path / "geonrw" / "images" / "aachen_296_5625.tif") as image:
        assert (image.count, image.crs, image.transform) == (3, *grid.values())
        assert np.abs(image.read().astype(int) - bands[:3]).max() < 30  # JPEG


def test_the_recipe_knows_the_labels():
    """The recipe gives each label the classes that its name has."""
    recipe = tomllib.loads((RECIPES / "aerial_geonrw.toml").read_text())
    (values,) = [data["values"] for data in recipe["data"] if data["name"] == "geonrw"]
    script = runpy.run_path(str(RECIPES / "geonrw_tiles.py"))
    for number, name in enumerate(["building", "land", "road", "vegetation", "water"]):
        assert (script[name.upper()], values[str(number)]) == (number, name)
    assert values[str(script["LAND_OR_VEGETATION"])] == ["land", "vegetation"]
    assert values[str(script["SEALED"])] == ["building", "land", "road"]
    assert values[str(script["ROAD_OR_LAND"])] == ["land", "road"]
    assert values[str(script["ROAD_OR_VEGETATION"])] == ["road", "vegetation"]
    assert values[str(script["UNKNOWN"])] == "ignore"

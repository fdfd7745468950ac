"""Legend and provenance tags of results."""

import json

import rasterio
from standins import make_card

from geoseg.rasters.tags import legend_of, model_of, result_tags


def test_tags_are_read_back(write_scene, noise):
    """Readers find the legend and the model that the writer put down; without tags, there is none."""
    path, card = write_scene(noise(8, 8)), make_card()
    with rasterio.open(path, "r+") as raster:
        assert legend_of(raster) is model_of(raster) is None
        raster.update_tags(**result_tags("/folder/scene.tif", card, {"tile": 64}))
    with rasterio.open(path) as raster:
        assert legend_of(raster) == card.legend
        assert model_of(raster) == f"{card.name} {card.version}"
        tags = raster.tags()
        assert tags["GEOSEG_SCENE"] == "scene.tif"
        assert json.loads(tags["GEOSEG_SETTINGS"]) == {"tile": 64}


def test_signatures_of_urls_stay_out_of_results():
    """The query of a URL may be a signature that opens the scene to everybody."""
    tags = result_tags("https://user:secret@example.org/folder/scene.tif?sig=secret", make_card(), {})
    assert tags["GEOSEG_SCENE"] == "scene.tif"
    assert "secret" not in str(tags)

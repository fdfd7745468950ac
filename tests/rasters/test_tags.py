"""Legend and provenance tags of results."""

import json

import pytest
import rasterio
from standins import make_card

from geoseg.errors import SceneError
from geoseg.rasters.tags import check_same_run, legend_of, model_of, result_tags


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


@pytest.mark.parametrize(
    ("scene", "version", "settings", "tag"),
    [
        ("a.tif", "1", {"tile": 64}, None),
        ("a.tif", "1", {"tile": 64, "min_confidence": 0.6}, None),
        ("b.tif", "1", {"tile": 64}, "GEOSEG_SCENE"),
        ("a.tif", "2", {"tile": 64}, "GEOSEG_MODEL"),
        ("a.tif", "1", {"tile": 128}, "GEOSEG_SETTINGS"),
    ],
)
def test_results_of_another_run(write_scene, noise, scene, version, settings, tag):
    """Results that another scene, model or setting made do not belong together; those without tags may."""
    made = result_tags("a.tif", make_card(version="1"), {"tile": 64})
    later = result_tags(scene, make_card(version=version), settings)
    paths = [write_scene(noise(8, 8), name=name) for name in ("a_classes.tif", "a_confidence.tif", "plain.tif")]
    for path, tags in zip(paths, (made, later), strict=False):
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(**tags)
    with rasterio.open(paths[0]) as classes, rasterio.open(paths[1]) as confidence, rasterio.open(paths[2]) as plain:
        check_same_run(plain, classes)
        if tag is None:
            check_same_run(confidence, classes)
        else:
            message = rf"a_confidence\.tif comes from another run than a_classes\.tif: their tags {tag} differ"
            with pytest.raises(SceneError, match=message):
                check_same_run(confidence, classes)


def test_signatures_of_urls_stay_out_of_results():
    """The query of a URL may be a signature that opens the scene to everybody."""
    tags = result_tags("https://user:secret@example.org/folder/scene.tif?sig=secret", make_card(), {})
    assert tags["GEOSEG_SCENE"] == "scene.tif"
    assert "secret" not in str(tags)

"""Plans cost nothing that grows with the scene."""

import json
import math
import tracemalloc
import warnings

import pytest
import rasterio

import geoseg
from geoseg.errors import GeosegWarning
from geoseg.prediction.info import describe
from geoseg.rasters.ground import grid_of, ground_sample_distance

SIDE = 2**31 - 1
"""Most pixels along a side that GDAL knows."""


@pytest.fixture
def endless(tmp_path):
    """A VRT of a few hundred bytes that declares 4 × 10¹⁸ pixels and has none."""
    path = tmp_path / "endless.vrt"
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{number}"><NoDataValue>0</NoDataValue>'
        f"<ColorInterp>{colour}</ColorInterp></VRTRasterBand>"
        for number, colour in enumerate(("Red", "Green", "Blue"), 1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 0.0005, 0, 5400000, 0, -0.0005</GeoTransform>{bands}</VRTDataset>"
    )
    return path


@pytest.mark.parametrize("gsd_m", [0.0005, 0.1])
def test_a_scene_of_any_size_is_described_at_once(endless, write_bundle, gsd_m):
    """Neither the pixels nor the tiles of a scene are listed, whole or in part."""
    for options in ({"memory": 10**15}, {"aoi": (15.001, 48.7515, 15.0012, 48.7516), "match_input": True}):
        tracemalloc.start()
        found = describe(endless, model=write_bundle(), gsd_m=gsd_m, devices="cpu", max_pixels=10**30, **options)
        assert tracemalloc.get_traced_memory()[1] < 5e7
        tracemalloc.stop()
        assert found["grid_size"][0] == pytest.approx(SIDE * 0.0005 / gsd_m, rel=1e-2)
        width, height = found["output_size"]
        assert found["tiles"] == pytest.approx((width / 48 + 1) * (height / 48 + 1), rel=0.3)


@pytest.mark.parametrize(
    ("native_m", "options", "worked_m"),
    [(0.6, {}, 0.6), (0.2, {}, 0.3), (2.0, {}, 1.2), (0.6, {"gsd_m": 0.8}, 0.8), (0.6, {"gsd_m": 1.0}, 1.0)],
)
def test_scenes_in_the_range_of_a_model_keep_their_pixels(
    write_ids, write_bundle, echo, noise, tmp_path, native_m, options, worked_m
):
    """Within `gsd_range_m` the network sees the scene's own pixels, beyond it those of its ends, or those asked for."""
    scene = write_ids(noise(120, 90), "scene.tif", gsd_m=native_m)
    bundle = write_bundle(gsd_range_m=(0.3, 1.2))
    size = [round(side * native_m / worked_m) for side in (90, 120)]
    found = geoseg.describe(scene, model=bundle, **options)
    assert found["grid_gsd_m"] == pytest.approx(worked_m, rel=1e-2)  # as whole pixels allow
    assert found["grid_size"] == size
    assert found["resampled"] == (worked_m != native_m)
    made = geoseg.predict(scene, model=bundle, folder=tmp_path / "maps", load=echo, roads=False, **options)
    with rasterio.open(made.outputs.classes) as classes:
        assert [classes.width, classes.height] == size
        assert json.loads(classes.tags()["GEOSEG_SETTINGS"])["gsd_m"] == found["grid_gsd_m"]


@pytest.mark.parametrize(("native_m", "options"), [(0.288, {}), (0.6, {"gsd_m": 0.615}), (0.6, {"gsd_m": 100.0})])
def test_the_gsd_of_the_grid_is_reported(write_ids, write_bundle, echo, noise, tmp_path, native_m, options):
    """Reports, tags and STAC items say the GSD of the pixels that were made, not the one they were to have."""
    scene = write_ids(noise(120, 90), "scene.tif", gsd_m=native_m)
    options = {"model": write_bundle(gsd_range_m=(0.3, 1.2)), **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeosegWarning)
        described = geoseg.describe(scene, **options)
        made = geoseg.predict(scene, folder=tmp_path / "maps", load=echo, roads=False, stac=True, **options)
    with rasterio.open(made.outputs.classes) as classes:
        actual_m = math.sqrt(math.prod(ground_sample_distance(grid_of(classes))))
        reported = json.loads(classes.tags()["GEOSEG_SETTINGS"])["gsd_m"]
    item = json.loads(made.outputs.item.read_text())
    assert [described["grid_gsd_m"], reported, item["properties"]["gsd"]] == pytest.approx([actual_m] * 3, rel=1e-5)


def test_evaluation_follows_the_range(write_ids, write_bundle, echo, blobs, noise):
    """`evaluate_model` compares on the pixels that `predict` writes."""
    scene = write_ids(noise(120, 90), "scene.tif", folder="images", gsd_m=0.6)
    label = write_ids(blobs(120, 90), "scene.tif", folder="labels", gsd_m=0.6)
    for choices, pixels in (({"gsd_range_m": (0.3, 1.2)}, 120 * 90), ({}, 72 * 54)):
        assert geoseg.evaluate_model(write_bundle(**choices), scene, label, load=echo).scores.pixels == pixels


@pytest.mark.parametrize(
    ("height", "width", "options", "side", "tiles"),
    [
        (80, 65, {}, 80, 1),
        (64, 64, {}, 64, 1),
        (81, 65, {}, 64, 4),
        (80, 65, {"tile": 64}, 64, 4),
        (80, 65, {"overlap": 0.25}, 64, 4),
        (80, 65, {"disagreement": True}, 64, 4),
    ],
)
def test_a_scene_a_little_larger_than_a_tile_is_one(
    write_ids, write_bundle, echo, noise, tmp_path, height, width, options, side, tiles
):
    """Up to a quarter larger, unless tile or overlap are chosen or tiles are compared."""
    scene, model = write_ids(noise(height, width), "scene.tif"), write_bundle(tile=64, overlap=16)
    found = geoseg.describe(scene, model=model, **options)
    assert (found["tile"], found["tiles"]) == (side, tiles)
    made = geoseg.predict(scene, model=model, folder=tmp_path / "maps", load=echo, roads=False, **options)
    with rasterio.open(made.outputs.classes) as classes:
        assert json.loads(classes.tags()["GEOSEG_SETTINGS"])["tile"] == side


def test_nodata_is_shown(write_scene, write_bundle, noise):
    """What the file declares, and what the caller says besides."""
    found = geoseg.describe(write_scene(noise(30, 30), nodata=7), model=write_bundle(), nodata=0)
    assert (found["declared_nodata"], found["nodata"]) == (["7"], [0.0, 0.0, 0.0])
    assert geoseg.describe(write_scene(noise(30, 30), "plain.tif"), model=write_bundle())["declared_nodata"] == []

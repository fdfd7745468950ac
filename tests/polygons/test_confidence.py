"""Mean probabilities of polygons, from the raster that `predict --confidence` writes."""

import geopandas
import numpy as np
import pytest
import rasterio.features
import shapely
from rasterio import Affine

from geoseg.errors import SceneError
from geoseg.evaluation import evaluate
from geoseg.models.legend import AERIAL, LEVELS
from geoseg.polygons import polygonise


@pytest.fixture
def levels(blots):
    """Probabilities in levels, none for some pixels; higher than a band."""
    made = np.random.default_rng(4).integers(100, LEVELS + 1, (700, 60), dtype=np.uint8)
    made[:30, :20] = 255
    made[100:103, 5:9] = 255
    return made


@pytest.fixture
def scene(write_ids, blots, levels):
    """A class raster and its confidence, as they are named by `predict`."""
    ids = blots(5, (700, 60), coarse=9).astype(np.uint8)
    ids[:30, :20] = 255
    write_ids(levels, "scene_confidence.tif", levels=True, nodata=255)
    return write_ids(ids, "scene_classes.tif", nodata=255, legend=AERIAL)


@pytest.mark.parametrize("choice", [{}, {"regularise": ["building", "road"], "min_iou": 0.7}])
def test_mean_of_pixels(scene, levels, choice):
    """Each polygon has the mean of the pixels that it replaces and that have a probability, at any height."""
    made = polygonise(scene, **choice)
    assert made.confidence == scene.with_name("scene_confidence.tif")
    with rasterio.open(scene) as raster:
        ids, transform = raster.read(1), raster.transform
    expected = {}
    for shape, value in rasterio.features.shapes(ids, mask=ids != 255, connectivity=4, transform=transform):
        inside = rasterio.features.rasterize([shape], ids.shape, transform=transform) == 1
        probabilities = levels[inside & (levels != 255)] / LEVELS
        expected[int(value), *shapely.geometry.shape(shape).representative_point().coords[0]] = probabilities.mean()
    table = made.to_geodataframe()
    if not choice:
        assert len(table) == len(expected)
        for (value, x, y), mean in expected.items():
            (found,) = table.index[table.contains(shapely.Point(x, y))]
            assert table["class_id"][found] == value
            assert table["confidence"][found] == pytest.approx(mean, abs=5e-5)
    else:
        chosen = sorted(mean for (value, *_), mean in expected.items() if value in {0, 2})
        np.testing.assert_allclose(sorted(table["confidence"]), chosen, atol=5e-5)


@pytest.mark.parametrize(
    "place", [{"transform": Affine(1, 0, 505_000, 0, -1, 5_400_000)}, {"crs": "EPSG:32632"}], ids=["beside", "CRS"]
)
def test_other_ground(scene, write_ids, levels, place):
    """Probabilities of the same size that lie elsewhere are refused, in evaluation, too."""
    write_ids(levels, "scene_confidence.tif", levels=True, nodata=255, **place)
    with pytest.raises(SceneError, match=r"_confidence\.tif shows other ground than scene_classes\.tif, or has"):
        polygonise(scene)
    with pytest.raises(SceneError, match=r"shows other ground"):
        evaluate(scene, scene)


def test_every_format(scene, tmp_path):
    """All formats have the field; it is null where no pixel of a polygon has a probability."""
    with rasterio.open(scene.with_name("scene_confidence.tif"), "r+") as raster:
        band = raster.read(1)
        band[:300] = 255
        raster.write(band, 1)
    made = polygonise(scene, tmp_path / "areas.gpkg", formats=["geojson", "flatgeobuf", "parquet"])
    expected = made.to_geodataframe()["confidence"]
    assert expected.isna().any()
    assert expected.notna().any()
    for path in made.files[1:]:
        if path.suffix == ".parquet":
            table = geopandas.read_parquet(path)
        else:
            table = geopandas.read_file(path, **({"layer": "polygons"} if path.suffix == ".gpkg" else {}))
        found = table.sort_values("id")["confidence"]
        np.testing.assert_array_equal(found.to_numpy(float), expected.to_numpy(float))


def test_merged_areas_count(write_ids, tmp_path):
    """With a minimum area, the pixels of merged areas count with their own probabilities."""
    ids, levels = np.zeros((20, 20), np.uint8), np.full((20, 20), 200, np.uint8)
    ids[5, 5], levels[5, 5] = 1, 50
    write_ids(levels, "a_confidence.tif", levels=True)
    made = polygonise(write_ids(ids, "a_classes.tif", nodata=255), min_area_m2=4)
    mean = (399 * 200 + 50) / 400 / LEVELS
    assert made.to_geodataframe()["confidence"].tolist() == [pytest.approx(mean, abs=5e-5)]


def test_only_its_own(write_ids, blots, tmp_path):
    """A raster named otherwise has no confidence; one of another size, or not of probabilities, is an error."""
    ids = blots(1, (30, 30)).astype(np.uint8)
    write_ids(np.zeros((20, 30), np.uint8), "b_confidence.tif", levels=True)
    plain = polygonise(write_ids(ids, "b.tif"))
    assert plain.confidence is None
    assert "confidence" not in plain.to_geodataframe()
    with pytest.raises(SceneError, match=r"b_confidence\.tif has 1 band of 30 × 20 pixels"):
        polygonise(write_ids(ids, "b_classes.tif"))
    write_ids(np.zeros((30, 30), np.uint8), "b_confidence.tif")
    with pytest.raises(SceneError, match="probabilities are uint8 with scale"):
        polygonise(write_ids(ids, "b_classes.tif"))

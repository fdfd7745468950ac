"""Datum shifts for which PROJ lacks a grid are told, wherever coordinates change their CRS."""

import warnings
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from pyproj.transformer import TransformerGroup
from standins import warned

import geoseg
from geoseg.datasets.pairs import Files
from geoseg.prediction.aoi import read_aoi
from geoseg.rasters.datum import rough_shift
from geoseg.rasters.scene import open_scene
from geoseg.training.data.label_places import check_features

NAD27, NAD83 = CRS(26711), CRS(26911)
"""UTM zone 11 N on either datum."""
PLACE = Affine(1, 0, 430_000, 0, -1, 3_770_000)
"""In Los Angeles."""


@pytest.fixture(autouse=True)
def without_grids():
    """PROJ as its wheels are, with no grids."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = TransformerGroup(NAD27, NAD83)
    if group.best_available:
        pytest.skip("PROJ has the grids of North America")


@pytest.mark.parametrize(
    ("source", "target", "off"),
    [
        (26711, 26911, "may be off by any distance, instead of 0.15 m"),
        (26711, 4326, "may be 7 m off, instead of 2.15 m"),
        (26911, 4326, None),
        (26711, 26712, None),
        (32611, 4326, None),
        (32611, 3857, None),
    ],
)
def test_what_a_grid_would_add(source, target, off):
    """A shift is told if a grid would make it better by metres; NAD 83 and WGS 84 are within them."""
    said = rough_shift(CRS(source), CRS(target), np.array([[430_000.0, 3_770_000.0]]))
    assert said is None if off is None else off in said
    assert rough_shift(CRS(source), CRS(target), np.array([[np.inf, np.inf]])) is None


def test_evaluations_note_it(write_ids, blobs):
    """A reference of another datum is sampled, and a note says how far off it may be."""
    ours = write_ids(blobs(300, 300), "a.tif", crs=NAD27.to_wkt(), transform=PLACE)
    theirs = write_ids(blobs(300, 300), "b.tif", crs=NAD83.to_wkt(), transform=PLACE)
    sampled, rough = geoseg.evaluate(ours, theirs).images[0].notes
    assert "was sampled" in sampled
    assert rough.startswith("coordinates moved from NAD27 / UTM zone 11N to NAD83 / UTM zone 11N may be off by any")


def test_roads_note_it(tmp_path):
    """So does a comparison of networks."""
    lines = [shapely.LineString([(430_000, 3_770_000), (430_500, 3_770_000)])]
    for name, crs in (("a.gpkg", NAD27), ("b.gpkg", NAD83)):
        geopandas.GeoDataFrame(geometry=lines, crs=crs).to_file(tmp_path / name)
    (pair,) = geoseg.evaluate_roads(tmp_path / "a.gpkg", tmp_path / "b.gpkg").pairs
    assert any(note.startswith("coordinates moved from NAD27") for note in pair.notes)


def test_geojson_warns_of_it(write_ids, blobs, tmp_path):
    """Polygons of a scene on an old datum are written as GeoJSON with a warning, as GeoPackage without."""
    classes = write_ids(blobs(40, 40), "a_classes.tif", crs=NAD27.to_wkt(), transform=PLACE)
    with warned("in GeoJSON: coordinates moved from NAD27 / UTM zone 11N to WGS 84 .* may be 7 m off"):
        geoseg.polygonise(classes, tmp_path / "a.geojson")
    geoseg.polygonise(classes, tmp_path / "a.gpkg")


def test_labels_warn_of_it(write_scene, noise, tmp_path):
    """So do labels that are trained on."""
    image = write_scene(noise(40, 40), crs=NAD83.to_wkt(), transform=PLACE)
    line = shapely.LineString([(429_500, 3_769_000), (430_500, 3_771_000)])
    roads = geopandas.GeoDataFrame(geometry=[line], crs=NAD27)
    roads.to_file(tmp_path / "roads.gpkg")
    with warned("roads.gpkg: coordinates moved from NAD83 / UTM zone 11N to NAD27"):
        check_features([(Files(name="a", image=Path(image), label=tmp_path / "roads.gpkg"), open_scene(image).geobox)])


def test_areas_of_interest_warn_of_it(write_scene, noise, tmp_path):
    """So does an area that is drawn on another datum than the scene's."""
    scene = open_scene(write_scene(noise(40, 40), crs=NAD83.to_wkt(), transform=PLACE))
    square = geopandas.GeoDataFrame(geometry=[shapely.box(430_000, 3_769_900, 430_100, 3_770_000)], crs=NAD27)
    square.to_file(tmp_path / "area.gpkg")
    with warned("the area of interest: coordinates moved from NAD27"):
        read_aoi(tmp_path / "area.gpkg", scene.geobox)

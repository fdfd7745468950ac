"""Pixels whose class is too uncertain are unknown: in the raster, its legend, its style and whatever reads them."""

import json
import re
import warnings
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from odc.geo.geobox import GeoBox

import geoseg
from geoseg.cli import main
from geoseg.errors import GeosegWarning, UsageError
from geoseg.evaluation import evaluate
from geoseg.models.legend import AERIAL, LEVELS, NODATA, UNKNOWN
from geoseg.polygons import polygonise
from geoseg.prediction.journal import open_journal
from geoseg.prediction.planning import plan
from geoseg.rasters.ground import ground_area
from geoseg.rasters.scene import open_scene
from geoseg.rasters.tags import legend_of

ID = len(AERIAL)


@pytest.fixture
def scene(write_scene, noise):
    """A scene with a hole, whose echoed confidence takes every level."""
    pixels = np.minimum(noise(90, 80), np.linspace(40, 254, 80).astype(np.uint8))
    mask = np.full((90, 80), 255, np.uint8)
    mask[30:50, 20:60] = 0
    return write_scene(pixels, mask=mask)


@pytest.fixture
def predict(scene, write_bundle, echo, tmp_path):
    """Predict the scene with an echo of its input, to a folder of a name."""

    def run(folder="out", **choices):
        return geoseg.predict(scene, model=write_bundle(), load=echo, folder=tmp_path / folder, **choices)

    return run


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


@pytest.mark.parametrize("lowest", [0, 0.25, 100 / LEVELS, 0.6, 1])
def test_pixels_below_the_confidence_are_unknown(predict, lowest):
    """Below the threshold, by the confidence raster, the id is the one after the classes; all else stays as it was."""
    before, after = (predict(f"{number}", confidence=True, min_confidence=p) for number, p in enumerate([None, lowest]))
    classes, confidence = read(before.outputs.classes), read(before.outputs.confidence)
    unknown = (confidence != NODATA) & (confidence / LEVELS < lowest)
    np.testing.assert_array_equal(read(after.outputs.classes), np.where(unknown, ID, classes))
    assert (unknown.sum() > 0) == (lowest > 0)
    np.testing.assert_array_equal(read(after.outputs.confidence), confidence)
    roads = [made.outputs.roads["geojson"].read_bytes() for made in (before, after)]
    assert roads[0] == roads[1], "roads follow their probability"


def test_confidence_need_not_be_written(predict):
    """The classes are the same without the raster of confidence, and with that of probabilities."""
    choices = ({}, {"confidence": True}, {"probabilities": True})
    made = [predict(f"{number}", min_confidence=0.5, **choice) for number, choice in enumerate(choices)]
    first, *others = [read(each.outputs.classes) for each in made]
    assert (first == ID).any()
    for classes in others:
        np.testing.assert_array_equal(classes, first)


def test_unknown_has_name_and_colour(predict):
    """Colour table, category names, tags, QGIS style and areas list what is unknown after the classes."""
    made = predict(min_confidence=0.6)
    with rasterio.open(made.outputs.classes) as raster:
        assert raster.nodata == NODATA
        assert raster.colormap(1)[ID] == (*UNKNOWN.rgb, 255)
        assert raster.colormap(1)[NODATA][3] == 0
        legend = legend_of(raster)
        assert json.loads(raster.tags()["GEOSEG_SETTINGS"])["min_confidence"] == 0.6
        area_m2 = ground_area(GeoBox(raster.shape, raster.transform, raster.crs))
    assert legend == AERIAL.with_unknown()
    (sidecar,) = made.outputs.classes.parent.glob("*.aux.xml")
    names = [entry.text for entry in Xml.parse(sidecar).iter("Category")]
    assert names == [*AERIAL.names, "unknown"]
    entries = Xml.parse(made.outputs.style).iter("paletteEntry")
    assert [entry.get("label") for entry in entries] == names
    classes = read(made.outputs.classes)
    *_, unknown = made.areas
    assert unknown.name == "unknown"
    assert unknown.share == pytest.approx((classes == ID).sum() / (classes != NODATA).sum())
    assert unknown.area_m2 == pytest.approx((classes == ID).sum() * area_m2)


def test_without_a_threshold_nothing_is_unknown(predict):
    """By default neither legend nor tags mention what is unknown."""
    made = predict()
    with rasterio.open(made.outputs.classes) as raster:
        assert legend_of(raster) == AERIAL
        assert "min_confidence" not in raster.tags()["GEOSEG_SETTINGS"]
        assert "unknown" not in raster.tags()["GEOSEG_LEGEND"]
    assert [area.name for area in made.areas] == list(AERIAL.names)


def test_another_threshold_is_another_run(scene, write_bundle, tmp_path):
    """A run does not resume from the pieces of one with another threshold."""
    path = write_bundle()
    card = geoseg.Model(path).card
    plans = [plan(open_scene(scene), card, geoseg.Settings(min_confidence=p)) for p in (None, 0, 0.5, 0.6)]
    assert len({open_journal(tmp_path, each, path).folder for each in plans}) == len(plans)


def test_arrays(scene, predict, write_bundle, echo):
    """Arrays in memory become the same classes; probabilities have no class that could be unknown."""
    model = geoseg.Model(write_bundle(), load=echo)
    with rasterio.open(scene) as source:
        pixels, place = np.ma.array(source.read(), mask=source.read_masks() == 0), (source.transform, source.crs)
    grid = GeoBox(pixels.shape[1:], *place)
    found = model.predict_array(pixels, grid, min_confidence=0.5)
    np.testing.assert_array_equal(found, read(predict(min_confidence=0.5).outputs.classes))
    with pytest.raises(UsageError, match="`min_confidence` changes classes"):
        model.predict_array(pixels, grid, min_confidence=0.5, probabilities=True)


@pytest.mark.parametrize("lowest", [-0.1, 1.1, float("nan"), 60])
def test_impossible_thresholds(lowest):
    """A threshold is a probability."""
    with pytest.raises(UsageError, match="`min_confidence` must be a probability from 0 to 1"):
        geoseg.Settings(min_confidence=lowest)


def test_what_reads_class_rasters(predict, tmp_path):
    """Unknown pixels become polygons of that name, no roads, and are left out of scores; nothing warns of them."""
    made = predict(min_confidence=0.5)
    path, classes = made.outputs.classes, read(made.outputs.classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        polygons = polygonise(path)
        chosen = polygonise(path, classes=["unknown"])
        traced = geoseg.trace_roads(path)
        by_hand = geoseg.trace_roads(path, road_class=AERIAL.road)
    area_m2 = {entry.name: entry.area_m2 for entry in made.areas}
    for number, total in polygons.totals.items():
        assert total.area_m2 == pytest.approx(area_m2[total.name], rel=1e-3)
        assert total.name == [*AERIAL.names, "unknown"][number]
    assert chosen.totals == {ID: polygons.totals[ID]}
    assert traced.length_km == by_hand.length_km
    evaluation = evaluate(path, predict("sure").outputs.classes)
    assert evaluation.scores.overall_accuracy == 1
    assert evaluation.scores.unclassified == (classes == ID).sum()


def test_command_line(scene, write_bundle, echo, tmp_path, monkeypatch):
    """The command takes the threshold, and its table counts what is unknown; a percentage is refused."""
    monkeypatch.setattr("geoseg.prediction.prepare.load_engine", echo)
    asked = ["predict", str(scene), "-m", str(write_bundle()), "-o", str(tmp_path / "out"), "--no-roads"]
    made = CliRunner().invoke(main, [*asked, "--min-confidence", "0.6"])
    assert made.exit_code == 0, made.output
    classes = read(tmp_path / "out" / "scene_classes.tif")
    share = (classes == ID).sum() / (classes != NODATA).sum()
    assert re.search(rf"unknown\W+{share:.1%}", made.stderr)
    refused = CliRunner().invoke(main, [*asked, "--min-confidence", "60"])
    assert refused.exit_code == 2
    assert "0<=x<=1" in refused.stderr

"""What a run of the plugin does to the layers of the project, with a geoseg that only copies results."""

from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from geoseg.models.legend import AERIAL, Legend
from geoseg.vectors.qgis import class_style
from geoseg.version import __version__

pytestmark = pytest.mark.slow

COPIES = f"""#!/usr/bin/python3
import os, shutil, sys

if "--version" in sys.argv:
    sys.exit(print("geoseg, version {__version__}"))
made, into = sys.argv[-1], sys.argv[sys.argv.index("-o") + 1]
os.makedirs(into, exist_ok=True)
for name in sorted(os.listdir(made)):
    path = os.path.join(into, name)
    shutil.copy(os.path.join(made, name), path + ".new")
    os.replace(path + ".new", path)
    if os.path.exists(path + ".aux.xml"):
        os.remove(path + ".aux.xml")
    print(path)
"""
"""A geoseg whose `predict` writes the results that are in a folder, its last argument."""


@pytest.fixture
def copying(qgis, tmp_path):
    """A QGIS with that geoseg."""
    program = tmp_path / "bin" / "geoseg"
    program.parent.mkdir()
    program.write_text(COPIES)
    program.chmod(0o755)
    return replace(qgis, variables={"GEOSEG_COMMAND": str(program)})


def write_results(folder, *, value, legend, lines):
    """Write a class raster of one value and its style, a raster up to that value, and a network; lines are the size."""
    folder.mkdir(parents=True)
    profile = {"driver": "GTiff", "width": 10 * lines, "height": 20, "count": 1, "dtype": "uint8", "nodata": 255}
    place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 500_000, 0, -1, 5_400_000)}
    with rasterio.open(folder / "scene_classes.tif", "w", **profile, **place) as raster:
        raster.write(np.full((1, 20, 10 * lines), value, np.uint8))
    with rasterio.open(folder / "scene_confidence.tif", "w", **profile, **place) as raster:
        raster.write(np.resize(np.arange(value + 1, dtype=np.uint8), (1, 20, 10 * lines)))
    (folder / "scene_classes.qml").write_text(class_style(legend))
    west = 500_000 + 2 * np.arange(lines)
    for name, shapes in (
        ("edges", shapely.linestrings([[(x, 5_399_990), (x + 1, 5_399_995)] for x in west])),
        ("nodes", shapely.points(west, 5_399_990)),
    ):
        geopandas.GeoSeries(shapes, crs="EPSG:32633").to_file(folder / "scene_roads.gpkg", layer=name)


def test_replaced_results_are_what_the_map_shows(copying, tmp_path, samples):
    """Layers of files that a run replaces show the new pixels, names and lines, loaded again or not."""
    roads = Legend(classes=AERIAL.classes[:2], road=1)
    runs = [
        {"value": 4, "legend": AERIAL, "lines": 3},
        {"value": 1, "legend": roads, "lines": 5},
        {"value": 3, "legend": AERIAL, "lines": 7},
    ]
    for number, run in enumerate(runs):
        write_results(tmp_path / f"made{number}", **run)
    told = copying.script("replace_results.py", samples / "coast.tif", tmp_path / "maps", tmp_path / "made")
    for shown, run in zip(told, runs, strict=True):
        size = [10 * run["lines"], 20]
        assert shown["classes"] == {"values": [run["value"]], "names": list(run["legend"].names), "size": size}
        assert shown["roads"] == shown["junctions"] == {"features": run["lines"], "counted": run["lines"]}
        assert shown["confidence"] == {"range": [0, run["value"]], "size": size}
        assert shown["layers"] == 4


def test_newest_results_are_on_top(copying, tmp_path, samples):
    """A second map of a scene is drawn over the first one, each under its roads."""
    write_results(tmp_path / "made", value=1, legend=AERIAL, lines=3)
    shown = copying.script("newest_on_top.py", samples / "coast.tif", tmp_path / "maps", tmp_path / "made")
    assert shown == [
        [f"{name} (scene)", str(tmp_path / f"maps{number}" / f"scene_{name}.{ending}")]
        for name, ending in (("roads", "gpkg"), ("classes", "tif"), ("confidence", "tif"))
        for number in (1, 0)
    ]


def test_batches_can_be_cancelled_while_geoseg_is_silent(qgis, tmp_path, samples):
    """Batches run in the main thread: the window still hears the click on Cancel, which ends a run at once."""
    program = tmp_path / "geoseg"
    program.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo geoseg, version {__version__} || exec sleep 60\n")
    program.chmod(0o755)
    waiting = replace(qgis, variables={"GEOSEG_COMMAND": str(program)})
    error = waiting.script("window_stays_alive.py", samples / "coast.tif", tmp_path / "maps")
    assert error.startswith("Stopped.")


def test_an_extent_beyond_a_layer_is_cut(qgis, tmp_path):
    """What is outside a layer is not mapped as black ground, and its pixels stay bytes; the CRS of each is named."""
    pixels = np.random.default_rng(1).integers(0, 255, (3, 60, 80), dtype=np.uint8)
    profile = {"driver": "GTiff", "width": 80, "height": 60, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.open(tmp_path / "scene.tif", "w", transform=place, **profile) as raster:
        raster.write(pixels)
    told = qgis.script("extent_beyond.py", tmp_path / "scene.tif", tmp_path)
    with rasterio.open(told["written"]) as raster:
        assert raster.dtypes == ("uint8",) * 3
        assert raster.bounds == pytest.approx((500_040, 5_399_940, 500_080, 5_400_000), abs=1)
        assert raster.dataset_mask().all()
        assert (raster.read() > 0).mean() > 0.99
    assert told["beside"] == "The extent is outside coverage."
    assert told["moved"].startswith(
        "In this project, the CRS of moved is Custom CRS; in its file, which geoseg reads, it"
    )
    assert "it is EPSG:32633. Put" in told["moved"]


def test_what_is_empty_is_not_given(qgis, tmp_path, samples):
    """A field that is left empty, in whichever way, is not given to geoseg: an empty number is not class 0."""
    program = tmp_path / "geoseg"
    program.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo geoseg, version {__version__}\nexit 0\n")
    program.chmod(0o755)
    silent = replace(qgis, variables={"GEOSEG_COMMAND": str(program)})
    *empty, zero = silent.script("empty_fields.py", samples / "coast_classes.tif", tmp_path / "roads.gpkg")
    assert len(empty) == 10
    assert not any(option in command for command in empty for option in ("--class", "--threshold", "--aoi"))
    assert "--class=0" in zero


def test_what_a_run_would_not_see_is_refused(qgis, tmp_path, samples):
    """Edits that are not in the file, layers without one, and folders that cannot be made are refused in a sentence."""
    program = tmp_path / "geoseg"
    program.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo geoseg, version {__version__}\nexit 0\n")
    program.chmod(0o755)
    silent = replace(qgis, variables={"GEOSEG_COMMAND": str(program)})
    told = silent.script("refused.py", samples / "coast_roads.geojson")
    assert told["begun"] == ""
    assert "my roads has edits that are not in its file" in told["edited"]
    assert "sketch is filtered, or not a file with one layer; save it" in told["sketch"]
    assert "The folder /proc/none/maps cannot be created (" in told["folder"]


def test_errors_name_the_fields_of_options(qgis, tmp_path, samples):
    """Sentences of geoseg name options; who fills in a dialog reads which fields these are."""
    program = tmp_path / "geoseg"
    warning = "geoseg: taken as red; choose with --bands."
    sentence = "geoseg: x.tif exists; choose another --output, not --no-roads, or --overwrite it; --offline."
    program.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && exec echo geoseg, version {__version__}\n"
        f"echo {warning!r} >&2\necho {sentence!r} >&2\nexit 2\n"
    )
    program.chmod(0o755)
    failing = replace(qgis, variables={"GEOSEG_COMMAND": str(program)})
    said = failing.run("geoseg:predict", INPUT=samples / "coast.tif", FOLDER="/proc/none/maps", expect=1)
    assert (
        "--offline. In the dialog, --output is “Folder for the results”, --no-roads is “Trace the road network” "
        "unticked, --overwrite is “Replace existing results”." in said
    )
    assert "with --bands. In the dialog, --bands is “Bands for the model, such as 3,2,1”." in said
    assert "Traceback" not in said

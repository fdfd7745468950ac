"""What needs an extra says so before it begins; all else runs without."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from processes import environment

import geoseg
from geoseg import extras
from geoseg.errors import UsageError

RECIPE = Path(__file__).parents[1] / "recipes" / "mbrsc.toml"
WITHOUT = """
import sys
from importlib.machinery import PathFinder
find, absent = PathFinder.find_spec, {"matplotlib", "tensorboard", "tomli_w"}
PathFinder.find_spec = lambda name, *more: None if name in absent else find(name, *more)
from geoseg.cli import main
main(sys.argv[1:], prog_name="geoseg")
"""


@pytest.fixture
def classes(tmp_path):
    """A class raster."""
    path = tmp_path / "classes.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 40, "width": 50, "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=rasterio.Affine(1, 0, 5e5, 0, -1, 5e6), **profile) as file:
        file.write(np.tile(np.array([0, 1], np.uint8), (1, 40, 25)))
    return path


@pytest.fixture
def lacking(monkeypatch):
    """Have packages be absent."""

    def lack(*names):
        monkeypatch.setattr(extras, "find_spec", lambda name: None if name in names else object())

    return lack


def test_a_training_that_cannot_be_written_does_not_begin(lacking, tmp_path):
    """The recipe is not even looked for."""
    lacking("tensorboard", "tomli_w")
    wanted = r"^training needs tensorboard and tomli_w; install with `pip install 'geoseg\[train\]'`\.$"
    with pytest.raises(UsageError, match=wanted):
        geoseg.train(tmp_path / "none.toml")


def test_a_report_that_cannot_be_drawn(lacking, classes, tmp_path):
    """The command ends before it evaluates, the call before it writes; roads have no plots."""
    evaluation = geoseg.evaluate(classes, classes)
    lacking("matplotlib")
    with pytest.raises(UsageError, match=r"needs matplotlib; install with `pip install 'geoseg\[report\]'`\.$"):
        evaluation.write(tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["evaluate", "rasters", "classes.tif", "classes.tif"], 0),
        (["evaluate", "rasters", "none.tif", "classes.tif", "-o", "report"], 2),
        (["evaluate", "roads", "roads.geojson", "roads.geojson", "-o", "report"], 0),
        (["polygons", "classes.tif", "-o", "areas.gpkg"], 0),
        (["train", str(RECIPE)], 2),
        (["train", "--help"], 0),
    ],
)
def test_commands_without_the_extras(classes, tmp_path, words, code):
    """Only those that need an extra fail, in one sentence with its name, whatever else is wrong."""
    (tmp_path / "roads.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry":'
        ' {"type": "LineString", "coordinates": [[15.0, 45.1], [15.001, 45.1]]}}]}'
    )
    command = [sys.executable, "-c", WITHOUT, *words]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    if code:
        assert "; install with `pip install 'geoseg[" in ended.stderr
        assert "Traceback" not in ended.stderr

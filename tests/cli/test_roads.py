import json

import numpy as np
import pytest
from click.testing import CliRunner
from rasterio import Affine

from geoseg.cli.roads import command
from geoseg.errors import OutputError, SceneError, UsageError


@pytest.fixture
def mask(write_scene):
    """Write a raster with a road of class 3 from left to right and a broken one of class 5."""
    pixels = np.zeros((1, 200, 300), np.uint8)
    pixels[0, 96:104] = 3
    pixels[0, :90, 50:58] = 5
    return write_scene(pixels, "mask.tif")


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def test_roads_of_a_class_in_several_formats(mask, tmp_path):
    """The network of a class is written in each requested format, with a style next to it."""
    result = run(mask, "--class", 3, "-o", tmp_path / "roads.gpkg", "--format", "geojson")
    assert result.exit_code == 0
    names = {"roads.gpkg", "roads.geojson", "roads.qml"}
    assert names <= {path.name for path in tmp_path.iterdir()}
    assert all(name in result.output for name in names)
    assert "0.30 km in 1 edge\n" in result.output
    (feature,) = json.loads((tmp_path / "roads.geojson").read_text())["features"]
    assert feature["properties"]["width_m"] == pytest.approx(8, abs=0.2)


def test_workers_do_not_change_the_files(mask, tmp_path):
    """One worker and three write the same bytes."""
    for folder, workers in (("one", 1), ("three", 3)):
        (tmp_path / folder).mkdir()
        run(mask, "--class", 3, "-o", tmp_path / folder / "roads.gpkg", "--workers", workers)
    one, three = ((tmp_path / folder / "roads.gpkg").read_bytes() for folder in ("one", "three"))
    assert one == three


def test_existing_files_are_kept(mask, tmp_path):
    """Existing files are replaced only on request, and no other files are left."""
    target = tmp_path / "roads.geojson"
    target.write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        run(mask, "--class", 3, "-o", target)
    assert target.read_text() == "precious"
    run(mask, "--class", 3, "-o", target, "--overwrite")
    assert json.loads(target.read_text())["features"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.tif", "roads.geojson", "roads.qml"]


def test_contradictions_are_refused(mask, tmp_path):
    """A raster cannot hold classes and probabilities at once, nor values of unknown meaning."""
    with pytest.raises(UsageError, match="not both"):
        run(mask, "--class", 3, "--threshold", 0.5, "-o", tmp_path / "roads.gpkg")
    with pytest.raises(UsageError, match="does not record whether it holds classes or probabilities"):
        run(mask, "-o", tmp_path / "roads.gpkg")
    assert not (tmp_path / "roads.gpkg").exists()


def test_threshold_decides_what_is_road(write_scene, tmp_path):
    """A road of probability 0.4 is found at threshold 0.2 and not at 0.5."""
    pixels = np.zeros((1, 200, 300), np.float32)
    pixels[0, 96:104] = 0.4
    path = write_scene(pixels, "probability.tif")
    for threshold, count in ((0.2, 1), (0.5, 0)):
        run(path, "--threshold", threshold, "-o", tmp_path / "roads.geojson", "--overwrite")
        assert len(json.loads((tmp_path / "roads.geojson").read_text())["features"]) == count


def test_coarse_rasters_are_refused(write_scene, tmp_path):
    """Rasters with pixels wider than a road are refused."""
    coarse = write_scene(np.ones((1, 20, 30), np.uint8), "coarse.tif", transform=Affine(30, 0, 5e5, 0, -30, 5e6))
    with pytest.raises(SceneError, match=r"pixels of 30.* m; roads are traced at 10 m or finer"):
        run(coarse, "--class", 1, "-o", tmp_path / "roads.gpkg")

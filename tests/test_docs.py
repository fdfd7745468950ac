"""Every command and every Python example in the documentation runs as it is written."""

import re
import shlex
import shutil
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner

import geoseg
from geoseg.cli import main
from geoseg.models.shipped import find_model

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "sample_rasters" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language):
    """Code blocks in a language, with the names of their pages."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(page.name, block) for page in PAGES for name, block in fence.findall(page.read_text()) if name == language]


COMMANDS = sorted(
    {
        line.split("#")[0].split("&&")[-1].strip()
        for _, block in blocks("")
        for line in block.splitlines()
        if "geoseg " in line and not line.startswith(("scene", "pip"))
    }
)
EXAMPLES = [block for _, block in blocks("python") if "distributed" not in block]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files that the documentation speaks of."""
    pixels = np.random.default_rng(0).integers(0, 255, (4, 120, 140), dtype=np.uint8)
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
    shape = {"count": 4, "height": 120, "width": 140, "dtype": "uint8", "photometric": "rgb", "alpha": "unspecified"}
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", crs="EPSG:32633", transform=place, **shape
    ) as target:
        target.write(pixels)
    area = shapely.box(500_010, 5_399_900, 500_090, 5_399_980)
    geopandas.GeoSeries([area], crs="EPSG:32633").to_file(tmp_path / "district.gpkg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_commands_and_examples():
    """The documentation has commands to run: the tests below are not empty."""
    assert len(COMMANDS) >= 8
    assert EXAMPLES


@pytest.mark.parametrize("command", COMMANDS)
def test_command(folder, command):
    """A command of the documentation ends well and leaves what it speaks of."""
    words = [
        name
        for word in shlex.split(command)[1:]
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(folder, example):
    """A Python example of the documentation runs."""
    exec(compile(example, "example", "exec"), {})
    assert (folder / "maps" / "scene_classes.tif").exists()


def test_readme_goes_from_labels_to_maps(folder):
    """The README's way through training, maps, scores, roads and polygons runs in its order, each on what is there.

    Training itself runs with its own page's tests; here the shipped model stands where it would leave one.
    """
    (block,) = (text for page, text in blocks("sh") if page == "README.md")
    commands = [line.split("#")[0].strip() for line in block.splitlines()]
    for name in ("images", "labels", "runs/city"):
        (folder / name).mkdir(parents=True)
    with rasterio.open("scene.tif") as scene:
        profile = scene.profile | {"count": 1}
        for name, values in (("images", scene.read([1, 2, 3])), ("labels", scene.read([1]) % 5)):
            with rasterio.open(folder / name / "scene.tif", "w", **profile | {"count": len(values)}) as target:
                target.write(values)
    road = shapely.LineString([(500_000, 5_399_950), (500_140, 5_399_940)])
    geopandas.GeoSeries([road], crs="EPSG:32633").to_crs(4326).to_file(folder / "reference_roads.geojson")
    shutil.copy(find_model("aerial"), folder / "runs/city/city.keras")
    for command in commands:
        if command == "geoseg train city.toml":
            continue
        words, _, kept = command.removeprefix("geoseg ").partition(" > ")
        result = CliRunner().invoke(main, shlex.split(words), catch_exceptions=False)
        assert result.exit_code == 0, (command, result.output)
        if kept:
            Path(kept).write_text(result.stdout)
    for name in ("city.toml", "maps/scene_classes.tif", "report/evaluation.html", "roads.gpkg", "scene.gpkg"):
        assert (folder / name).stat().st_size > 0


def test_readme_makes_what_it_promises(folder):
    """The first command of the README leaves the four files that its table names."""
    geoseg.predict(ROOT / "sample_rasters" / "suburb.tif")
    named = re.findall(r"`(suburb_[\w.]+)`", (ROOT / "README.md").read_text())
    assert len(named) == 5
    for name in named:
        assert (folder / name).stat().st_size > 0

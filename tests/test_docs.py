"""Every command and every Python example in the documentation runs as it is written."""

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner

import geoseg
from geoseg.cli import main
from geoseg.models.bundle import MEMBER
from geoseg.models.shipped import find_model

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "sample_rasters" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [page for room in ("reference", "explanation") for page in sorted((ROOT / "docs" / room).glob("*.md"))]
PAGES.remove(ROOT / "docs" / "quick_start.md")  # with the tutorials, it has tests of its own


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
    (tmp_path / "scenes").mkdir()
    shutil.copy(tmp_path / "scene.tif", tmp_path / "scenes")
    (tmp_path / "scenes.txt").write_text("scenes\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command, *, expect):
    """Run a command as a shell would, and require its exit code."""
    words = [
        name
        for word in shlex.split(command)[1:]
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == expect, (command, result.output)


def test_there_are_commands_and_examples():
    """The documentation has commands to run: the tests below are not empty."""
    assert len(COMMANDS) >= 8
    assert EXAMPLES


@pytest.mark.parametrize("command", COMMANDS)
def test_command(folder, command):
    """A command of the documentation ends well and leaves what it speaks of."""
    run(command, expect=0)


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


BGRN, RGBN = ("blue", "green", "red", "nir"), ("red", "green", "blue", "nir")
KINDS = {
    "aerial": {"gsd_m": 0.5, "bands": RGBN[:3], "photometric": "rgb"},
    "NAIP": {"gsd_m": 0.6, "bands": RGBN, "photometric": "rgb", "alpha": "yes", "described": False},
    "drone": {"gsd_m": 0.03, "bands": (*RGBN[:3], "alpha"), "photometric": "rgb", "alpha": "yes", "described": False},
    "PlanetScope": {"gsd_m": 3.0, "bands": BGRN, "dtype": "uint16", "high": 9000, "nodata": 0, "scale": (1e-4, 0.0)},
    "Maxar": {
        "gsd_m": 0.5, "dtype": "uint16", "high": 2047,
        "bands": ("coastal", "blue", "green", "yellow", "red", "red edge", "nir", "infrared 2"),
    },
    "Pléiades": {"gsd_m": 0.5, "bands": RGBN, "dtype": "uint16", "high": 4095},
    "satellite": {"gsd_m": 1.0, "bands": BGRN, "dtype": "uint16", "high": 2047},
    "reflectance": {"gsd_m": 1.0, "bands": RGBN[:3], "dtype": "float32"},
    "Sentinel-2": {
        "gsd_m": 10.0, "bands": ("B02", "B03", "B04", "B08"), "dtype": "int16", "high": 9000, "scale": (1e-4, -0.1),
    },
}  # fmt: skip
"""Forms of imagery, by words of the tables that say what to type."""


def imagery_rows():
    """Rows of tables of what to type: kind of imagery, and the other cells."""
    for page in PAGES:
        for table in re.findall(r"^\| imagery \| what to type .*?\n\n", page.read_text(), re.MULTILINE | re.DOTALL):
            for row in table.split("\n")[2:-2]:
                name, *cells = (cell.strip() for cell in row.strip("| ").split(" | "))
                kind = min((kind for kind in KINDS if kind in name), key=name.index)
                yield pytest.param(kind, " ".join(cells), id=f"{page.name} {kind}")


ROWS = [*imagery_rows()]


@pytest.fixture
def deliver(folder):
    """Write `scene.tif` in a form of imagery, with descriptions of its bands or without; and a model at 10 m."""
    with zipfile.ZipFile(find_model("aerial")) as source, zipfile.ZipFile("mine.keras", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == MEMBER:
                card = json.loads(content) | {"gsd_m": 10.0, "gsd_range_m": [10.0, 10.0], "scaling": {"physical": GAIN}}
                content = json.dumps(card).encode()
            target.writestr(name, content)

    def write(*, gsd_m, bands, dtype="uint8", high=None, scale=(1.0, 0.0), described=True, **profile):
        values = np.random.default_rng(0).random((len(bands), 120, 140))
        values = (values * (high or 254) + 1 if dtype != "float32" else values * 0.4).astype(dtype)
        if "alpha" in bands:
            values[bands.index("alpha")] = 255
        place = rasterio.Affine(gsd_m, 0, 5e5, 0, -gsd_m, 5.4e6)
        profile = {"photometric": "minisblack", "count": len(bands), "dtype": dtype, "transform": place} | profile
        with rasterio.open(
            "scene.tif", "w", driver="GTiff", height=120, width=140, crs="EPSG:32633", **profile
        ) as scene:
            scene.write(values)
            if described:
                scene.descriptions = bands
            scene.scales, scene.offsets = ((part,) * len(bands) for part in scale)

    return write


GAIN = {"offset": 0.0, "gain": 637.5}
"""Of physical values, reflectance."""


def test_there_are_rows_for_imagery():
    """Both tables have rows to run: five in the README, and all forms in the other."""
    assert {row.id.split()[0] for row in ROWS} == {"README.md", "prediction.md"}
    assert sum(row.id.startswith("README") for row in ROWS) == 5
    assert {row.values[0] for row in ROWS} == set(KINDS)


@pytest.mark.parametrize(("kind", "text"), ROWS)
def test_what_to_type(deliver, kind, text):
    """Each row's commands run as they stand; bands are numbered only where the file does not describe them."""
    form = KINDS[kind]
    commands = re.findall("`(geoseg [^`]*)`", text)
    numbered = re.findall("`(--bands [^`]*)`", text)
    assert commands
    deliver(**form)
    for number, command in enumerate(commands):
        assert "--bands" not in command
        run(f"{command} -o out{number}", expect=0)
    if kind == "Sentinel-2" and not numbered:
        return  # the README speaks of products that name their bands
    deliver(**form | {"described": False})
    run(f"{commands[0]} -o plain", expect=3 if numbered else 0)
    for number, bands in enumerate(numbered):
        run(f"{commands[0]} {bands} -o numbered{number}", expect=0)

"""Recipes of published data sets: from folders as they are shipped to scores, on small rendered images."""

import json
import re
import shlex
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning
from scipy.ndimage import distance_transform_edt

from geoseg.cli import main
from geoseg.datasets.codings import LEGENDS
from geoseg.errors import DataError
from geoseg.models.bundle import read_card
from geoseg.rendering import SurfaceClass, render_scene
from geoseg.training.data.dataset import open_data
from geoseg.training.recipe.load import load_recipe
from geoseg.training.recipe.resolve import resolve

RECIPES = Path(__file__).parents[1] / "recipes"
SHORT = "--set schedule.epochs=1 --set schedule.steps=2 --set schedule.batch=2 --set schedule.window=64 "
SHORT += "--set card.tile=128 --set card.overlap=32"
TINY = {
    "potsdam": f"{SHORT} --set network.width=2",
    "cityscapes": f"{SHORT} --set 'network={{ preset = \"attention_resunet\", width = 2, depth = 2 }}'",
}
"""Overrides that only make a run smaller; without published weights for the encoder."""
SIDE = 160
"""Pixels of a tile, of 6000 in Potsdam's."""
TRAINING = [f"{row}_{column}" for row in range(2, 8) for column in (10, 11, 12)]
TRAINING += [f"{row}_{column}" for row in (6, 7) for column in (7, 8, 9)]
TEST = ["2_13", "2_14", "3_13", "3_14", "4_13", "4_14", "4_15", "5_13", "5_14", "5_15", "6_13", "6_14", "6_15", "7_13"]
"""Tiles of Potsdam whose labels participants had, and those that maps are scored on."""

# Few rendered scenes show every class, or no saturated pixels.
pytestmark = [
    pytest.mark.filterwarnings("ignore:no training pixel is labelled:geoseg.errors.GeosegWarning"),
    pytest.mark.filterwarnings("ignore:.* in all bands, as in a collar:geoseg.errors.GeosegWarning"),
]


def read_commands(name):
    """Commands in a recipe's header."""
    return re.findall("^#     (geoseg .*)$", (RECIPES / f"{name}.toml").read_text(), re.MULTILINE)


def commands(name, root):
    """Commands of a recipe's header for the data in `root`, as a shell would pass them on."""
    for line in read_commands(name):
        words = shlex.split(line.removeprefix("geoseg ").replace("DATA", str(root)))
        words = [word.replace("recipes/", f"{RECIPES}/") for word in words]
        quoted = re.findall('"([^"]*)"', line)
        yield [part for word in words for part in ([word] if word in quoted or "*" not in word else expand(word))]


def expand(pattern):
    path = Path(pattern)
    return sorted(map(str, path.parent.glob(path.name)))


def run(words):
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, (words, done.output)
    return done


def write(path, pixels, *, crs=None, transform=None):
    """Write pixels `(bands, rows, columns)`, by default without georeference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    driver = {".tif": "GTiff", ".png": "PNG"}[path.suffix]
    shape = {"driver": driver, "count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", crs=crs, transform=transform, **shape) as raster:
            raster.write(pixels)


@cache
def render(seed, shape):
    """Pixels `(3, rows, columns)` and surface classes of a rendered scene."""
    scene = render_scene(seed, shape, gsd=0.5)
    return scene.image[..., :3].transpose(2, 0, 1), scene.classes


def split_of(name, root):
    """Names of the images of the shipped recipe in training, validation and test."""
    recipe = load_recipe(RECIPES / f"{name}.toml", [f"root={root}"])
    (sides,) = open_data(resolve(recipe)).sides
    return [{pair.name for pair in pairs} for pairs in (sides.training, sides.validation, sides.test)]


def supports(document, name=None):
    """Reference pixels of each class that were compared: of all images, or of one."""
    (scores,) = [document] if name is None else [each["scores"] for each in document["images"] if each["name"] == name]
    return [each["support"] for each in scores["classes"]]


def test_the_documentation_has_these_commands():
    """docs/training.md has the commands of the recipes' headers, which the tests here run."""
    page = (RECIPES.parent / "docs" / "training.md").read_text()
    documented = [line for block in re.findall("```bash\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert documented == [line for name in TINY for line in read_commands(name)]


# Potsdam

ISPRS = {
    SurfaceClass.BUILDING: "building",
    SurfaceClass.LAND: "clutter",
    SurfaceClass.ROAD: "impervious surface",
    SurfaceClass.VEGETATION: "low vegetation",
    SurfaceClass.WATER: "clutter",
}


def label_potsdam(image, surfaces, seed):
    """Class ids of a rendered scene: dark vegetation is trees, and there is one large car."""
    names = LEGENDS["potsdam"].names
    ids = np.array([names.index(ISPRS[surface]) for surface in SurfaceClass])[surfaces]
    ids[(surfaces == SurfaceClass.VEGETATION) & (image[1] < 90)] = names.index("tree")
    top, left = np.random.default_rng(seed).integers(0, SIDE - 40, 2)
    ids[top : top + 40, left : left + 20] = names.index("car")
    return ids


def erode(ids):
    """Oracle: pixels without another class within three pixels, by distances to the nearest pixel of one."""
    return np.any([distance_transform_edt(ids == number) > 3 for number in np.unique(ids)], axis=0)


@pytest.fixture(scope="module")
def potsdam(tmp_path_factory):
    """A folder as the archives of Potsdam unpack, and class ids by tile.

    Adjacent tiles with world files, labels without georeference; label 4_12 was compressed with loss, and cars of 6_7
    are #fcff00, as published.
    """
    root = tmp_path_factory.mktemp("isprs") / "Potsdam"
    labels = {}
    for number, tile in enumerate([*TRAINING, *TEST]):
        row, column = map(int, tile.split("_"))
        step = SIDE * 0.05
        place = Affine(0.05, 0, 366_676 + column * step, 0, -0.05, 5_808_153 - row * step)
        image, surfaces = render(number % 6, (SIDE, SIDE))
        for folder, kind in (("2_Ortho_RGB", "RGB"), ("3_Ortho_IRRG", "IRRG")):
            path = root / folder / f"top_potsdam_{tile}_{kind}.tif"
            write(path, image, crs="EPSG:32633", transform=place)
            world = (0.05, 0, 0, -0.05, place.c + 0.025, place.f - 0.025)
            path.with_suffix(".tfw").write_text("\n".join(map(str, world)))
        labels[tile] = label_potsdam(image, surfaces, number)
        colours = np.array(COLOURS, np.uint8)[labels[tile]].transpose(2, 0, 1)
        if tile == "4_12":
            changes = np.random.default_rng(number).integers(0, 40, colours.shape, dtype=np.uint8)
            colours = np.where(colours > 127, 255 - changes, changes)
        if tile == "6_7":
            colours[0][labels[tile] == 4] = 252
        write(root / "5_Labels_all" / f"top_potsdam_{tile}_label.tif", colours)
    (root / "1_DSM").mkdir()
    return root, labels


COLOURS = [(255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0)]
"""Colours of impervious surfaces, buildings, low vegetation, trees, cars and clutter, as ISPRS publishes them."""


def test_the_split_of_potsdam(potsdam):
    """The 14 published test tiles, and the tile with wrong labels, are kept from the run; 18 are trained on."""
    training, validation, kept = split_of("potsdam", potsdam[0])
    assert kept == {f"top_potsdam_{tile}" for tile in [*TEST, "7_10"]}
    assert training | validation == {f"top_potsdam_{tile}" for tile in TRAINING} - kept
    assert (len(training), len(validation)) == (18, 5)


def test_labels_of_potsdam_without_their_folder(potsdam, tmp_path):
    """Labels that were unpacked beside the folder of the images are asked for by the name of theirs."""
    (tmp_path / "2_Ortho_RGB").symlink_to(potsdam[0] / "2_Ortho_RGB")
    with pytest.raises(DataError, match="2_Ortho_RGB has no folder 5_Labels_all next to it; give the labels"):
        split_of("potsdam", tmp_path)


@pytest.mark.slow
@pytest.mark.thorough
def test_potsdam_from_tiles_to_scores(potsdam, tmp_path, monkeypatch):
    """One `train` and one `batch` map all tiles on their own pixels; scores are those of the ISPRS protocol."""
    root, labels = potsdam
    monkeypatch.chdir(tmp_path)
    training, prediction, evaluation = commands("potsdam", root)
    said = run([*training, *shlex.split(TINY["potsdam"])]).stderr
    for tile in ("4_12", "6_7"):
        assert f"top_potsdam_{tile}_label.tif has colours that are not those of its coding but near them" in said
    card = read_card(Path("runs/potsdam/potsdam.keras"))
    assert (card.gsd_m, card.multiple, card.legend) == (0.1, 64, LEGENDS["potsdam"])

    run(prediction)
    assert len(list(Path("maps").glob("*.tif"))) == len(labels) == 38
    right = 0
    for tile, ids in labels.items():
        with (
            rasterio.open(root / "2_Ortho_RGB" / f"top_potsdam_{tile}_RGB.tif") as scene,
            rasterio.open(Path("maps") / f"top_potsdam_{tile}_RGB_classes.tif") as classes,
        ):
            assert (classes.shape, classes.crs, classes.transform) == (scene.shape, scene.crs, scene.transform)
            assert [classes.colormap(1)[number][:3] for number in range(6)] == COLOURS
            if tile in TEST:
                right += int((erode(ids) & (classes.read(1) == ids)).sum())

    scores = json.loads(run([*evaluation, "--json"]).stdout)
    assert {image["name"] for image in scores["images"]} == {f"top_potsdam_{tile}" for tile in TEST}
    compared = np.concatenate([labels[tile][erode(labels[tile])] for tile in TEST])
    assert supports(scores) == np.bincount(compared, minlength=6).tolist()
    assert scores["overall_accuracy"] == pytest.approx(right / compared.size)

    of_all = json.loads(run([*evaluation[:2], "maps", *evaluation[3:], "--json"]).stdout)
    for tile in ("4_12", "6_7"):
        compared = labels[tile][erode(labels[tile])]
        assert supports(of_all, f"top_potsdam_{tile}") == np.bincount(compared, minlength=6).tolist()


# Cityscapes

CITIES = {"train": ("aachen", "zurich"), "val": ("frankfurt",), "test": ("berlin",)}
LABEL_IDS = {
    SurfaceClass.BUILDING: 11,
    SurfaceClass.LAND: 9,  # parking, which is not scored
    SurfaceClass.ROAD: 7,
    SurfaceClass.VEGETATION: 21,
    SurfaceClass.WATER: 23,
}


@pytest.fixture(scope="module")
def cityscapes(tmp_path_factory):
    """A folder as the archives of Cityscapes unpack, and label ids of the validation images; those of test are void."""
    root = tmp_path_factory.mktemp("cityscapes")
    labels = {}
    places = [(side, city, frame) for side, cities in CITIES.items() for city in cities for frame in range(2)]
    for number, (side, city, frame) in enumerate(places):
        name = f"{side}/{city}/{city}_{frame:06}_000019"
        image, surfaces = render(number, (64, 128))
        ids = np.array([LABEL_IDS[surface] for surface in SurfaceClass], np.uint8)[surfaces]
        ids[30:40, 20:28], ids[20:30, 60:80] = 24, 26
        if side == "test":
            ids[:] = 3
        ids[-8:] = 1  # the car itself
        write(root / "leftImg8bit" / f"{name}_leftImg8bit.png", image)
        labelled = root / "gtFine" / f"{name}_gtFine"
        write(labelled.with_name(f"{labelled.name}_labelIds.png"), ids[None])
        write(labelled.with_name(f"{labelled.name}_instanceIds.png"), ids[None].astype(np.uint16) * 1000)
        write(labelled.with_name(f"{labelled.name}_color.png"), np.repeat(ids[None], 4, axis=0))
        labelled.with_name(f"{labelled.name}_polygons.json").write_text("{}")
        if side == "val":
            labels[f"{city}/{city}_{frame:06}_000019"] = ids
    return root, labels


def test_the_split_of_cityscapes(cityscapes):
    """The folders of the archives are the split."""
    for side, names in zip(("train", "val", "test"), split_of("cityscapes", cityscapes[0]), strict=True):
        assert {name.partition("/")[0] for name in names} == {side}
        assert len(names) == 2 * len(CITIES[side])


@pytest.mark.slow
@pytest.mark.thorough
def test_cityscapes_from_images_to_scores(cityscapes, tmp_path, monkeypatch):
    """One `train` and one `evaluate` score the validation images in the 19 classes, without void pixels."""
    root, labels = cityscapes
    monkeypatch.chdir(tmp_path)
    training, evaluation = commands("cityscapes", root)
    run([*training, *shlex.split(TINY["cityscapes"])])
    scores = json.loads(run([*evaluation, "--json"]).stdout)
    assert {image["name"] for image in scores["images"]} == set(labels)
    counts = np.bincount(np.concatenate([ids.ravel() for ids in labels.values()]), minlength=34)
    scored = [7, 8, 11, 12, 13, 17, 19, 20, *range(21, 29), 31, 32, 33]
    assert supports(scores) == counts[scored].tolist()
    assert scores["unpredicted"] == 0

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio import Affine

from geoseg.errors import SceneError, UsageError
from geoseg.rasters.read import scaled
from geoseg.training.data.dataset import open_data
from geoseg.training.data.read_pairs import read_labels, read_pair
from geoseg.training.recipe.load import load_recipe
from geoseg.training.recipe.resolve import resolve
from geoseg.training.survey.recipe_template import describe_data

SAMPLES = ["coast", "desert_city", "farmland", "satellite_16bit", "suburb"]


@pytest.fixture
def start(tmp_path):
    """Write, load and open the starting recipe for imagery: its text, recipe and data."""

    def start_(images, labels=None):
        path = tmp_path / "recipe.toml"
        path.write_text(describe_data(images, labels), encoding="utf-8")
        recipe = load_recipe(path)
        return path.read_text(encoding="utf-8"), recipe, open_data(resolve(recipe))

    return start_


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(1, 255, (3, 150, 200), np.uint8)


def class_pixels(data):
    """Count the pixels of each class on both sides of the split."""
    (sides,) = data.sides
    labels = [
        read_labels(pair, (slice(0, pair.shape[0]), slice(0, pair.shape[1])))
        for pair in (*sides.training, *sides.validation)
    ]
    counts = np.bincount(np.concatenate([part.ravel() for part in labels]), minlength=256)
    return counts[: len(data.run.labels.legend)]


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_rasters(start, pytestconfig, name):
    """The starting recipe of any sample raster trains unchanged, on the sample's classes."""
    folder = pytestconfig.rootpath / "sample_rasters"
    text, recipe, data = start(folder / f"{name}.tif", folder / f"{name}_classes.tif")
    assert recipe.legend == "aerial"
    assert recipe.card.gsd_m == pytest.approx(2.0 if name == "satellite_16bit" else 1.0, rel=0.01)
    assert "vegetation: " in text
    pixels, labels = next(data.windows(0, side=64))
    assert 0 <= np.percentile(pixels, 5) <= np.percentile(pixels, 95) <= 300
    assert (labels < 5).any()
    assert data.validation_images()


def test_sixteen_bits(start, pytestconfig):
    """Red, green and blue are found by colour interpretation, and values are scaled to about 0 to 255."""
    folder = pytestconfig.rootpath / "sample_rasters"
    text, recipe, data = start(folder / "satellite_16bit.tif", folder / "satellite_16bit_classes.tif")
    assert "# Not used: band 4 (nir). To train on it too," in text
    assert recipe.data[0].bands == [3, 2, 1]
    assert recipe.card.bands == ["red", "green", "blue"]
    pixels, _ = next(data.windows(0, side=200))
    assert 20 < pixels.mean() < 200
    assert pixels.dtype == np.float32


def test_declared_scale_and_offset(start, write_raster, picture, tmp_path):
    """Images that declare scale and offset are scaled by physical values, in whatever numbers each stores them."""
    labels = np.broadcast_to(np.arange(200, dtype=np.uint8) % 2, (1, 150, 200))
    for number, (scale, offset) in enumerate(((1e-4, 0.0), (1e-4, -0.1), (2e-4, -0.1))):
        place = {"transform": Affine(1, 0, 500_000 + 200 * number, 0, -1, 5_400_000)}
        stored = np.rint((picture * 1e-3 - offset) / scale).astype(np.uint16)
        with rasterio.open(write_raster(f"images/{number}.tif", stored, photometric="RGB", **place), "r+") as image:
            image.scales, image.offsets = (scale,) * 3, (offset,) * 3
        write_raster(f"labels/{number}.tif", labels, **place)
    text, recipe, data = start(tmp_path)
    assert "3 bands (red, green, blue) of physical values" in text
    assert set(recipe.card.scaling) == {"physical"}
    low, high = np.percentile(picture * 1e-3, (1, 99))
    scaling = recipe.card.scaling["physical"]
    assert scaling.offset == pytest.approx(low, rel=1e-2)
    assert scaling.gain == pytest.approx(255 / (high - low), rel=1e-2)
    expected = np.moveaxis(np.clip((picture * 1e-3 - low) * 255 / (high - low), 0, 255), 0, -1)
    for side in data.sides:
        for pair in (*side.training, *side.validation):
            pixels, *_ = read_pair(pair, (slice(0, 150), slice(0, 200)))
            np.testing.assert_allclose(scaled(pixels, pair.scaling), expected, atol=0.2)


def test_the_network_to_begin_with(start, write_raster, picture):
    """Recipes for red, green and blue start from the shipped model's weights, others from a new network."""
    write_raster("images/a.tif", picture, photometric="RGB")
    write_raster("labels/a.tif", (picture[:1] > 128).astype(np.uint8))
    images = write_raster("images/b.tif", picture, photometric="RGB").parent
    write_raster("labels/b.tif", (picture[:1] > 128).astype(np.uint8))
    _, recipe, _ = start(images)
    assert (recipe.network.initial, recipe.network.encoder) == ("aerial", "efficientnet_lite0")
    rate = recipe.schedule.rate
    for name in "ab":
        write_raster(f"images/{name}.tif", picture[[0, 1, 2, 2]], photometric="MINISBLACK")
    _, recipe, _ = start(images)
    assert (recipe.network.initial, recipe.network.encoder) == (None, None)
    assert recipe.schedule.rate > rate


def test_ids(start, write_raster, picture, tmp_path):
    """Ids become classes with placeholder names; shares leave out masked pixels."""
    labels = np.zeros((1, 150, 200), np.uint8)
    labels[0, :30] = 7
    labels[0, 30:60] = 255
    for number in range(4):
        place = Affine(1, 0, 500_000 + 200 * number, 0, -1, 5_400_000)
        write_raster(f"images/{number}.tif", picture, transform=place)
        write_raster(f"labels/{number}.tif", labels, transform=place, nodata=255)
    text, recipe, data = start(tmp_path)
    assert "#   0: 75.00%" in text
    assert "#   7: 25.00%" in text
    assert "4 images" in text
    assert "EPSG:32633" in text
    assert recipe.data[0].values == {"0": "class_0", "7": "class_7"}
    line = '# road = "class_7"  # trace road networks from this class\n'
    assert resolve(recipe).labels.legend.road is None
    (tmp_path / "roads.toml").write_text(text.replace(line, line.removeprefix("# ")), encoding="utf-8")
    assert resolve(load_recipe(tmp_path / "roads.toml")).labels.legend.road == 1
    assert recipe.data[0].split.by == "image"
    assert recipe.schedule.window == 128
    assert len(data.validation_images()) == 1


@pytest.mark.parametrize(("colour", "coding"), [((132, 41, 246), "mbrsc"), ((1, 2, 3), "colours")])
def test_colours_without_georeference(start, write_raster, picture, tmp_path, colour, coding):
    """Colours of a built-in coding have names, others are listed; a comment says that the GSD is a guess."""
    labels = np.zeros((3, 150, 200), np.uint8)
    labels[:] = np.array((60, 16, 152))[:, None, None]
    labels[:, :75] = np.array(colour)[:, None, None]
    for tile in ("Tile 1", "Tile 2"):
        write_raster(f"{tile}/images/part.png", picture, transform=None)
        write_raster(f"{tile}/masks/part.png", labels, transform=None)
    text, recipe, data = start(tmp_path)
    assert recipe.data[0].coding == coding
    assert recipe.data[0].split.groups == {"Tile 1": ["Tile 1/*"], "Tile 2": ["Tile 2/*"]}
    assert "is a guess" in text
    assert f"#   #{bytes(colour).hex()}{' land' if coding == 'mbrsc' else ''}: 50.00%" in text
    assert data.class_pixels().sum() == 150 * 200


def test_overlapping_images_are_split_by_block(start, write_raster, picture, tmp_path):
    """If images overlap, they are split by block."""
    for number in range(3):
        place = Affine(1, 0, 500_000 + 150 * number, 0, -1, 5_400_000)
        write_raster(f"images/{number}.tif", picture, transform=place)
        write_raster(f"labels/{number}.tif", np.ones((1, 150, 200), np.uint8) * np.uint8(number % 2), transform=place)
    _, recipe, data = start(tmp_path)
    assert recipe.data[0].split.by == "block"
    assert data.sides[0].training
    assert data.sides[0].validation


def test_folders_whose_names_are_patterns(start, write_raster, picture, tmp_path):
    """Brackets in a folder's name are not a pattern: its images are found again."""
    for number, name in enumerate(("a[1]", "b*")):
        place = Affine(1, 0, 500_000 + 1000 * number, 0, -1, 5_400_000)
        write_raster(f"images/{name}/x.tif", picture, transform=place)
        write_raster(f"labels/{name}/x.tif", picture[:1] % 2, transform=place)
    _, _, data = start(tmp_path)
    assert {pair.name for side in (data.sides[0].training, data.sides[0].validation) for pair in side} == {
        "a[1]/x", "b*/x"
    }  # fmt: skip


def test_labels_elsewhere(write_raster, picture, tmp_path):
    """Labels that do not overlap their image are refused as in training."""
    write_raster("images/a.tif", picture)
    write_raster("labels/a.tif", np.ones((1, 150, 200), np.uint8), transform=Affine(1, 0, 9_000, 0, -1, 5_400_000))
    with pytest.raises(SceneError, match=r"a\.tif does not overlap its image"):
        describe_data(tmp_path)


def test_stray_colours_are_ignored(start, write_raster, picture, tmp_path):
    """A few pixels outside a built-in coding are ignored; the legend stays the coding's."""
    labels = np.array([(255, 255, 255), (0, 0, 255), (0, 255, 0)], np.uint8)[np.arange(200) % 3]
    labels = np.broadcast_to(labels.T[:, None], (3, 150, 200)).copy()
    labels[:, 0, :50] = np.array((252, 128, 0))[:, None]
    write_raster("images/a.tif", picture)
    write_raster("labels/a.tif", labels)
    text, recipe, data = start(tmp_path)
    assert (recipe.legend, recipe.data[0].coding) == ("potsdam", "potsdam")
    assert recipe.data[0].values == {"#fc8000": "ignore"}
    assert "# Values outside coding potsdam, in 0.17% of the pixels." in text
    assert class_pixels(data).sum() == 150 * 200 - 50


def test_many_stray_colours_are_ignored_together(start, write_raster, picture, tmp_path):
    """Many stray colours get one entry for all others, and one line of comment."""
    labels = np.array([(255, 255, 255), (0, 0, 255), (0, 255, 0)], np.uint8)[np.arange(200) % 3]
    labels = np.broadcast_to(labels.T[:, None], (3, 150, 200)).copy()
    labels[0, 0], labels[1:, 0] = np.arange(200), 128
    write_raster("images/a.tif", picture)
    write_raster("labels/a.tif", labels)
    text, recipe, data = start(tmp_path)
    assert recipe.data[0].values == {"*": "ignore"}
    assert "#   171 more: 0.57%" in text
    assert class_pixels(data).sum() == 149 * 200


@pytest.mark.parametrize(
    ("descriptions", "bands", "names"),
    [
        (("B8", "B2", "B3", "B4"), [4, 3, 2], ["red", "green", "blue"]),
        (("NIR", "Red", "Green", ""), [1, 2, 3], ["nir", "red", "green"]),
        (("", "", "", ""), [1, 2, 3], ["band 1", "band 2", "band 3"]),
    ],
)
def test_bands_by_description(start, write_raster, picture, tmp_path, descriptions, bands, names):
    """Bands are chosen and named by their descriptions; those without are numbered."""
    image = write_raster("images/a.tif", np.concatenate([picture, picture[:1]]), photometric="MINISBLACK")
    with rasterio.open(image, "r+") as file:
        file.descriptions = descriptions
    write_raster("labels/a.tif", np.broadcast_to(np.arange(200, dtype=np.uint8) % 2, (1, 150, 200)))
    text, recipe, _ = start(tmp_path)
    assert recipe.data[0].bands == bands
    assert recipe.card.bands == names
    (unused,) = {1, 2, 3, 4} - set(bands)
    assert f"# Not used: band {unused} (" in text


def test_images_that_differ(start, write_raster, picture, tmp_path):
    """Images of two data types are scaled separately; differences, also in bands, are reported."""
    write_raster("images/a.tif", picture, photometric="RGB")
    wide = np.concatenate([picture.astype(np.uint16) * 8, np.full((1, 150, 200), 65535, np.uint16)])
    east = {"transform": Affine(1, 0, 600_000, 0, -1, 5_400_000)}
    write_raster("images/b.tif", wide, photometric="RGB", alpha="yes", **east)
    labels = np.broadcast_to(np.arange(200, dtype=np.uint8) % 2, (1, 150, 200))
    write_raster("labels/a.tif", labels)
    write_raster("labels/b.tif", labels, **east)
    text, recipe, data = start(tmp_path)
    assert "3 bands (red, green, blue) or 4 bands (red, green, blue, alpha) of uint8 or uint16" in text
    assert "# They differ" in text
    assert recipe.card.scaling["uint8"].gain == 1
    wanted = 255 / (8 * np.diff(np.percentile(picture, (1, 99))).item())
    assert recipe.card.scaling["uint16"].gain == pytest.approx(wanted, rel=1e-4)
    pixels, _ = next(data.windows(0, side=64))
    assert pixels.dtype == np.float32
    assert 90 < pixels.mean() < 170


def test_label_values_are_no_more_than_a_legend_holds(write_raster, picture, tmp_path):
    """Masks with lossy compression, and masks of one value, are refused: training on them would fail."""
    write_raster("images/a.png", picture, transform=None)
    write_raster("labels/a.png", picture, transform=None)
    with pytest.raises(UsageError, match=r"hold 29\d\d\d values, too many for classes \(254 at most\); are they "):
        describe_data(tmp_path)
    write_raster("labels/a.png", np.full((1, 150, 200), 7, np.uint8), transform=None)
    with pytest.raises(UsageError, match="hold 7 besides nodata; training needs at least two classes"):
        describe_data(tmp_path)
    write_raster("labels/a.png", np.zeros((1, 150, 200), np.uint8), transform=None, nodata=0)
    with pytest.raises(UsageError, match="hold nothing besides nodata"):
        describe_data(tmp_path)


@pytest.mark.parametrize(
    ("kinds", "values"),
    [
        (["wood", "lake"], {"background": "background", "lake": "lake", "wood": "wood"}),
        (["road", "lake"], {"background": "background", "lake": "lake", "road": "road"}),
        (["#1", "#2"], {"background": "background", "#1": "#1", "#2": "#2"}),
        (["wood", "background"], {"*": "background", "wood": "wood"}),
        (["wood", "lake", None], {"background": "background", "lake": "lake", "wood": "wood", "null": "ignore"}),
        ([4, 3, None], {"background": "background", "3": "3", "4": "4", "null": "ignore"}),
    ],
)
def test_values_of_an_attribute(start, write_raster, picture, tmp_path, kinds, values):
    """A recipe lists each attribute value as training reads it; uncovered ground is a class, none is ignored."""
    write_raster("scene.tif", picture)
    shapes = [shapely.box(500_000 + 60 * i, 5_400_000 - 90, 500_050 + 60 * i, 5_400_000) for i in range(len(kinds))]
    features = geopandas.GeoDataFrame({"FID": range(len(kinds)), "kind": kinds}, geometry=shapes, crs="EPSG:32633")
    features.to_file(tmp_path / "v.geojson")
    text, recipe, data = start(tmp_path / "scene.tif", tmp_path / "v.geojson")
    assert recipe.data[0].attribute == "kind"
    assert recipe.data[0].values == values
    assert "  # " in text.partition(f'"{next(iter(values))}" = "background"')[2].splitlines()[0]
    assert "ignored" in text.partition("[data.values]")[2].splitlines()[1]
    names = data.run.labels.legend.names
    assert data.run.labels.legend.road == (names.index("road") if "road" in names else None)
    pixels = dict(zip(names, class_pixels(data), strict=True))
    open_ground = 150 * 200 - 90 * 50 * len(kinds)
    assert pixels["background"] == (90 * 50 if "background" in kinds else open_ground)
    assert all(count == 90 * 50 for name, count in pixels.items() if name != "background")


@pytest.mark.parametrize("lines", [True, False])
def test_vectors(start, write_raster, picture, tmp_path, lines):
    """Lines become roads, polygons the classes of an attribute with few values."""
    write_raster("scene.tif", picture)
    shapes = [shapely.box(0, -60, 80, 0), shapely.box(90, -150, 200, -10)]
    if lines:
        shapes = [shapely.LineString([(0, -20), (200, -100)]), shapely.LineString([(50, -150), (90, 0)])]
    placed = shapely.transform(shapes, lambda points: points + np.array([500_000, 5_400_000]))
    geopandas.GeoDataFrame({"kind": ["wood", "lake"]}, geometry=placed, crs="EPSG:32633").to_file(tmp_path / "v.gpkg")
    _, recipe, data = start(tmp_path / "scene.tif", tmp_path / "v.gpkg")
    if lines:
        assert (data.run.labels.legend.names, data.run.labels.legend.road) == (("background", "road"), 1)
    else:
        assert (recipe.data[0].attribute, data.run.labels.legend.names) == ("kind", ("background", "lake", "wood"))
    assert (data.class_pixels() > 0).all()

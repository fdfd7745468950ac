import warnings
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from rasterio import Affine
from standins import warned

from geoseg.errors import DataError, GeosegError, GeosegWarning, UsageError
from geoseg.rendering import SurfaceClass, render_scene
from geoseg.training.data.dataset import Data, open_data
from geoseg.training.data.read_pairs import read_pair
from geoseg.training.recipe.load import load_recipe, parse_recipe
from geoseg.training.recipe.recipe import Rendered
from geoseg.training.recipe.resolve import resolve

# Images of one value.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.* (in all bands, as in|are nearly one colour):geoseg.errors.GeosegWarning"
)


@pytest.fixture
def two_sets(write_raster, open_recipe):
    """An 8-bit data set with all classes, and an 11-bit one with roads and other ground."""
    rng = np.random.default_rng(0)
    truth = {}
    for name, dtype, high in (("a", np.uint8, 255), ("b", np.uint16, 2000)):
        for number in range(3):
            labels = rng.integers(0, 3 if name == "a" else 2, (1, 50, 40), np.uint8)
            labels[0, :5] = 255
            image = rng.integers(1, high, (4, 50, 40), dtype)
            write_raster(f"{name}/images/{number}.png", image, transform=None)
            write_raster(f"{name}/labels/{number}.png", labels, transform=None)
            truth[name, str(number)] = image, labels[0]
    roads = {"0": ["land", "water"], "1": "road"}
    return truth, open_recipe(
        {"name": "a", "images": "a", "bands": [1, 2, 3], "split": {"validation": ["1"]}},
        {"name": "b", "images": "b", "bands": [4, 2, 1], "split": {"validation": ["0", "2"]}, "values": roads},
        card={"scaling": {"uint8": {}, "uint16": {"offset": 100.0, "gain": 0.125}}},
    )


def test_validation_images(two_sets):
    """Validation images are read as the network takes them, with label values; unlabelled pixels are ignored."""
    truth, data = two_sets
    assert data.run.labels.allowed == ((0,), (1,), (2,), (0, 2), (0, 1, 2))
    images = data.validation_images()
    assert [(image.data_set, image.name) for image in images] == [("a", "1"), ("b", "0"), ("b", "2")]
    for image in images:
        pixels, labels, _ = image.read()
        source, codes = truth[image.data_set, image.name]
        if image.data_set == "a":
            expected, values = source[:3].astype(np.float32), codes
        else:
            expected, values = (
                ((source[[3, 1, 0]] - np.float32(100)) * np.float32(0.125)).clip(0, 255),
                np.array([3, 1])[codes.clip(0, 1)],
            )
        np.testing.assert_allclose(pixels, np.moveaxis(expected, 0, -1))
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(labels, np.where(codes == 255, 4, values))
        assert image.shape == labels.shape


def test_pixels_without_data_mirror_the_others(write_raster, open_recipe):
    """The network is trained on filled holes and collars, as it predicts, and whatever the offset of the values."""
    values = np.random.default_rng(0).normal(-12, 2, (1, 64, 64)).astype(np.float32)
    values[:, :, 40:] = -9999
    write_raster("set/images/a.tif", values, nodata=-9999)
    write_raster("set/labels/a.tif", np.ones((1, 64, 64), np.uint8))
    card = {"bands": ["vv"], "scaling": {"float32": {"offset": -25.0, "gain": 10.0}}}
    data = open_recipe({"name": "set", "images": "set", "split": {"validation": 0.0}}, card=card)
    pixels, labels = next(data.windows(0, side=64))
    expected = np.clip((values[0, :, :40] + 25) * 10, 0, 255)
    expected = np.concatenate([expected, expected[:, 15:39][:, ::-1]], axis=1)
    np.testing.assert_allclose(pixels[..., 0], expected, rtol=1e-5)
    np.testing.assert_array_equal(labels == data.run.labels.ignored, np.indices((64, 64))[1] >= 40)
    atlas = data.atlas(side=64)
    np.testing.assert_array_equal(atlas.pixels, pixels.reshape(-1, 1))
    np.testing.assert_array_equal(atlas.labels, labels.ravel())


@pytest.mark.parametrize(("suffix", "kept", "times"), [(".tif", 10**6, 9), (".tif", 10**8, 1), (".png", 10**6, 1)])
def test_regions_of_validation_images(write_raster, open_recipe, monkeypatch, suffix, kept, times):
    """A region is that of the whole image; one that is small, or has to be read whole, is read once for all regions."""
    monkeypatch.setattr("geoseg.training.data.dataset.KEPT_BYTES", kept)
    profile = {"tiled": True, "blockxsize": 256, "blockysize": 256} if suffix == ".tif" else {}
    write_raster(f"set/images/a{suffix}", np.random.default_rng(0).integers(0, 255, (3, 2100, 2100), np.uint8),
                 **profile)  # fmt: skip
    write_raster(f"set/labels/a{suffix}", np.random.default_rng(1).integers(0, 3, (1, 2100, 2100), np.uint8))
    reads = []
    monkeypatch.setattr(
        "geoseg.training.data.dataset.read_pair", lambda *given, **more: reads.append(1) or read_pair(*given, **more)
    )
    rendered = {"scenes": 1, "values": {"*": "land"}}
    data = open_recipe({"name": "set", "images": "set", "split": {"validation": 1.0}}, rendered=rendered)
    (image,) = data.validation_images()
    regions = [(slice(row, row + 100), slice(70, 2100)) for row in range(0, 900, 100)]
    found = [image.read_region(region) for region in regions]
    assert len(reads) == times
    whole = image.read()
    for region, parts in zip(regions, found, strict=True):
        for part, everything in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(part, everything[region])


def counted(truth):
    """Pixels of land, road and water in the training images of `two_sets`; "land or water" counts half for each."""
    counts = sum(np.bincount(truth["a", name][1].ravel(), minlength=256)[:3] for name in "02").astype(float)
    roads = truth["b", "1"][1]
    return counts + np.array([(roads == 0).sum() / 2, (roads == 1).sum(), (roads == 0).sum() / 2])


def test_class_pixels(two_sets):
    """Pixels of each class are counted in the training images; partial labels are divided among their classes."""
    truth, data = two_sets
    assert data.class_pixels().tolist() == counted(truth).tolist()


def test_class_pixels_of_rendered_scenes(two_sets, open_recipe):
    """Rendered scenes are counted like images, exactly if few."""
    truth, data = two_sets
    values = {"building": ["land", "water"], "vegetation": "ignore"}
    both = Data(
        run=replace(data.run, rendered=Rendered(scenes=3, side=48, seed=5, values=values)),
        sides=data.sides, as_float=data.as_float, cache=data.cache, scenes=data.scenes,
    )  # fmt: skip
    scenes = [render_scene(seed, (48, 48), gsd=1.0).classes for seed in (5, 6, 7)]
    pixels = {surface.name.lower(): (np.stack(scenes) == surface).sum() for surface in SurfaceClass}
    half = pixels["building"] / 2
    shown = [pixels["land"] + half, pixels["road"], pixels["water"] + half]
    np.testing.assert_allclose(both.class_pixels(), counted(truth) + shown)


def test_likely_mistakes(two_sets, write_raster, open_recipe):
    """Classes without training pixels and no validation images are reported; otherwise nothing."""
    _, data = two_sets
    data.check()
    for number in range(2):
        place = Affine(1, 0, 500_000 + 50 * number, 0, -1, 5_400_000)
        write_raster(f"c/images/{number}.tif", np.ones((3, 20, 20), np.uint8), transform=place)
        write_raster(f"c/labels/{number}.tif", np.full((1, 20, 20), 2 * number, np.uint8), transform=place)
    alone = open_recipe({"name": "c", "images": "c", "split": {"validation": 0.0}})
    with warned("no training pixel is labelled road, .* 255 means unlabelled", "nothing is held out"):
        alone.check()
    coded = replace(alone, run=replace(alone.run, data=(alone.run.data[0].model_copy(update={"coding": "potsdam"}),)))
    with warned(r"no training pixel is labelled road, so the network cannot learn it\.$"):
        coded.check()
    patient = replace(alone.run, schedule=alone.run.schedule.model_copy(update={"patience": 3}))
    with pytest.raises(UsageError, match=r"schedule\.patience waits for validation scores, and no image is held out"):
        replace(alone, run=patient).check()


@pytest.fixture
def tiles(write_raster):
    """Three images with labels: two of two classes, and one of label value 7."""
    for number in range(3):
        write_raster(f"c/images/{number}.png", np.full((3, 20, 20), 90 + number, np.uint8), transform=None)
        label = (
            np.full((1, 20, 20), 7, np.uint8) if number == 2 else np.arange(400, dtype=np.uint8).reshape(1, 20, 20) % 2
        )
        write_raster(f"c/labels/{number}.png", label, transform=None)


@pytest.mark.parametrize("meaning", ["ignore", ["land", "water"]])
def test_held_out_images_without_classes(tiles, open_recipe, meaning):
    """Held-out images whose labels name no single class are reported, and refused where patience waits for scores."""
    entry = {"name": "c", "images": "c", "split": {"validation": ["2"]}}
    data = open_recipe(entry | {"values": {"0": "land", "1": "road", "7": meaning}})
    with warned("no held-out pixel is labelled with a single class: there is no Jaccard index"):
        data.check()
    patient = replace(data.run, schedule=data.run.schedule.model_copy(update={"patience": 3}))
    with pytest.raises(UsageError, match=r"schedule\.patience waits for validation scores"):
        replace(data, run=patient).check()


def test_a_data_set_without_labels_is_refused(tiles, open_recipe):
    """If no training pixel of a data set is labelled, a run is refused before its network is built."""
    data = open_recipe({"name": "c", "images": "c", "values": {"*": "ignore"}, "split": {"validation": ["2"]}})
    with pytest.raises(UsageError, match="data set c has no labelled pixel to train on"):
        data.check()


@pytest.mark.parametrize(("name", "reported"), [("road", True), ("Roads", True), ("railroad", False)])
def test_roads_that_are_not_traced(tiles, open_recipe, name, reported):
    """A class of roads that the legend does not name as its road is reported, as no roads would be traced."""
    classes = [{"name": each, "colour": "#000000"} for each in ("land", name, "water")]
    values = {"0": "land", "1": name, "7": "water"}
    data = open_recipe({"name": "c", "images": "c", "values": values}, legend={"classes": classes})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        data.check()
    texts = [str(each.message) for each in caught if "traced" in str(each.message)]
    assert len(texts) == reported
    assert all(f"`road = '{name}'`" in text for text in texts)


@pytest.mark.parametrize("placed", [True, False])
def test_windows_at_several_ground_sample_distances(write_raster, open_recipe, placed):
    """Windows show the images at each GSD of `train_gsd_m`, as often; validation is at the card's."""
    ramp = np.broadcast_to(np.arange(0, 240, 2, np.uint8), (3, 120, 120))  # rises by 4 a metre
    for number in range(2):
        place = Affine(0.5, 0, 500_000 + 100 * number, 0, -0.5, 5_400_000) if placed else None
        suffix = "tif" if placed else "png"
        write_raster(f"fine/images/{number}.{suffix}", ramp, transform=place)
        write_raster(f"fine/labels/{number}.{suffix}", np.ones((1, 120, 120), np.uint8), transform=place)
    entry = {"name": "fine", "images": "fine", "train_gsd_m": [0.5, 1.5], "split": {"validation": ["1"]}}
    data = open_recipe(entry if placed else entry | {"gsd_m": 0.5})
    windows = list(islice(data.windows(3, side=12), 60))
    rises = [int(np.median(np.diff(pixels[:, 3:-3, 0].astype(int)))) for pixels, _ in windows]
    assert set(rises) == {2, 6}
    assert 15 <= rises.count(2) <= 45
    (held_out,) = data.validation_images()
    assert (held_out.name, held_out.shape) == ("1", (60, 60))


@pytest.mark.parametrize(("gsd_m", "seen"), [(0.5, 60), (0.2, 40), (2.0, 100)])
def test_images_in_the_range_of_the_card(write_raster, open_recipe, gsd_m, seen):
    """Validation, and training unless told otherwise, use the pixels of images in the range, or those of its ends."""
    for name in "ab":
        write_raster(f"plain/images/{name}.png", np.zeros((3, 60, 60), np.uint8), transform=None)
        write_raster(f"plain/labels/{name}.png", np.ones((1, 60, 60), np.uint8), transform=None)
    entry = {"name": "plain", "images": "plain", "gsd_m": gsd_m, "split": {"validation": ["b"]}}
    for train_gsd_m, trained in (([], seen), ([1.0], round(60 * gsd_m))):
        card = {"gsd_range_m": [0.3, 1.2]}
        (sides,) = open_recipe(entry | {"train_gsd_m": train_gsd_m}, card=card).sides
        assert [pair.shape[0] for (pair,) in (*sides.drawn, sides.validation)] == [trained, seen]


def test_ground_sample_distance_of_images_without_georeference(write_raster, open_recipe):
    """Images without georeference or `gsd_m` have the card's GSD, whatever they are trained at."""
    for name in "ab":
        write_raster(f"plain/images/{name}.png", np.zeros((3, 60, 60), np.uint8), transform=None)
        write_raster(f"plain/labels/{name}.png", np.ones((1, 60, 60), np.uint8), transform=None)
    entry = {"name": "plain", "images": "plain", "train_gsd_m": [0.5, 2.0], "split": {"validation": ["b"]}}
    (sides,) = open_recipe(entry).sides
    assert [pair.shape for (pair,) in sides.drawn] == [(120, 120), (30, 30)]


@pytest.mark.parametrize("label", [0, 2])
def test_labels_of_one_class(write_raster, open_recipe, label):
    """Labels of one class teach nothing, and are refused; unlabelled pixels do not count."""
    for number, value in enumerate((label, 255)):
        place = Affine(1, 0, 500_000 + 50 * number, 0, -1, 5_400_000)
        write_raster(f"c/images/{number}.tif", np.ones((3, 20, 20), np.uint8), transform=place)
        write_raster(f"c/labels/{number}.tif", np.full((1, 20, 20), value, np.uint8), transform=place)
    data = open_recipe({"name": "c", "images": "c", "split": {"validation": 0.0}})
    with pytest.raises(DataError, match=f"all labelled training pixels are {('land', 'road', 'water')[label]}, so"):
        data.check()


def test_windows_are_alike(two_sets):
    """Windows of all data sets have one shape and data type, and none shows a validation image."""
    truth, data = two_sets
    seen = set()
    for pixels, labels in islice(data.windows(0, side=16), 60):
        assert (pixels.shape, pixels.dtype, labels.shape) == ((16, 16, 3), np.float32, (16, 16))
        for key, (source, _) in truth.items():
            scaled = (
                source[:3]
                if key[0] == "a"
                else ((source[[3, 1, 0]] - np.float32(100)) * np.float32(0.125)).clip(0, 255)
            )
            if any((patch == pixels[8, 8]).all() for patch in np.moveaxis(scaled, 0, -1)[8:, 8:].reshape(-1, 3)):
                seen.add(key)
    assert seen == {("a", "0"), ("a", "2"), ("b", "1")}


def test_bytes_stay_bytes(write_raster, open_recipe):
    """If all images are bytes without scaling, windows are bytes."""
    write_raster("a/images/0.png", np.ones((3, 30, 30), np.uint8), transform=None)
    write_raster("a/labels/0.png", np.ones((1, 30, 30), np.uint8), transform=None)
    data = open_recipe({"name": "a", "images": "a", "split": {"validation": 0}})
    assert next(data.windows(0, side=8))[0].dtype == np.uint8


def test_labels_are_checked_before_training(two_sets, write_raster):
    """An unmapped id is found before the first window, in validation images too."""
    _, data = two_sets
    write_raster("a/labels/1.png", np.full((1, 50, 40), 77, np.uint8), transform=None)
    with pytest.raises(UsageError, match=r"1\.png has 2000 pixels of id 77"):
        open_data(data.run).check()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "has no data: add a data set, or rendered scenes"),
        ([{"name": "a", "images": "x"}, {"name": "a", "images": "y"}], "two data sets are named 'a'"),
        ([{"name": "a", "images": "/nowhere"}], "/nowhere does not exist"),
    ],
)
def test_recipes_without_imagery(data, sentence):
    """A recipe needs data, and data sets need different names."""
    with pytest.raises(GeosegError, match=sentence):
        open_data(resolve(parse_recipe({"name": "x", "data": data}, source="x.toml")))


def test_shipped_recipe_on_real_imagery(real_data, shipped_recipe):
    """The aerial model holds out MBRSC tiles 1 and 3 and ten Massachusetts tiles, and trains on all others."""
    data = open_data(resolve(load_recipe(shipped_recipe, [f"root={real_data}"])))
    dubai, massachusetts = data.sides
    assert {pair.name.split("/")[0] for pair in dubai.validation} == {"Tile 1", "Tile 3"}
    assert (len(dubai.training), len(dubai.validation)) == (54, 18)
    assert (len(massachusetts.training), len(massachusetts.validation)) == (41, 10)
    names = sorted(pair.name for side in (massachusetts.training, massachusetts.validation) for pair in side)
    assert [pair.name for pair in massachusetts.validation] == names[:50:5]
    pixels, labels, _ = data.validation_images()[-1].read()
    # White collars are masked: black to the network, and without a label.
    assert (pixels[labels == data.run.labels.ignored] == 0).mean() > 0.99
    assert set(np.unique(labels)) == {2, 5, 6}

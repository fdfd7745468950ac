from contextlib import nullcontext
from itertools import chain, islice

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from rasterio import Affine
from standins import warned

from geoseg.errors import UsageError
from geoseg.training.data.ground_squares import Blocks, Ground, HeldOut, Squares
from geoseg.training.data.leakage import footprint
from geoseg.training.data.read_pairs import read_image, read_labels

# Images of one value.
pytestmark = pytest.mark.filterwarnings("ignore:.* in all bands, as in:geoseg.errors.GeosegWarning")

WHOLE = (slice(0, 130), slice(0, 170))
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


@pytest.fixture
def tiles(write_raster):
    """Six labelled images of 40 m in a row from west to east, adjacent or `step` metres apart."""

    def write(step=40, count=6, folder="set", west=500_000, **profile):
        rng = np.random.default_rng(west)
        for number in range(count):
            transform = Affine(1, 0, west + step * number, 0, -1, 5_400_000)
            pixels = rng.integers(1, 255, (3, 40, 40), np.uint8)
            write_raster(f"{folder}/images/{number}.tif", pixels, transform=transform, **profile)
            labels = rng.integers(0, 3, (1, 40, 40), np.uint8)
            write_raster(f"{folder}/labels/{number}.tif", labels, transform=transform, **profile)

    return write


def entry(name="set", **split):
    return {"name": name, "images": name, "split": split}


def names(data):
    (sides,) = data.sides
    return [pair.name for pair in sides.training], [pair.name for pair in sides.validation]


def test_by_name(tiles, open_recipe):
    """Images are held out by glob patterns of their names."""
    tiles()
    data = open_recipe(entry(by="image", validation=["1", "[45]"]))
    assert names(data) == (["0", "2", "3"], ["1", "4", "5"])


def test_set_aside(tiles, open_recipe):
    """Test images are in neither side, and a share is drawn from the others."""
    tiles()
    data = open_recipe(entry(test=["1", "[45]"], validation=["0"]))
    assert names(data) == (["2", "3"], ["0"])
    training, validation = names(open_recipe(entry(test=["1", "[45]"], validation=0.3)))
    assert len(validation) == 1
    assert sorted(training + validation) == ["0", "2", "3"]


def test_calibration_images(tiles, open_recipe):
    """Images for calibration are on no other side, by name or as a share, and leave a drawn validation side alone."""
    tiles()
    before = names(open_recipe(entry(test=["5"], validation=0.2)))
    for calibration, count in ((["2"], 1), (0.4, 2)):
        (sides,) = open_recipe(entry(test=["5"], validation=0.2, calibration=calibration)).sides
        parts = [[pair.name for pair in side] for side in (sides.training, sides.validation, sides.calibration)]
        assert sorted(chain.from_iterable(parts)) == ["0", "1", "2", "3", "4"]
        assert len(parts[2]) == count
        if count == 2:
            assert parts[1] == before[1]


def test_calibration_groups(tiles, open_recipe):
    """A group is held out for calibration as a whole; what is named twice, or shares ground, is refused."""
    tiles(step=20)
    groups = {"west": ["[01]"], "middle": ["[23]"], "east": ["[45]"]}
    with pytest.raises(UsageError, match=r"\(data set set, training\) and .* \(data set set, calibration\)"):
        open_recipe(entry(by="group", groups=groups, validation=[], calibration=["east"]))
    with pytest.raises(UsageError, match="holds out east both for validation and for calibration; choose one"):
        open_recipe(entry(by="group", groups=groups, validation=["e*"], calibration=["ea*"]))
    with pytest.raises(UsageError, match="holds out 'north', which matches none of its groups"):
        open_recipe(entry(by="group", groups=groups, calibration=["north"]))


def test_group_set_aside(tiles, open_recipe):
    """A group of images can be kept from the run."""
    tiles()
    groups = {"west": ["[01]"], "middle": ["[23]"], "east": ["[45]"]}
    data = open_recipe(entry(by="group", groups=groups, test=["east"], validation=["west"]))
    assert names(data) == (["2", "3"], ["0", "1"])


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ({"calibration": ["1"], "by": "block"}, "split by block, and blocks have no names"),
        ({"test": ["9"]}, "holds out '9', which matches none of its images"),
        ({"test": ["1"], "validation": ["1"]}, "holds out 1 both for test and for validation; choose one"),
        ({"test": ["1"], "by": "block"}, "split by block, and blocks have no names"),
        ({"block_m": 30}, "has block_m, but is split by image; set by = 'block' in its split, or remove block_m"),
    ],
)
def test_unknown_test_images(tiles, open_recipe, split, sentence):
    """Test images must be there, and have names."""
    tiles()
    with pytest.raises(UsageError, match=sentence):
        open_recipe(entry(**split))


def test_test_ground(tiles, open_recipe):
    """No other image may show the ground of a test image, in whichever data set."""
    tiles()
    tiles(folder="again", west=500_020, count=1)
    with pytest.raises(UsageError, match=r"0.tif \(data set again, training\) and .*, test\) show the same ground"):
        open_recipe(entry(test=["0", "1"], validation=["4"]), entry("again", validation=0.0))


def test_by_share(tiles, open_recipe):
    """A share is drawn reproducibly by the recipe's seed, with at least one image on each side."""
    tiles()
    drawn = [names(open_recipe(entry(validation=0.3), seed=seed)) for seed in range(8)]
    assert all(len(held_out) == 2 and sorted(kept + held_out) == list("012345") for kept, held_out in drawn)
    assert names(open_recipe(entry(validation=0.3), seed=3)) == drawn[3]
    assert len({tuple(held_out) for _, held_out in drawn}) > 3
    assert len(names(open_recipe(entry(validation=0.01)))[1]) == 1
    assert len(names(open_recipe(entry(validation=0.99)))[0]) == 1
    assert names(open_recipe(entry(validation=0)))[1] == []


def test_by_group(tiles, open_recipe):
    """The images of a group are on the same side."""
    tiles()
    groups = {"west": ["0", "1"], "middle": ["[23]"], "east": ["4", "5"]}
    assert names(open_recipe(entry(by="group", groups=groups, validation=["middle"])))[1] == ["2", "3"]
    for seed in range(5):
        _, held_out = names(open_recipe(entry(by="group", groups=groups, validation=0.4), seed=seed))
        assert held_out in (["0", "1"], ["2", "3"], ["4", "5"])


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ({"validation": ["7"]}, "holds out '7', which matches none of its images: 0, 1, 2, 3, 4, …"),
        ({"by": "group", "groups": {"a": ["[0-3]"]}, "validation": ["a"]}, "image 4 must be in one group .* in none"),
        ({"by": "group", "groups": {"a": ["*"], "b": ["5"]}}, "image 5 must be in one group .* both a and b"),
        (
            {"by": "group", "groups": {"a": ["*"]}, "validation": ["b"]},
            "'b', which matches none of its groups: a",
        ),
        ({"test": ["*"]}, r"all 6 images are held out \(data set set\); leave some to train on"),
        ({"validation": ["*"]}, r"all 6 images are held out \(data set set\); leave some to train on"),
        ({"by": "block", "validation": ["a"]}, "blocks have no names"),
        ({"by": "block", "validation": 1.0}, "all 6 images are held out"),
        ({"by": "group", "groups": {"a": ["*"], "b": ["7", "8"]}}, "'7' of group b matches none of its images: 0, 1"),
        ({"by": "group", "groups": {"a": ["*"], "b": []}, "validation": ["b"]}, "split group b is empty"),
        ({"by": "image", "groups": {"a": ["*"]}}, "has groups, but is split by image; set by = 'group'"),
        ({"by": "block", "groups": {"a": ["*"]}}, "has groups, but is split by block"),
    ],
)
def test_splits_that_make_no_sense(tiles, open_recipe, split, sentence):
    """Held-out names must exist, and must not be all."""
    tiles()
    with pytest.raises(UsageError, match=sentence):
        open_recipe(entry(**split))


@pytest.mark.parametrize("split", [{}, {"by": "block"}, {"validation": 0.7}])
def test_one_image_is_trained_on(tiles, open_recipe, split):
    """A single image or square is held out only by a share of 1."""
    tiles(count=1)
    assert names(open_recipe(entry(**split))) == (["0"], [])


@pytest.mark.parametrize(
    ("split", "count", "sentence"),
    [
        ({}, 1, r"too few images .* of 0.2 for validation, and holds out none; add images, or split by block"),
        ({"by": "block"}, 1, "too few blocks to hold out a share of 0.2 for validation, .*; reduce its block_m"),
        ({"calibration": 0.4}, 2, "too few images to hold out a share of 0.4 for calibration"),
    ],
)
def test_a_share_of_too_few(tiles, open_recipe, split, count, sentence):
    """A share that holds out nothing is reported, rather than a run that differs from its recipe."""
    tiles(count=count)
    data = open_recipe(entry(**split))
    with warned(sentence):
        data.report_mistakes()


@pytest.mark.parametrize("copied", [True, False])
def test_copies_without_a_georeference(write_raster, open_recipe, copied):
    """Copies of training images on another side are reported; images that merely begin alike are not."""
    for number in range(2):
        pixels = np.random.default_rng(number).integers(1, 255, (3, 200, 200), np.uint8)
        for name in ("here", "there"):
            own = pixels.copy()
            own[:, -1, -1] = 0 if name == "here" or copied else 1
            write_raster(f"set/images/{name}_{number}.tif", own, transform=None)
            write_raster(f"set/labels/{name}_{number}.tif", pixels[:1] % 3, transform=None)
    data = open_recipe(entry(validation=["there_*"]))
    sentence = r"here_0.tif \(training\) and .*there_0.tif \(validation\) are copies .* holds for 1 more image\.$"
    with warned(sentence) if copied else nullcontext():
        data.report_mistakes()


def test_a_data_set_for_validation_alone(tiles, open_recipe):
    """A data set may hold out all its images if another has some to train on."""
    tiles()
    tiles(folder="other", west=600_000)
    data = open_recipe(entry(validation=1.0), entry("other", validation=0.0))
    assert [image.data_set for image in data.validation_images()] == ["set"] * 6
    whole = (slice(0, 40), slice(0, 40))
    trained = [read_image(pair, whole)[0] for pair in data.sides[1].training]
    for pixels, _ in islice(data.windows(0, side=40), 5):
        assert any((pixels == image).all() for image in trained)


@pytest.mark.parametrize(("step", "refused"), [(40, False), (39, False), (37, True), (20, True), (0, True)])
def test_overlapping_footprints(tiles, open_recipe, step, refused):
    """Training and validation images may touch, but not overlap."""
    tiles(step)
    if refused:
        with pytest.raises(UsageError, match="show the same ground; split by groups"):
            open_recipe(entry(validation=["2"]))
    else:
        assert names(open_recipe(entry(validation=["2"])))[1] == ["2"]


@pytest.mark.parametrize("by", ["image", "block"])
@pytest.mark.parametrize(("step", "refused"), [(40, False), (20, True)])
def test_overlaps_without_a_crs(tiles, open_recipe, step, refused, by):
    """Images with a transform but no CRS are compared within their data set; blocks need a CRS."""
    tiles(step, crs=None)
    split = {"by": by, "validation": 0.4} | ({"block_m": 20} if by == "block" else {})
    if refused:
        with pytest.raises(UsageError, match=r"show the same ground; .* or give them a CRS and split by block"):
            open_recipe(entry(**split))
    else:
        assert open_recipe(entry(**split)).validation_images()


def test_planes_without_a_crs_are_not_compared(tiles, open_recipe):
    """Without a CRS, the same coordinates in two data sets may be different places."""
    tiles(crs=None)
    tiles(folder="other", crs=None)
    assert len(open_recipe(entry(validation=1.0), entry("other", validation=0.0)).validation_images()) == 6


@pytest.mark.parametrize("transform", [PLACE, None])
def test_one_file_in_two_data_sets(write_raster, open_recipe, tmp_path, transform):
    """A file must not be trained on and held out, by whatever path; it may be on one side of two data sets."""
    for number in range(2):
        place = transform and Affine.translation(100 * number, 0) @ transform
        write_raster(f"set/images/{number}.tif", np.ones((3, 9, 9), np.uint8), transform=place)
        write_raster(f"set/labels/{number}.tif", np.ones((1, 9, 9), np.uint8), transform=place)
    (tmp_path / "link").symlink_to(tmp_path / "set")
    for place in ("set", "link"):
        again = {**entry(place, validation=["1"]), "name": "again"}
        with pytest.raises(UsageError, match=r"0\.tif is for validation \(data set set, image 0\) .* again"):
            open_recipe(entry(validation=["0"]), again)
    both = open_recipe(entry(validation=["1"]), {**entry("link", validation=["1"]), "name": "again"})
    assert len(both.validation_images()) == 2


def test_overlaps_between_data_sets(tiles, open_recipe):
    """A data set must not train on images held out of another; groups and blocks resolve overlaps within one."""
    tiles(step=20, count=4)
    tiles(step=20, count=4, folder="other")
    groups = {"w": ["0", "1"], "e": ["2", "3"]}
    blocks = {"by": "block", "block_m": 30, "validation": 0.4}
    with pytest.raises(UsageError, match=r"\(data set other, training\) and .* \(data set set, validation\)"):
        open_recipe(entry(**blocks), entry("other", validation=0.0))
    with pytest.raises(UsageError, match="show the same ground"):
        open_recipe(entry(by="group", groups=groups, validation=["e"]))
    assert open_recipe(entry(**blocks)).validation_images()


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("other", "refused"), [({}, False), ({"block_m": 20}, True), ({"validation": 0.5}, True)])
def test_blocks_of_two_data_sets(write_raster, open_recipe, suffix, other, refused):
    """Two data sets may label one image if equal blocks divide them alike, so that no ground is on both sides."""
    rng, place = np.random.default_rng(0), PLACE if suffix == ".tif" else None
    write_raster(f"images/a{suffix}", rng.integers(1, 255, (3, 130, 170), np.uint8), transform=place)
    split, data_sets = {"by": "block", "block_m": 30, "validation": 0.3}, []
    for name, changes in (("roads", {}), ("water", other)):
        write_raster(f"{name}/a{suffix}", rng.integers(0, 3, (1, 130, 170), np.uint8), transform=place)
        data_sets.append({"name": name, "images": "images", "labels": name, "split": split | changes})
    if refused:
        with pytest.raises(UsageError, match="use it for one of them"):
            open_recipe(*data_sets)
        return
    whole = (slice(0, 130), slice(0, 170))
    trained, held_out = (
        [read_labels(pair, whole) != 3 for sides in open_recipe(*data_sets).sides for pair in getattr(sides, side)]
        for side in ("training", "validation")
    )
    assert len(trained) == len(held_out) == 2
    assert not (np.any(trained, axis=0) & np.any(held_out, axis=0)).any()


@pytest.mark.parametrize("placed", [True, False])
def test_blocks_part_the_labels(write_raster, open_recipe, placed):
    """Each labelled pixel is on exactly one side, together with its whole square."""
    rng = np.random.default_rng(2)
    suffix, transform = (".tif", Affine(1, 0, 500_017, 0, -1, 5_400_003)) if placed else (".png", None)
    write_raster(f"set/images/a{suffix}", rng.integers(0, 255, (3, 130, 170), np.uint8), transform=transform)
    labels = rng.integers(0, 3, (1, 130, 170), np.uint8)
    write_raster(f"set/labels/a{suffix}", labels, transform=transform)
    data = open_recipe(entry(by="block", block_m=50, validation=0.3))
    whole = (slice(0, 130), slice(0, 170))
    (training,), (validation,) = data.sides[0].training, data.sides[0].validation
    kept, held_out = read_labels(training, whole), read_labels(validation, whole)
    np.testing.assert_array_equal((kept == 3) ^ (held_out == 3), True)
    np.testing.assert_array_equal(np.where(kept == 3, held_out, kept), labels[0])
    x, y = (np.arange(170) + 0.5 + 17, -np.arange(130) - 0.5 + 3) if placed else (np.arange(170), np.arange(130))
    # 500,000 and 5,400,000 are whole numbers of squares.
    squares = np.floor(y / 50)[:, None] * 1000 + np.floor(x / 50)
    for square in np.unique(squares):
        assert len(np.unique(kept[squares == square] == 3)) == 1
    assert 0.05 < (held_out != 3).mean() < 0.6


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_blocks_for_calibration(write_raster, open_recipe, suffix):
    """Each labelled pixel is on one of three sides, also where images are kept in memory."""
    rng = np.random.default_rng(2)
    transform = PLACE if suffix == ".tif" else None
    write_raster(f"set/images/a{suffix}", rng.integers(0, 255, (3, 130, 170), np.uint8), transform=transform)
    labels = rng.integers(0, 3, (1, 130, 170), np.uint8)
    write_raster(f"set/labels/a{suffix}", labels, transform=transform)
    data = open_recipe(entry(by="block", block_m=30, validation=0.3, calibration=0.2))
    (training,), (validation,), (calibration,) = (
        data.sides[0].training,
        data.validation_images(),
        data.calibration_images(),
    )
    kept = [read_labels(training, WHOLE), validation.read()[1], calibration.read()[1]]
    np.testing.assert_array_equal(sum((part != 3).astype(int) for part in kept), 1)
    np.testing.assert_array_equal(np.min(kept, axis=0), labels[0])
    assert all(0.05 < (part != 3).mean() < 0.8 for part in kept)


def test_ground_is_held_out_at_every_pixel_size(write_raster, open_recipe):
    """An image that is trained at two pixel sizes, of which the coarser hits fewer squares, is divided once."""
    image = np.random.default_rng(0).integers(1, 255, (3, 900, 1021), np.uint8)
    write_raster("set/images/a.png", image, transform=None)
    write_raster("set/labels/a.png", np.ones((1, 900, 1021), np.uint8), transform=None)
    split = {"by": "block", "block_m": 100, "validation": 0.2}
    entry = {"name": "set", "images": "set", "split": split, "gsd_m": 0.3, "train_gsd_m": [0.3, 0.6]}
    data = open_recipe(entry, card={"gsd_m": 0.3})
    (validation,), levels = data.sides[0].validation, data.sides[0].levels
    assert [level[0].shape for level in levels] == [(900, 1021), (450, 510)]
    for (pair,) in levels:
        assert pair.part.held_out == validation.part.held_out


@pytest.mark.parametrize(("suffix", "step"), [(".png", 1.0), (".png", 0.96), (".tif", 1.0)])
def test_held_out_ground_is_trained_on_at_no_pixel_size(write_raster, open_recipe, step, suffix):
    """Every level leaves out the held-out pixels, even if its GSD is so near to the image's that the grid is kept."""
    rng = np.random.default_rng(0)
    place = None if suffix == ".png" else PLACE
    write_raster(f"set/images/a{suffix}", rng.integers(1, 255, (3, 200, 200), np.uint8), transform=place)
    write_raster(f"set/labels/a{suffix}", np.ones((1, 200, 200), np.uint8), transform=place)
    split = {"by": "block", "block_m": 10 * step, "validation": 0.3}
    entry = {"name": "set", "images": "set", "split": split, "train_gsd_m": [1.03 * step, 2 * step]}
    data = open_recipe(entry | ({"gsd_m": step} if place is None else {}), card={"gsd_m": 1.0})
    (validation,) = data.sides[0].validation
    held_out = validation.part.contains((slice(0, 200), slice(0, 200)))
    for (pair,), size in zip(data.sides[0].levels, (200, 100), strict=True):
        trained = pair.part.contains((slice(0, size), slice(0, size)))
        np.testing.assert_array_equal(trained.repeat(200 // size, 0).repeat(200 // size, 1), ~held_out)


@pytest.mark.parametrize(("crs", "north", "gsd_m"), [("EPSG:3857", 8_366_000, 0.5), ("EPSG:32633", 5_400_000, 1.0)])
def test_blocks_are_metres_on_the_ground(write_raster, open_recipe, crs, north, gsd_m):
    """A square is `block_m` wide on the ground, where Web Mercator is twice as large too, and images share squares."""
    for number in range(2):
        place = Affine(1, 0, 500_000 + 300 * number, 0, -1, north)
        rng = np.random.default_rng(number)
        write_raster(f"set/images/{number}.tif", rng.integers(0, 255, (3, 300, 300), np.uint8), transform=place,
                     crs=crs)  # fmt: skip
        write_raster(f"set/labels/{number}.tif", np.ones((1, 300, 300), np.uint8), transform=place, crs=crs)
    data = open_recipe(entry(by="block", block_m=50, validation=0.3), card={"gsd_m": gsd_m})
    west, east = data.sides[0].training
    assert west.part.ground.squares == east.part.ground.squares
    across, _ = west.part.ground.numbers(np.zeros((1, 1)), np.arange(300)[None] + 0.5)
    assert across.max() - across.min() == pytest.approx(300 * gsd_m / 50, abs=1)


def test_images_smaller_than_squares_stay(tiles, open_recipe):
    """Whatever the size of the squares, each image is on one side or on both."""
    tiles()
    for block_m in (30, 700, 1e5):
        training, validation = names(open_recipe(entry(by="block", block_m=block_m, validation=0.4)))
        assert set(training) | set(validation) == set("012345")


@given(st.floats(-30, 30), st.floats(0.3, 3), st.sampled_from(["EPSG:32633", "EPSG:4326", "EPSG:25832"]))
@example(1.0, 1.6875, "EPSG:25832")
@example(0.0, 2.1015625, "EPSG:4326")
@settings(deadline=None, derandomize=True, max_examples=30)
def test_images_agree_on_blocks(angle, gsd_m, crs):
    """Whatever an image's grid and CRS, its squares are those of the common CRS."""
    squares = CRS.from_epsg(32633)
    x, y = Transformer.from_crs("EPSG:32633", crs, always_xy=True).transform(500_000, 5_400_000)
    step = gsd_m / (111_000 if crs == "EPSG:4326" else 1)
    turned = Affine.translation(x, y) @ Affine.rotation(angle) @ Affine.scale(step, -step)
    side_px = (17 / gsd_m, 17 / gsd_m)
    grid, layout = GeoBox((40, 40), turned, crs), Squares(crs=squares, side=17.0)
    ground = Ground(name="a", grid=grid, squares=layout, side_px=side_px)
    blocks = ground.blocks((40, 40))
    held_out = frozenset(sorted(blocks)[::2])
    parted = HeldOut(validation=held_out, calibration=frozenset())
    mask = Blocks(ground=ground, held_out=parted, side="training").contains((slice(0, 40), slice(0, 40)))
    rows, cols = np.mgrid[:40, :40] + 0.5
    x, y = Transformer.from_crs(crs, "EPSG:32633", always_xy=True).transform(*(turned @ (cols, rows)))
    exact = np.floor(x / 17).astype(int).ravel(), np.floor(y / 17).astype(int).ravel()
    numbers = [("", int(i), int(j)) for i, j in zip(*exact, strict=True)]
    assert blocks <= set(numbers)
    np.testing.assert_array_equal(mask.ravel(), [number not in held_out for number in numbers])


def test_images_at_the_antimeridian(write_raster, open_recipe):
    """An image that crosses it shows its own ground only, and not that of all longitudes."""
    rng, zone = np.random.default_rng(0), {"crs": "EPSG:32760"}
    across = Affine(10, 0, 817_400, 0, -10, 8_000_000)
    far = Affine(10, 0, 300_000, 0, -10, 8_000_000)
    for name, place in (("across", across), ("far", far)):
        write_raster(f"set/images/{name}.tif", rng.integers(1, 255, (3, 40, 40), np.uint8), transform=place, **zone)
        write_raster(f"set/labels/{name}.tif", np.ones((1, 40, 40), np.uint8), transform=place, **zone)
    outline = footprint(GeoBox((40, 40), across, "EPSG:32760"))
    assert len(shapely.get_parts(outline)) == 2
    assert outline.area < 0.001
    card = {"gsd_m": 10.0}
    assert names(open_recipe(entry(validation=["far"]), card=card)) == (["across"], ["far"])
    with_degrees = GeoBox((9, 9), Affine(1e-4, 0, -179.9999, 0, -1e-4, outline.bounds[3] - 1e-3), "EPSG:4326")
    assert footprint(with_degrees).intersects(outline)


@pytest.mark.parametrize(("north", "code"), [(85.0, 5041), (-85.0, 5042), (48.0, 32633)])
def test_squares_of_images_in_degrees(write_raster, open_recipe, north, code):
    """Their squares are those of the UTM zone, or beyond these of the polar stereographic grid."""
    place = Affine(1e-4, 0, 15.0, 0, -1e-5, north)
    write_raster("set/images/a.tif", np.random.default_rng(0).integers(1, 255, (3, 90, 90), np.uint8), transform=place,
                 crs="EPSG:4326")  # fmt: skip
    write_raster("set/labels/a.tif", np.ones((1, 90, 90), np.uint8), transform=place, crs="EPSG:4326")
    data = open_recipe(entry(by="block", block_m=30, validation=0.3))
    assert data.sides[0].training[0].part.ground.squares.crs.to_epsg() == code

import numpy as np
from PIL import Image

from geoseg.models.legend import AERIAL, Legend, LegendClass
from geoseg.training.report import write_scene_frame, write_tile_pictures
from geoseg.training.report.pictures import GAP, MAX_SIDE, TILE_SIDE, class_picture, photograph
from geoseg.training.run.best_and_worst import ScoredTile

COLOURS = np.array([entry.rgb for entry in AERIAL.classes])


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def drawn(shape, values=5, seed=0):
    return np.random.default_rng(seed).integers(0, values, shape, dtype=np.uint8)


def scored(name, image, truth, found):
    source, row, column = name.rsplit(" ", 2)
    return ScoredTile(
        source=source, row=int(row), column=int(column), accuracy=0.25, image=image, reference=truth, predicted=found
    )


def test_scene_frame(tmp_path):
    """The pictures of an epoch show the pixels as they are, and each class in the legend's colour."""
    image, truth, plain, blended = drawn((20, 30, 4), 255), drawn((20, 30)), drawn((20, 30), seed=1), drawn((20, 30))
    write_scene_frame(tmp_path, 15, image, truth, plain, blended, AERIAL)
    folder = tmp_path / "scene"
    assert {path.name for path in folder.iterdir()} == {
        "image.png",
        "reference.png",
        "epoch_0015_plain.png",
        "epoch_0015_blended.png",
    }
    np.testing.assert_array_equal(pixels(folder / "image.png"), image[..., :3])
    np.testing.assert_array_equal(pixels(folder / "reference.png"), COLOURS[truth])
    np.testing.assert_array_equal(pixels(folder / "epoch_0015_plain.png"), COLOURS[plain])
    np.testing.assert_array_equal(pixels(folder / "epoch_0015_blended.png"), COLOURS[blended])


def test_what_is_no_class_is_hatched():
    """Label values beyond the legend are drawn in stripes of two greys, which no class of the legend has."""
    truth = np.full((40, 40), 7, np.uint8)
    truth[:10] = 2
    shown = np.asarray(class_picture(truth, AERIAL, MAX_SIDE).convert("RGB"))
    np.testing.assert_array_equal(shown[:10], np.broadcast_to(COLOURS[2], (10, 40, 3)))
    found = np.unique(shown[10:].reshape(-1, 3), axis=0)
    assert len(found) == 2
    assert not set(map(tuple, found)) & set(map(tuple, COLOURS))
    assert all(red == green == blue for red, green, blue in found)


def test_tile_picture(tmp_path):
    """Image, truth and prediction of a tile stand side by side, with a gap."""
    image, truth, prediction = drawn((12, 10, 3), 255), drawn((12, 10)), drawn((12, 10), seed=2)
    [entry] = write_tile_pictures(tmp_path, "worst", [scored("a 0 0", image, truth, prediction)], AERIAL)
    shown = pixels(tmp_path / "tiles" / entry["file"])
    assert shown.shape == (12, 3 * 10 + 2 * GAP, 3)
    for number, expected in enumerate((image, COLOURS[truth], COLOURS[prediction])):
        left = number * (10 + GAP)
        np.testing.assert_array_equal(shown[:, left : left + 10], expected)
    assert (shown[:, 10 : 10 + GAP] == 255).all()


def test_every_tile_has_a_picture_of_its_own(tmp_path):
    """Images whose names differ in what file names cannot hold do not share a file; entries say whose each is."""
    names = ["город 1 (set) 64 0", "район 1 (set) 64 0", "site a (set) 0 32", "site_a (set) 0 32"]
    tiles = [scored(name, drawn((9, 9, 3), 255, n), drawn((9, 9)), drawn((9, 9))) for n, name in enumerate(names)]
    entries = write_tile_pictures(tmp_path, "worst", tiles[:2], AERIAL)
    entries += write_tile_pictures(tmp_path, "best", tiles[2:], AERIAL)
    assert [f"{entry['image']} {entry['row']} {entry['column']}" for entry in entries] == names
    assert {entry["accuracy"] for entry in entries} == {0.25}
    for tile, entry in zip(tiles, entries, strict=True):
        np.testing.assert_array_equal(pixels(tmp_path / "tiles" / entry["file"])[:, :9], tile.image)


def test_large_pictures_are_reduced(tmp_path):
    """A scene of any size becomes a picture of bounded size; class maps gain no colour by that."""
    truth = drawn((900, 2500))
    assert class_picture(truth, AERIAL, MAX_SIDE).size == (MAX_SIDE, round(900 * MAX_SIDE / 2500))
    shown = np.asarray(class_picture(truth, AERIAL, MAX_SIDE).convert("RGB")).reshape(-1, 3)
    assert set(map(tuple, np.unique(shown, axis=0))) <= set(map(tuple, COLOURS))
    wide = scored("wide 0 0", drawn((400, 800, 3)), drawn((400, 800)), drawn((400, 800)))
    [entry] = write_tile_pictures(tmp_path, "best", [wide], AERIAL)
    assert pixels(tmp_path / "tiles" / entry["file"]).shape == (TILE_SIDE // 2, 3 * TILE_SIDE + 2 * GAP, 3)


def test_other_pixels():
    """One band is shown in grey, and numbers beyond 0–255 as the nearest that can be shown."""
    image = np.array([[[-3.0], [100.4], [300.0]]], np.float32)
    np.testing.assert_array_equal(np.asarray(photograph(image, 10))[0], [[0] * 3, [100] * 3, [255] * 3])


def test_many_classes():
    """A legend that takes the whole palette is shown, and pixels of no class are hatched."""
    legend = Legend(classes=tuple(LegendClass(name=str(n), colour=f"#{n:02x}0000") for n in range(254)))
    shown = np.asarray(class_picture(np.array([[0, 201, 253, 255]], np.uint8), legend, 10).convert("RGB"))
    np.testing.assert_array_equal(shown[0, :3], [[0, 0, 0], [201, 0, 0], [253, 0, 0]])
    assert tuple(shown[0, 3]) in {(206,) * 3, (238,) * 3}

import os
from pathlib import Path

import pytest

from geoseg.datasets.listing import find_images
from geoseg.datasets.pairs import find_pairs
from geoseg.errors import DataError

LAYOUTS = {
    "labels": (
        ["images/a.tif", "images/b.tif", "labels/a.tif", "labels/b.png", "labels/c.tif", "images/a.tif.aux.xml"],
        {"a": ("images/a.tif", "labels/a.tif"), "b": ("images/b.tif", "labels/b.png")},
    ),
    "masks": (["images/x/1.jpg", "masks/x/1.png"], {"x/1": ("images/x/1.jpg", "masks/x/1.png")}),
    "gt": (["images/7.tif", "gt/7.tif"], {"7": ("images/7.tif", "gt/7.tif")}),
    "mbrsc": (
        [f"Tile {n}/{kind}/image_part_00{p}.{end}" for n in (1, 2) for p in (1, 2) for kind, end in
         (("images", "jpg"), ("masks", "png"))] + ["classes.json"],
        {f"Tile {n}/image_part_00{p}": (f"Tile {n}/images/image_part_00{p}.jpg", f"Tile {n}/masks/image_part_00{p}.png")
         for n in (1, 2) for p in (1, 2)},
    ),
    "potsdam": (
        ["2_Ortho_RGB/top_potsdam_2_10_RGB.tif", "2_Ortho_RGB/top_potsdam_2_10_RGB.tfw",
         "3_Ortho_IRRG/top_potsdam_2_10_IRRG.tif", "5_Labels_all/top_potsdam_2_10_label.tif"],
        {"top_potsdam_2_10": ("2_Ortho_RGB/top_potsdam_2_10_RGB.tif", "5_Labels_all/top_potsdam_2_10_label.tif")},
    ),
    "vaihingen": (
        ["top/top_mosaic_09cm_area1.tif", "gts_for_participants/top_mosaic_09cm_area1.tif"],
        {"top_mosaic_09cm_area1": ("top/top_mosaic_09cm_area1.tif", "gts_for_participants/top_mosaic_09cm_area1.tif")},
    ),
    "capitals": (
        [f"{town}/{kind}/a.PNG" for town in ("A", "B") for kind in ("Images", "Masks")],
        {f"{town}/a": (f"{town}/Images/a.PNG", f"{town}/Masks/a.PNG") for town in ("A", "B")},
    ),
    "cityscapes": (
        ["leftImg8bit/val/bonn/bonn_0_leftImg8bit.png",
         *(f"gtFine/val/bonn/bonn_0_gtFine_{kind}" for kind in
           ("labelIds.png", "color.png", "instanceIds.png", "polygons.json"))],
        {"val/bonn/bonn_0": (
            "leftImg8bit/val/bonn/bonn_0_leftImg8bit.png", "gtFine/val/bonn/bonn_0_gtFine_labelIds.png")},
    ),
}  # fmt: skip


@pytest.fixture
def lay(tmp_path):
    def lay_(names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return lay_


def found(root, images=".", labels=None):
    pairs = find_pairs(str(root / images), None if labels is None else str(root / labels))
    return {pair.name: tuple(str(path.relative_to(root)) for path in (pair.image, pair.label)) for pair in pairs}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_conventions(lay, layout):
    """Each customary layout is paired without naming the labels, with distinct image names."""
    names, expected = LAYOUTS[layout]
    assert found(lay(names)) == expected


def test_folder_of_images_finds_its_labels(lay):
    """The image folder itself may be given."""
    assert list(found(lay(["images/a.tif", "labels/a.tif"]), "images")) == ["a"]


def test_patterns(lay):
    """Patterns select files of one folder, as in DeepGlobe."""
    root = lay(["train/1_sat.jpg", "train/1_mask.png", "train/2_sat.jpg", "train/2_mask.png"])
    expected = {str(n): (f"train/{n}_sat.jpg", f"train/{n}_mask.png") for n in (1, 2)}
    assert found(root, "train/*_sat.jpg", "train/*_mask.png") == expected
    assert list(found(root, "train/1*_sat.jpg", "train/*_mask.png")) == ["1"]


@pytest.mark.parametrize("suffix", ["RGB", "img", "sat"])
def test_labels_with_the_whole_name_of_an_image(lay, suffix):
    """A suffix of image names may be in the labels' names too; a label of the same name comes first."""
    names = [f"{kind}/{name}_{suffix}.tif" for kind in ("images", "labels") for name in ("a", "x/b")]
    expected = {name: (f"images/{name}_{suffix}.tif", f"labels/{name}_{suffix}.tif") for name in ("a", "x/b")}
    assert found(lay(names)) == expected
    assert found(lay(["labels/a.tif"])) == expected


def test_one_vector_file_for_all_images(lay):
    """A vector file labels every image; vector files in a folder are paired by name."""
    root = lay(["i/a.tif", "i/b.tif", "roads.gpkg", "v/a.geojson", "v/b.geojson"])
    assert {label for _, label in found(root, "i", "roads.gpkg").values()} == {"roads.gpkg"}
    assert found(root, "i", "v")["b"] == ("i/b.tif", "v/b.geojson")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("top_potsdam_2_10_RGB.tif", "top_potsdam_2_10_label_noBoundary.tif"),
        ("top_mosaic_09cm_area1.tif", "top_mosaic_09cm_area1_noBoundary.tif"),
    ],
)
def test_eroded_labels(lay, image, label):
    """Potsdam and Vaihingen labels without boundaries are paired if their folder is given."""
    others = [name.replace("2_10", "2_11").replace("area1", "area11") for name in (image, label)]
    root = lay([f"i/{image}", f"eroded/{label}", f"i/{others[0]}", f"eroded/{others[1]}"])
    expected = {(f"i/{image}", f"eroded/{label}"), (f"i/{others[0]}", f"eroded/{others[1]}")}
    assert set(found(root, "i", "eroded").values()) == expected


def test_two_files_of_different_names(lay):
    """One image file and one label file are paired whatever their names."""
    assert found(lay(["scene.tif", "truth.tif"]), "scene.tif", "truth.tif") == {"scene": ("scene.tif", "truth.tif")}


@pytest.mark.parametrize(
    ("names", "images", "labels", "sentence"),
    [
        (["images/a.tif", "images/b.tif", "labels/a.tif"], ".", None, "1 of 2 images .* has no label .* is b"),
        (["images/a.tif"], ".", None, "has no folder images with labels, masks or gt next to it"),
        (["images/a.tif"], "images", None, "has no folder labels or masks or gt next to it; give the labels"),
        (["2_Ortho_RGB/a_RGB.tif", "a_label.tif"], "2_Ortho_RGB", None, "has no folder 5_Labels_all next to it"),
        (["images/a.tif", "labels/a.tif", "masks/a.tif"], ".", None, "has labels and masks next to it"),
        (["images/a.tif", "labels/a.tif", "Labels/a.tif"], ".", None, "has (L|l)abels and (L|l)abels next to it"),
        (["images/a.tif", "l/a_label.tif", "l/a_label_noBoundary.tif"], "images", "l", "have the same name; select"),
        ([f"{path}/x.tif" for path in ("images/sub", "labels/sub", "sub/images", "sub/labels")], ".", None,
         r"/images/sub/x\.tif and .*/sub/images/x\.tif are both named sub/x; give each folder"),
        (["images/a.txt", "labels/a.tif"], ".", None, "holds no images"),
        (["images/a.tif", "images/a.png", "labels/a.tif"], ".", None, "have the same name"),
        (["a.tif"], "a.tif", None, "is not a folder; give its labels"),
        (["a.tif"], "b.tif", "a.tif", r"b\.tif does not exist"),
        (["images/a.tif", "labels/a.tif"], "images/**.tif", "labels",
         r"images/\*\*\.tif is not a valid pattern; `\*\*` stands for folders, as in .*/images/\*\*/\*\.tif\.$"),
    ],
)  # fmt: skip
def test_what_cannot_be_paired(lay, names, images, labels, sentence):
    """Missing or ambiguous files are errors, and are not skipped."""
    with pytest.raises(DataError, match=sentence):
        found(lay(names), images, labels)


def test_links_to_folders(tmp_path):
    """Images behind a link to a folder are found, once each, also where links lead back to where they are."""
    store, data = tmp_path / "store", tmp_path / "data"
    for kind in ("images", "labels"):
        (store / kind).mkdir(parents=True)
        (store / kind / "a.tif").touch()
        (data / kind).mkdir(parents=True)
        (data / kind / "town").symlink_to(store / kind)
        (data / kind / "town_again").symlink_to(store / kind)
        (store / kind / "up").symlink_to(data / kind)
    pairs = find_pairs(str(data / "images"), str(data / "labels"))
    assert [pair.name for pair in pairs] == ["town/a"]


def test_folders_that_cannot_be_listed(tmp_path, monkeypatch):
    """A subfolder that is closed is named, not left out; a name that is too long is refused."""
    (tmp_path / "town" / "closed").mkdir(parents=True)
    (tmp_path / "town" / "a.tif").touch()
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"closed cannot be opened \(Permission denied\)"):
        find_images(str(tmp_path / "town"))
    for find in (find_images, find_pairs):
        with pytest.raises(DataError, match=r"cannot be opened \(File name too long\)"):
            find("x" * 300)

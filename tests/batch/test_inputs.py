"""Inputs of a batch: files, patterns, folders, lists and STAC documents become scenes, labels and results do not."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from web_server import serving

import geoseg
from geoseg.batch.inputs import find_scenes
from geoseg.errors import DataError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Make empty files in the working folder, which have to have names only."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def test_files_and_urls_are_taken_as_they_are(place):
    """What is named itself is a scene, whether or not it exists, and whatever its name says."""
    place("a_label.tif", "[b].tif")
    named = ["a_label.tif", "[b].tif", "nowhere.tif", "https://a.example/x*.tif?y", "/vsizip/a.zip/b*.tif"]
    assert find_scenes(named) == named


def test_a_scene_counts_once(place, tmp_path):
    """A file that several inputs name is one scene, at its first place."""
    place("in/b.tif", "in/a.tif")
    assert find_scenes(["in/b.tif", "in", "in/*.tif", str(tmp_path / "in" / "a.tif")]) == ["in/b.tif", "in/a.tif"]


def test_scenes_behind_links_are_others(tmp_path):
    """Two files are two scenes, though one of their paths would be the other's if its folder were no link."""
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/folder")
    (tmp_path / "scene.tif").touch()
    (tmp_path / "deep" / "scene.tif").touch()
    given = [str(tmp_path / "scene.tif"), f"{tmp_path}/link/../scene.tif"]
    assert find_scenes(given) == given


@pytest.mark.parametrize("given", ["in", "in/*.tif"])
def test_links_that_lead_nowhere(place, tmp_path, given):
    """They are scenes, which fail by name: with a disk that is not mounted, a part of a folder is not left out."""
    place("in/a.tif")
    (tmp_path / "in" / "b.tif").symlink_to(tmp_path / "elsewhere" / "b.tif")
    assert find_scenes([given]) == ["in/a.tif", "in/b.tif"]


def test_folders_and_patterns(place):
    """A folder's rasters are scenes at any depth, those of a pattern where it says; hidden ones are not."""
    place("in/b.tif", "in/deep/er/a.JP2", "in/.work.geoseg/piece.tif", "in/note.md", "in/.hidden.tif")
    assert find_scenes(["in"]) == ["in/b.tif", "in/deep/er/a.JP2"]
    assert find_scenes(["in/*.tif"]) == ["in/b.tif"]
    assert find_scenes(["in/**/*.JP2"]) == ["in/deep/er/a.JP2"]


@pytest.mark.parametrize("given", ["empty", "empty/*.tif"])
def test_nothing_found(place, given):
    """A folder or pattern without scenes is an error that names it."""
    place("empty/note.md")
    with pytest.raises(DataError, match="empty"):
        find_scenes([given])


def test_a_list(place):
    """A list names any inputs, relative to itself; empty lines and comments count for nothing."""
    place("data/a.tif", "data/more/b.tif", "data/more/c.tif")
    Path("data/list.txt").write_text("# night\n\n  a.tif  \nmore\nhttps://a.example/x.tif\nmore/[c].tif\n")
    assert find_scenes(["data/list.txt"]) == [
        "data/a.tif", "data/more/b.tif", "data/more/c.tif", "https://a.example/x.tif",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "found"),
    [(None, "does not exist"), (b"", "lists no scenes"), (b"\xff\xfe", "cannot be read"), (b"b.txt\n", "another list")],
)
def test_a_list_that_is_none(place, content, found):
    """A list that is missing, empty, no text, or names lists is an error that names it."""
    if content is not None:
        Path("a.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.txt.*{found}"):
        find_scenes(["a.txt"])


POTSDAM = [
    *(f"{folder}/top_potsdam_{tile}_{form}.tif" for tile in ("2_10", "7_7") for folder, form in [
        ("2_Ortho_RGB", "RGB"), ("3_Ortho_IRRG", "IRRG"), ("4_Ortho_RGBIR", "RGBIR"), ("5_Labels_all", "label"),
        ("5_Labels_all_noBoundary", "label_noBoundary"),
    ]),
    "1_DSM/dsm_potsdam_02_10.tif",
    "1_DSM_normalisation/dsm_potsdam_02_10_normalized_lastools.jpg",
]  # fmt: skip
"""Names that two tiles of ISPRS Potsdam ship with."""


@pytest.mark.parametrize("flat", [False, True])
def test_potsdam(place, flat):
    """Of the folder as it ships, or all of it in one, the RGB image of each tile is a scene; nothing else is."""
    names = [f"data/{Path(name).name if flat else name}" for name in POTSDAM]
    place(*names)
    assert find_scenes(["data"]) == [name for name in names if name.endswith("_RGB.tif")]


def test_potsdam_twice(place):
    """Images of the same tile in two folders, as at two resolutions, are all scenes."""
    names = [f"{size}/top_potsdam_2_10_{form}.tif" for size in ("coarse", "fine") for form in ("IRRG", "RGB")]
    place(*names)
    assert find_scenes(["."]) == names[1::2]


def test_potsdam_without_red_green_blue(place):
    """Infrared beside red, green and blue serves as well; infrared in the place of red is never taken unasked."""
    names = [f"data/{name}" for name in POTSDAM if "_RGB." not in name]
    place(*names)
    assert find_scenes(["data"]) == [name for name in names if "RGBIR." in name]
    for name in names:
        if "RGBIR." in name:
            Path(name).unlink()
    with pytest.raises(DataError, match=r"IRRG\.tif shows infrared, red and green by its name"):
        find_scenes(["data"])
    assert find_scenes([names[1]]) == [names[1]]


def test_labels_are_no_scenes(place):
    """Labels in customary folders beside images, and those named after an image, are left out; others are not."""
    place(
        "images/a.tif", "labels/a.tif", "one/b_RGB.tif", "one/b_label.tif", "one/c_mask.tif", "labels_of/d.tif",
        "one/b_classes.tif", "one/f_classes.tif", "town/leftImg8bit/x/e_leftImg8bit.png",
        "town/gtFine/x/e_gtFine_labelIds.png",
        "town/gtFine/x/e_gtFine_color.png",
    )  # fmt: skip
    assert find_scenes(["."]) == [
        "images/a.tif", "labels_of/d.tif", "one/b_RGB.tif", "one/c_mask.tif", "one/f_classes.tif",
        "town/leftImg8bit/x/e_leftImg8bit.png",
    ]  # fmt: skip


def test_results_are_no_scenes(write_scene, write_bundle, echo, noise, tmp_path):
    """Class rasters and probabilities beside a scene are not predicted in turn, even under other names."""
    scene = write_scene(noise(40, 50))
    geoseg.predict(scene, folder=tmp_path / "maps", model=write_bundle(), load=echo, confidence=True)
    (tmp_path / "maps" / "scene_classes.tif").rename(tmp_path / "town.tif")
    assert find_scenes([str(tmp_path)]) == [str(scene)]
    with pytest.raises(DataError, match="only label rasters or results"):
        find_scenes([str(tmp_path / "maps")])


def test_stac(place):
    """With an asset's key, the items of a document are scenes."""
    place("a.tif", "b.tif")
    items = [{"type": "Feature", "id": name, "assets": {"visual": {"href": f"./{name}.tif"}}} for name in "ab"]
    Path("items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    found = find_scenes(["items.json", "items.json"], asset="visual")
    assert [(each.name, each.source) for each in found] == [("a", "a.tif"), ("b", "b.tif")]


def test_damaged_files_are_scenes(place, write_scene):
    """What cannot be opened is not left out in silence: its prediction says why."""
    place("in/a.tif")
    write_scene(np.zeros((3, 8, 8), np.uint8), "in/b.tif")
    assert find_scenes(["in"]) == ["in/a.tif", "in/b.tif"]


def test_a_list_from_windows(place):
    """A byte order mark is no part of the first name."""
    place("data/a.tif")
    Path("data/list.txt").write_bytes(b"\xef\xbb\xbfa.tif\r\n")
    assert find_scenes(["data/list.txt"]) == ["data/a.tif"]


def test_a_list_of_names_with_colons(place):
    """A file in the list's folder is meant, also if its name looks like a driver of GDAL."""
    place("data/12:30.tif")
    Path("data/list.txt").write_text("12:30.tif\nNETCDF:x.nc:rgb\n")
    assert find_scenes(["data/list.txt"]) == ["data/12:30.tif", "NETCDF:x.nc:rgb"]


def test_what_a_folder_holds_is_opened_as_scenes_are(place):
    """A file that would ask a server asks none, and one whose name is no UTF-8 is a scene that will fail."""
    with serving(Path()) as server:
        text = f"<WCS_GDAL><ServiceURL>{server.url('wcs')}?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>"
        place("data/b.tif")
        Path("data/b.tif").write_text(text)
        odd = os.fsdecode(b"data/caf\xe9.tif")
        Path(odd).touch()
        assert find_scenes(["data"]) == ["data/b.tif", odd]
        assert not server.asked()

"""Files are paired by name, and unpaired ones are reported."""

from pathlib import Path

import pytest

from geoseg.errors import DataError, UsageError
from geoseg.evaluation.pairing import pair_rasters


@pytest.fixture
def folders(tmp_path):
    """Make two folders of empty files."""

    def make(ours, theirs):
        for folder, names in (("maps", ours), ("truth", theirs)):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path / "maps", tmp_path / "truth"

    return make


def test_names_without_suffix_and_ending(folders):
    """`a_classes.tif` matches `a.png`, and `b.tif` next to it is no class raster; unpaired files are reported."""
    ours = ["a_classes.tif", "a_classes.tif.aux.xml", "a_classes.qml", "a_probabilities.tif", "b_classes.tif", "b.tif"]
    pairs, notes = pair_rasters(*folders(ours, ["a.png", "b.tif"]))
    assert [(pair.name, pair.predicted.name, pair.reference.name) for pair in pairs] == [
        ("a", "a_classes.tif", "a.png"),
        ("b", "b_classes.tif", "b.tif"),
    ]
    assert pairs[0].probabilities.name == "a_probabilities.tif"
    assert pairs[0].confidence is None
    assert not notes


def test_probabilities_are_no_class_rasters(folders):
    """Next to class rasters without geoseg's suffix, files of their probabilities do not lack a counterpart."""
    ours = ["a.tif", "a_probabilities.tif", "b.tif", "b_confidence.tif", "c_confidence.tif"]
    pairs, notes = pair_rasters(*folders(ours, ["a.png", "b.tif"]))
    assert [pair.probabilities and pair.probabilities.name for pair in pairs] == ["a_probabilities.tif", None]
    (note,) = notes
    assert note.endswith("without a counterpart: c_confidence.")


def test_marks_of_images_and_labels(folders):
    """Files left over are matched without marks, as in training; renderings of the same labels are no reference."""
    ours = ["top_2_10_RGB_classes.tif", "top_2_11_RGB_classes.tif", "a_mask_classes.tif", "b_leftImg8bit_classes.tif"]
    theirs = ["top_2_10_label.tif", "a_mask.tif", "b_gtFine_labelIds.png", "b_gtFine_color.png"]
    pairs, notes = pair_rasters(*folders(ours, theirs))
    assert [(pair.name, pair.predicted.name, pair.reference.name) for pair in pairs] == [
        ("a_mask", "a_mask_classes.tif", "a_mask.tif"),
        ("b", "b_leftImg8bit_classes.tif", "b_gtFine_labelIds.png"),
        ("top_2_10", "top_2_10_RGB_classes.tif", "top_2_10_label.tif"),
    ]
    (note,) = notes
    assert note.endswith("without a counterpart: top_2_11_RGB.")


@pytest.mark.parametrize(
    ("ours", "theirs", "several"),
    [
        (["a_RGB.tif", "a_IRRG.tif"], ["a_label.tif"], "a_IRRG, a_RGB"),
        (["a.tif", "a_RGB.tif"], ["a.tif", "a_label.tif"], "a, a_RGB"),
        (["a_RGB.tif"], ["a_label.tif", "a_mask.tif"], "a_label, a_mask"),
    ],
)
def test_marks_that_leave_one_name(folders, ours, theirs, several):
    """Files with the same name without marks are refused."""
    with pytest.raises(DataError, match=f"{several} in .* share the name a; keep only one"):
        pair_rasters(*folders(ours, theirs))


def test_patterns_select_files(folders):
    """A glob pattern stands for the files that it matches; one that matches none is an error, as for a folder."""
    maps, truth = folders(["a_1_classes.tif", "a_2_classes.tif", "b_1_classes.tif"], ["a_1.tif", "a_2.tif", "b_1.tif"])
    pairs, notes = pair_rasters(maps / "*_1_classes.tif", truth)
    assert [pair.name for pair in pairs] == ["a_1", "b_1"]
    assert [note.partition(" in ")[0] for note in notes] == ["1"]
    assert [pair.name for pair in pair_rasters(maps, truth / "a_?.tif")[0]] == ["a_1", "a_2"]
    with pytest.raises(DataError, match=r"c_\*\.tif holds no rasters \(\.img, .*\.vrt\)\."):
        pair_rasters(maps / "c_*.tif", truth)
    with pytest.raises(DataError, match=r"_1_classes\.tif is a pattern and .*a_1\.tif is a file"):
        pair_rasters(maps / "*_1_classes.tif", truth / "a_1.tif")


def test_brackets_in_a_name_are_no_pattern(folders):
    """A file or folder that exists is taken as it is named."""
    maps, truth = folders(["a[1]_classes.tif"], ["a[1].tif"])
    (pair,), _ = pair_rasters(maps / "a[1]_classes.tif", truth / "a[1].tif")
    assert pair.name == "a[1]"


def test_left_overs_are_told(folders):
    """Unpaired files of either side are counted and named."""
    pairs, notes = pair_rasters(*folders(["a.tif", "b.tif"], ["b.tif", "c.tif", "d.tif"]))
    assert [pair.name for pair in pairs] == ["b"]
    assert len(notes) == 2
    assert "1 in" in notes[0]
    assert "a" in notes[0]
    assert "2 in" in notes[1]
    assert "c, d" in notes[1]


def test_two_files_need_no_names_in_common(folders):
    """Two files are a pair, whatever their names; confidence is found next to the prediction."""
    maps, truth = folders(["x_classes.tif", "x_confidence.tif"], ["y.tif"])
    (pair,), notes = pair_rasters(maps / "x_classes.tif", truth / "y.tif")
    assert (pair.name, pair.confidence.name, notes) == ("x", "x_confidence.tif", [])


def test_what_cannot_be_paired(folders):
    """Missing paths, a file against a folder, unmatched names and ambiguous names are refused."""
    maps, truth = folders(["a.tif", "b.tif", "b.png"], ["c.tif"])
    with pytest.raises(DataError, match="does not exist"):
        pair_rasters(maps / "nothing.tif", truth)
    with pytest.raises(DataError, match=r"is a folder and .*c\.tif is a file"):
        pair_rasters(maps, truth / "c.tif")
    with pytest.raises(DataError, match="share a name"):
        pair_rasters(maps, truth)
    (maps / "b.png").unlink()
    with pytest.raises(DataError, match=r"no raster in .*maps \(a, b\) matches one in .*truth \(c\) by name"):
        pair_rasters(maps, truth)


def test_urls_are_refused(tmp_path):
    """A URL is no file, and is named as it was given."""
    with pytest.raises(UsageError, match=r"^https://host/a\.tif is a URL; only files on disk can be evaluated\.$"):
        pair_rasters(tmp_path, Path("https://host/a.tif"))

"""Values of predictions and references are mapped by legend, coding and options."""

import numpy as np
import pytest

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import UsageError
from geoseg.evaluation import Criteria
from geoseg.evaluation.class_mapping import map_classes
from geoseg.models.legend import AERIAL


def decoded(codes, values):
    return codes.decode(np.array(values))[0].tolist()


def test_ids_of_a_legend():
    """Ids of the legend and nodata are kept; others are unknown."""
    found = map_classes(AERIAL)
    assert found.classes == found.bands == 5
    ids, unknown, _ = found.reference.decode(np.array([0, 4, 5, 255, -1, 70_000]))
    assert ids[:2].tolist() == [0, 4]
    assert unknown.tolist() == [False, False, True, False, True, True]
    bytes_in = np.array([0, 4, 5, 255], np.uint8)
    np.testing.assert_array_equal(found.reference.decode(bytes_in)[1], unknown[:4])


def test_without_a_legend():
    """Every id below nodata is a class."""
    found = map_classes(None)
    assert (found.names, found.bands, found.classes) == (None, None, 255)
    assert decoded(found.reference, [0, 254, 255]) == [0, 254, 255]


def test_ignored_by_id_and_name():
    """Classes are ignored by id or name, other values by number."""
    found = map_classes(AERIAL, ignore=["road", 4, "99"])
    assert found.ignored == {2, 4}
    assert decoded(found.reference, [2, 99]) == [2, 255]
    assert decoded(map_classes(AERIAL, ignore=["-1"]).reference, [-1, 0]) == [255, 0]
    assert map_classes(AERIAL, ignore="road").ignored == {2}
    assert Criteria(ignore="road").ignore == ("road",)
    with pytest.raises(UsageError, match="no class 'roads': classes are building, land"):
        map_classes(AERIAL, ignore=["roads"])
    with pytest.raises(UsageError, match="has no class names"):
        map_classes(None, ignore=["road"])


def test_coding_goes_by_name():
    """Coded values become the legend's classes by name; those it lacks are unknown, unless ignored."""
    found = map_classes(AERIAL, coding="potsdam")
    assert decoded(found.reference, [0x0000FF, 0x000000]) == [0, 255]
    assert found.reference.decode(np.array([0x00FF00]))[1].all()
    assert found.reference.name_of(0x00FF00) == "colour #00ff00 (tree)"
    assert not map_classes(AERIAL, coding="potsdam", ignore=["tree"]).reference.decode(np.array([0x00FF00]))[1].any()
    own = map_classes(LEGENDS["potsdam"], coding="potsdam", ignore=["clutter"])
    assert own.ignored == {5}
    assert decoded(own.reference, [0xFF0000]) == [5]
    with pytest.raises(UsageError, match="no class 17: classes are impervious surface"):
        map_classes(LEGENDS["potsdam"], coding="potsdam", ignore=["17"])
    with pytest.raises(UsageError, match="coding 'berlin' is unknown; choose one of "):
        map_classes(AERIAL, coding="berlin")


@pytest.mark.parametrize("single", [None, "car"])
def test_near_colours(single):
    """Colours near those of the ISPRS labels are read as them, and reported; others are unknown."""
    found = map_classes(LEGENDS["potsdam"], coding="potsdam", single=single)
    ids, unknown, near = found.reference.decode(np.array([0xFFFF00, 0xFCFF00, 0x09DEDD, 0x060200]))
    assert ids.tolist() == ([4, 4, 2, 255] if single is None else [1, 1, 0, 255])
    assert (unknown.any(), near.tolist()) == (False, [False, True, True, True])
    assert found.reference.decode(np.array([0x80FF00])).unknown.all()


def test_coding_without_a_legend():
    """A prediction without a legend has the coding's classes, in its order."""
    found = map_classes(None, coding="cityscapes")
    assert found.names == LEGENDS["cityscapes"].names
    assert decoded(found.reference, [0, 7, 33]) == [255, 0, 18]


@pytest.mark.parametrize("single", ["road=1", "2=1"])
def test_one_class_against_all_others(single):
    """One class, by name or id, is compared with one value, and all others with all others except nodata."""
    found = map_classes(AERIAL, single=single, ignore=["7"])
    assert found.names == ("not road", "road")
    assert (found.single, found.bands) == (2, 5)
    assert decoded(found.predicted, [0, 2, 4, 255]) == [0, 1, 0, 255]
    assert decoded(found.reference, [0, 1, 2, 7, 255]) == [0, 1, 0, 255, 255]


def test_one_class_of_a_mask():
    """A mask's 255 may stand for the class; without a value, the prediction's id or the coding's name does."""
    assert decoded(map_classes(AERIAL, single="road=255").reference, [0, 255]) == [0, 1]
    both = map_classes(None, single="255")
    assert decoded(both.predicted, [0, 7, 255]) == decoded(both.reference, [0, 7, 255]) == [0, 0, 1]
    assert decoded(map_classes(AERIAL, single="road").reference, [0, 1, 2]) == [0, 0, 1]
    coded = map_classes(AERIAL, single="road", coding="mbrsc")
    assert decoded(coded.reference, [0x6EC1E4, 0x3C1098, 0x9B9B9B]) == [1, 0, 255]
    assert decoded(map_classes(AERIAL, single="vegetation=tree", coding="potsdam").reference, [0x00FF00, 0x00FFFF]) == [
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("single", "coding", "message"),
    [
        ("canal", None, "no class 'canal'"),
        ("9", None, "no class 9 in the prediction"),
        ("road=street", None, "no class 'street'"),
        ("road", "potsdam", "the coding has no class 'road'; it has impervious"),
    ],
)
def test_classes_that_are_not_there(single, coding, message):
    """An error names a class missing from prediction or coding, and lists the classes there."""
    with pytest.raises(UsageError, match=message):
        map_classes(AERIAL, single=single, coding=coding)

import json
import re

import pytest

from geoseg.models.legend import AERIAL, NODATA, Legend, LegendClass


def classes(count):
    return tuple(LegendClass(name=f"class {number}", colour=f"#0000{number:02x}") for number in range(count))


def test_rgb_are_the_bytes_of_the_colour():
    """A colour is read as red, green and blue, in either case of its digits."""
    assert LegendClass(name="road", colour="#4aFf00").rgb == (0x4A, 0xFF, 0x00)


def test_colormap_has_every_class_and_transparent_nodata():
    """The colour table has each id once, opaque, and transparent nodata."""
    colormap = AERIAL.colormap
    assert set(colormap) == {*range(len(AERIAL)), NODATA}
    assert colormap[NODATA][3] == 0
    assert all(colormap[number] == (*entry.rgb, 255) for number, entry in enumerate(AERIAL.classes))


@pytest.mark.parametrize(
    "legend",
    [
        AERIAL,
        AERIAL.with_unknown(),
        Legend(classes=classes(2)),
        Legend(classes=classes(254), road=253),
        Legend(classes=classes(254)).with_unknown(),
    ],
)
def test_json_round_trip(legend):
    """A legend survives JSON unchanged, with or without a road class."""
    assert Legend.from_json(json.loads(json.dumps(legend.to_json()))) == legend


def test_unknown_comes_after_the_classes():
    """The entry of unknown pixels has the id after the last class, is opaque, and no class."""
    full = Legend(classes=classes(254)).with_unknown()
    assert full.colormap[254] == (*full.entries[254].rgb, 255)
    assert len(full) == len(full.names) == 254
    namesake = Legend(classes=(*classes(2), LegendClass(name="unknown", colour="#000000"))).with_unknown()
    assert [entry.name for entry in namesake.entries[2:]] == ["unknown", "low confidence"]
    names = ("unknown", "low confidence", "unknown 2")
    namesakes = Legend(classes=tuple(LegendClass(name=name, colour="#000000") for name in names)).with_unknown()
    assert namesakes.entries[3].name == "unknown 3"


@pytest.mark.parametrize(
    ("count", "road", "message"),
    [
        (1, None, "2 to 254 classes, not 1"),
        (255, None, "2 to 254 classes, not 255"),
        (3, 3, "road class 3 is not one of the 3 classes"),
        (3, -1, "road class -1"),
    ],
)
def test_impossible_legends_are_refused(count, road, message):
    """A class id is a byte other than nodata, and road is one of the classes."""
    with pytest.raises(ValueError, match=message):
        Legend(classes=classes(count), road=road)


def test_names_are_distinct():
    """Two classes with the same name could not be distinguished."""
    with pytest.raises(ValueError, match="must be unique"):
        Legend(classes=(*classes(2), LegendClass(name="class 0", colour="#123456")))


@pytest.mark.parametrize("colour", ["4a4a4a", "#4a4a4", "#4a4a4a4a", "grey", "#4a4a4g"])
def test_colours_are_six_digits(colour):
    """An invalid colour is refused when the legend is read, not when the raster is written."""
    with pytest.raises(ValueError, match=re.escape(f"not {colour}")):
        LegendClass(name="road", colour=colour)

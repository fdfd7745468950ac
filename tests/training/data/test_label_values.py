import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.datasets.codings import CODINGS, LEGENDS
from geoseg.errors import GeosegWarning, UsageError
from geoseg.training.data.label_values import build_label_encoder
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve


def opened(legend="aerial", **entry):
    """The label sets of a recipe with one data set, and its encoder."""
    document = {"name": "x", "legend": legend, "data": [{"name": "set", "images": "images", **entry}]}
    run = resolve(parse_recipe(document, source="x.toml"))
    return run.labels, build_label_encoder(run.data[0], run.labels)


def encode(encoder, values, valid=True):
    values = np.atleast_2d(np.array(values))
    return encoder.encode(values, np.broadcast_to(valid, values.shape), "label.png").tolist()


def test_label_sets():
    """Values are the classes in order, each other set once, and last the full set."""
    sets, _ = opened(
        values={"0": ["land", "water"], "1": "road", "2": ["water", "land"], "3": ["building"], "4": "ignore"}
    )
    assert sets.allowed == ((0,), (1,), (2,), (3,), (4,), (1, 4), (0, 1, 2, 3, 4))
    assert sets.ignored == 6


@given(st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=20))
def test_every_mapped_set_has_a_value(groups):
    """Whatever sets of classes values map to, the encoded label value allows exactly these classes."""
    names = LEGENDS["aerial"].names
    values = {str(key): [names[i] for i in ids] for key, ids in enumerate(groups)}
    sets, encoder = opened(values=values)
    (labels,) = encode(encoder, list(range(len(groups))))
    assert [set(sets.allowed[label]) for label in labels] == groups
    assert len(set(sets.allowed)) == len(sets.allowed)


@pytest.mark.parametrize("name", ["potsdam", "vaihingen", "mbrsc", "aerial"])
def test_coloured_codings_give_their_legend(name):
    """Labels in a built-in legend's colours encode as its class ids."""
    sets, encoder = opened(legend=name, coding=name)
    colours = [int(entry.colour[1:], 16) for entry in sets.legend.classes]
    assert encode(encoder, colours) == [list(range(len(colours)))]


def test_silent_classes():
    """MBRSC's unlabelled and void, and the eroded boundary of the ISPRS labels, are ignored."""
    sets, encoder = opened(legend="mbrsc", coding="mbrsc")
    assert encode(encoder, [0x9B9B9B, 0x000000]) == [[sets.ignored] * 2]
    sets, encoder = opened(legend="potsdam", coding="potsdam")
    assert encode(encoder, [0x000000]) == [[sets.ignored]]


def test_colours_near_those_of_a_coding():
    """ISPRS colours that lossy compression has changed are read as the nearest, and reported once for a file."""
    sets, encoder = opened(legend="potsdam", coding="potsdam")
    random = np.random.default_rng(0)
    classes = random.integers(0, 6, (40, 50))
    colours = np.array([entry.rgb for entry in sets.legend.classes])[classes]
    lossy = np.where(colours > 127, 255 - random.integers(0, 81, colours.shape), random.integers(0, 81, colours.shape))
    values = lossy @ [0x10000, 0x100, 1]
    with pytest.warns(GeosegWarning) as found:
        assert encode(encoder, values) == classes.tolist()
    assert [str(warning.message).partition(" has ")[0] for warning in found] == ["label.png"]
    assert encode(encoder, values, valid=False)  # and nothing is said of pixels without data
    with pytest.raises(UsageError, match=r"has 2 pixels of colour #00ff51, which"):
        encode(encoder, [0x00FF51, 0x00FF51])


def test_a_near_colour_of_its_own():
    """A colour that `values` lists is not read as a near one."""
    sets, encoder = opened(legend="potsdam", coding="potsdam", values={"#fcff00": "ignore"})
    assert encode(encoder, [0xFCFF00, 0xFFFF00]) == [[sets.ignored, 4]]


def test_cityscapes_classes():
    """Label ids map to the 19 classes that the benchmark scores, in the order of its train ids; others are ignored."""
    sets, encoder = opened(legend="cityscapes", coding="cityscapes")
    scored = [7, 8, 11, 12, 13, 17, 19, 20, *range(21, 29), 31, 32, 33]
    assert encode(encoder, scored) == [list(range(19))]
    others = sorted(set(range(34)) - set(scored))
    assert encode(encoder, others) == [[sets.ignored] * 15]
    assert [sets.legend.names[number] for number in (0, 8, 13, 18)] == ["road", "vegetation", "car", "bicycle"]


def test_cityscapes_categories():
    """Label ids that the benchmark leaves out can be given a class, as for its categories."""
    sets, encoder = opened(
        legend="cityscapes", coding="cityscapes", values={"parking": "road", "10": "road", "caravan": "car"}
    )
    assert encode(encoder, [9, 10, 29, 30]) == [[0, 0, 13, sets.ignored]]


def test_other_legend_by_class_name():
    """Classes of a coding are mapped by name to a class, a set of classes, or ignored."""
    values = {"impervious surface": "road", "low vegetation": "vegetation", "tree": "vegetation"}
    values |= {"car": "ignore", "clutter": ["land", "water"]}
    sets, encoder = opened(coding="potsdam", values=values)
    (labels,) = encode(encoder, [0xFFFFFF, 0x0000FF, 0x00FF00, 0xFFFF00, 0xFF0000])
    assert [sets.allowed[label] for label in labels] == [(2,), (0,), (3,), (0, 1, 2, 3, 4), (1, 4)]


def test_classes_mapped_by_colour():
    """A class of a coding whose colour `values` maps needs no mapping by name."""
    values = {"#ffffff": "road", "#0000ff": "building", "#00ffff": "vegetation", "#00ff00": "vegetation"}
    values |= {"#ffff00": "ignore", "clutter": "land"}
    sets, encoder = opened(coding="potsdam", values=values)
    colours = [0xFFFFFF, 0x0000FF, 0x00FF00, 0xFFFF00, 0xFF0000, 0x000000]
    assert encode(encoder, colours) == [[2, 0, 3, sets.ignored, 1, sets.ignored]]


def test_unknown_colour():
    """An unmapped colour is an error with its pixel count, unless it is ignored."""
    picture = [[0x3C1098, 0x123456], [0x123456, 0x123456]]
    _, encoder = opened(legend="mbrsc", coding="mbrsc")
    with pytest.raises(
        UsageError, match=r"label\.png has 3 pixels of colour #123456, which data set set does not list"
    ):
        encode(encoder, picture)
    for key in ("#123456", "*"):
        sets, encoder = opened(legend="mbrsc", coding="mbrsc", values={key: "ignore"})
        assert encode(encoder, picture) == [[0, sets.ignored], [sets.ignored] * 2]


def test_unknown_ids():
    """Without `values`, ids are the legend's, 255 is ignored, others are errors; masked pixels do not count."""
    sets, encoder = opened()
    assert encode(encoder, [0, 4, 255]) == [[0, 4, sets.ignored]]
    with pytest.raises(UsageError, match=r"has 2 pixels of id 9 \(3 pixels of 2 unknown values in all\)"):
        encode(encoder, [9, 9, 7, 1])
    encode(encoder, [9, 1], valid=[[False, True]])


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"values": {"1": "rood"}}, "maps values to 'rood'; the legend has building, land"),
        ({"values": {"1": []}}, "maps values to no class"),
        ({"values": {"one": "road"}}, "maps 'one'; expected an id"),
        ({"coding": "colours", "values": {"1": "road"}}, "maps '1'; expected a colour like #4a4a4a"),
        ({"coding": "potsdam"}, "has the class 'impervious surface' of coding potsdam"),
        ({"coding": "isprs"}, "has coding 'isprs'; choose ids, colours, vector or one of"),
        ({"values": {"1": "road", "01": "water"}}, "maps '1' and '01', which are the same"),
        ({"coding": "colours", "values": {"#FF0000": "road", "#ff0000": "water"}}, "'#FF0000' and '#ff0000'"),
        ({"coding": "mbrsc", "values": {"road": "water", "#6ec1e4": "road"}}, "maps 'road' and '#6ec1e4'"),
        ({"attribute": "kind"}, "has an attribute, but its coding is ids; set coding = 'vector', or remove attribute"),
        ({"coding": "mbrsc", "width_m": 9}, "has a width_m, but its coding is mbrsc; .* or remove width_m"),
    ],
)
def test_codings_that_make_no_sense(entry, sentence):
    """Mapped values and classes must exist."""
    with pytest.raises(UsageError, match=sentence):
        opened(**entry)


@pytest.mark.parametrize(
    ("legend", "sentence"),
    [
        ("lunar", "'lunar' is unknown; choose one of aerial"),
        ({"classes": [{"name": "a", "colour": "#000000"}]}, "a legend has 2 to"),
        ({"classes": [{"name": "a", "colour": "red"}, {"name": "b", "colour": "#000000"}]}, "must be like #4a4a4a"),
        ({"road": "c", "classes": [{"name": n, "colour": "#000000"} for n in "ab"]}, "names 'c'"),
        ({"classes": [{"name": n, "colour": "#000000"} for n in ("a", "ignore")]}, "a class named 'ignore'"),
    ],
)
def test_legends_that_make_no_sense(legend, sentence):
    """A legend is a built-in name or a consistent table."""
    with pytest.raises(UsageError, match=sentence):
        opened(legend=legend)


def test_built_in_codings_have_legends():
    """Every built-in coding has a legend of the same name."""
    assert set(CODINGS) == set(LEGENDS)


def test_colours_without_values():
    """A coding with an empty table refuses every value, or maps all as others."""
    _, encoder = opened(coding="colours")
    with pytest.raises(UsageError, match="has 1 pixel of colour #0a0b0c"):
        encode(encoder, [0x0A0B0C])
    _, encoder = opened(coding="colours", values={"*": "road"})
    assert encode(encoder, [0x0A0B0C]) == [[2]]

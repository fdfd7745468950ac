import shlex

from markdown_it import MarkdownIt
from standins import make_card

from geoseg.models.bundle import NetworkSummary, Scaling
from geoseg.models.export.markdown import card_text
from geoseg.models.legend import AERIAL

ANATOMY = NetworkSummary(layers={"Conv2D": 40, "Add": 13}, parameters=2_144_425, keras_version="3.15.1")


def tables(text):
    """Tables of a Markdown text as lists of rows of cells, by the heading above them."""
    found, heading, row, inside = {}, "", [], ""
    for token in MarkdownIt().enable("table").parse(text):
        match token.type:
            case "heading_open" | "th_open" | "td_open":
                inside = token.type
            case "inline" if inside == "heading_open":
                heading = token.content
            case "inline" if inside in ("th_open", "td_open"):
                row.append(token.content)
            case "tr_close":
                found.setdefault(heading, []).append(row)
                row = []
    return found


def test_card_says_what_the_bundle_says():
    """Input, classes and network of the card are tables that a Markdown parser finds."""
    card = make_card(scaling={"uint8": Scaling(), "uint16": Scaling(offset=100, gain=0.25)})
    found = tables(card_text(card, ANATOMY, model="city.keras"))
    given = dict(found["Input"][1:])
    assert given["bands"] == "red, green, blue"
    assert given["values"] == "uint8 unscaled; uint16 as (value - 100) × 0.25"
    assert [row[1] for row in found["Classes"][1:]] == list(AERIAL.names)
    assert [row[1] for row in found["Classes"] if row[3] == "yes"] == ["road"]
    assert dict(found["Network"][1:])["parameters"] == "2,144,425"


def test_ground_sample_distances():
    """The card names the range of a model that has one, and what scenes outside of it are resampled to."""
    for choices, short, full in (
        ({}, "at 1 m from red", "1 m"),
        (
            {"gsd_range_m": (0.3, 1.2)},
            "at 0.3–1.2 m from red",
            "0.3–1.2 m, finer and coarser scenes resampled to the nearer of these",
        ),
    ):
        text = card_text(make_card(**choices), ANATOMY, model="city.keras")
        assert short in text
        assert dict(tables(text)["Input"][1:])["ground sample distance"] == full


def test_command_can_be_typed():
    """A model with spaces and shell characters in its name is one word of the card's command."""
    text = card_text(make_card(), ANATOMY, model="My city | test.keras")
    (command,) = (line for line in text.splitlines() if line.startswith("geoseg predict"))
    assert shlex.split(command) == ["geoseg", "predict", "scene.tif", "-m", "My city | test.keras"]


def test_any_provenance_is_shown():
    """Provenance of any shape is shown: one line each in a table, records as tables, long texts as blocks."""
    provenance = {
        "license": "Apache-2.0",
        "attribution": "a | b",
        "steps": 3600,
        "seeds": [1, 2],
        "metrics": {"MBRSC": {"mean_iou": 0.51949, "accuracy": 0.8}, "Massachusetts": {"road_f1": 0.618}},
        "images": [{"name": "one", "jaccard": 0.5}, {"name": "two", "jaccard": None}],
        "settings": {"ema": True},
        "recipe": 'name = "x"\nseed = 1\n',
    }
    text = card_text(make_card(provenance=provenance), ANATOMY, model="city.keras")
    found = tables(text)
    assert found["Provenance"][1:] == [
        ["license", "Apache-2.0"],
        ["attribution", "a | b"],
        ["steps", "3600"],
        ["seeds", "1, 2"],
    ]
    assert found["Metrics"] == [
        ["", "mean iou", "accuracy", "road f1"],
        ["MBRSC", "0.5195", "0.8", ""],
        ["Massachusetts", "", "", "0.618"],
    ]
    assert found["Images"][1:] == [["one", "0.5"], ["two", "–"]]
    assert found["Settings"][1:] == [["ema", "yes"]]
    assert '```\nname = "x"\nseed = 1\n```' in text

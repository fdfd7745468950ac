"""Names of classes, models and files hold anything; what geoseg writes still parses, and gives them back or escaped."""

import html
import json
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as Xml

import geopandas
import markdown_it
import numpy as np
import pytest
import rasterio
from html_page import Page
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from standins import load_echo, make_card

import geoseg
from geoseg.evaluation import evaluate
from geoseg.models.bundle import NetworkSummary
from geoseg.models.export.markdown import card_text
from geoseg.models.legend import Legend, LegendClass
from geoseg.models.texts import escaped, in_markdown, in_xml
from geoseg.polygons import polygonise
from geoseg.training.survey.recipe_template import _in_one_line
from geoseg.vectors.qgis import class_style, polygon_style

HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[2J\x07\u202etxt\r\n",
    "a|b\\|c`d`",
    "[l](javascript:alert(1)) ![i](x)",
    "$\\undefined{$",
    "_hidden_ *b* ~~c~~",
    "a]]>&amp;\"'&lt;",
    "\ufffe\ufeff",
    "=1+1",
)
PLACE = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


def hostile(function):
    """Run a test with the names that are known to do harm, and a few random ones."""
    for name in HOSTILE:
        function = example(name=name)(function)
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=20, derandomize=True, suppress_health_check=health)(given(name=TEXTS)(function))


def legend(name):
    return Legend(classes=(LegendClass(name=name, colour="#112233"), LegendClass(name=f"{name} 2", colour="#445566")))


@hostile
def test_styles(name):
    """Styles are XML that another parser reads, with the names."""
    for text in (class_style(legend(name)), polygon_style([(0, name, "#112233")])):
        labels = [each.get("label") for each in Xml.fromstring(text).iter() if each.get("label") is not None]
        assert labels[0] == in_xml(name)


@hostile
def test_markdown(name):
    """A cell or line of Markdown shows the name, with no markup of its own."""
    found = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = found.parse(f"| a | b |\n| --- | --- |\n| x{in_markdown(name)}x | y |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert [each.content for each in cells[::3]] != []
    assert len(cells) == 4
    assert {part.type for part in cells[2].children} <= {"text", "text_special"}
    shown = "".join(part.content for part in cells[2].children)
    assert shown.split() == f"x{escaped(name)}x".split()


@hostile
def test_cards(name):
    """A model card in Markdown has the tables and sections of a harmless one, whatever its names are."""
    words = {"name": "plain", "legend": legend("plain"), "provenance": {"data": "plain", "text": "plain\nplain"}}
    summary = NetworkSummary(layers={"Conv2D": 1}, parameters=1, keras_version="3")

    def shape(text):
        parser = markdown_it.MarkdownIt("commonmark").enable("table")
        return [each.type for each in parser.parse(text)]

    plain = shape(card_text(make_card(**words), summary, model="a.keras"))
    if name.isprintable() and not name.isspace():
        words |= {"name": name, "legend": legend(name)}
    words["provenance"] = {"data": f"x{name}x".replace("\n", " "), "text": f"x\n```\n{name}\nx"}
    assert shape(card_text(make_card(**words), summary, model="a.keras")) == plain


@hostile
def test_terminal(name):
    """Nothing in an escaped name moves the cursor or turns the text around."""
    assert "\x1b" not in escaped(name)
    assert "\u202e" not in escaped(name)
    assert "\n" not in escaped(name)


@hostile
def test_recipes(name):
    """A string of a recipe template gives the name back; a comment ends where its line does."""
    text = f"# {_in_one_line(name)}\nname = {_in_one_line(json.dumps(name, ensure_ascii=False))}\n"
    assert tomllib.loads(text) == {"name": name}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", HOSTILE)
def test_evaluation(name, tmp_path):
    """Reports of an evaluation parse, load nothing, run nothing, and show the names."""
    ids = np.random.default_rng(0).integers(0, 2, (20, 20), dtype=np.uint8)
    tags = {"GEOSEG_LEGEND": json.dumps(legend(name).to_json())}
    for folder in ("maps", "truth"):
        (tmp_path / folder).mkdir()
        profile = {"width": 20, "height": 20, "dtype": "uint8", "crs": "EPSG:32633", "transform": PLACE}
        with rasterio.open(tmp_path / folder / "a&b.tif", "w", driver="GTiff", count=1, **profile) as dataset:
            dataset.write(ids, 1)
            dataset.update_tags(**tags)
    evaluation = evaluate(tmp_path / "maps", tmp_path / "truth")
    evaluation.write(tmp_path / "report")
    page = Page((tmp_path / "report" / "evaluation.html").read_text())
    assert not {"script", "img", "i", "b", "a"} & {tag for tag, _ in page.tags}
    text = "".join(page.texts)
    assert in_xml(name) in html.unescape(text) or in_xml(name, keep="\n") in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    found = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert name in json.dumps(found, ensure_ascii=False) or json.dumps(name)[1:-1] in json.dumps(found)
    markdown = markdown_it.MarkdownIt("commonmark").enable("table")
    inline = [t for t in markdown.parse((tmp_path / "report" / "evaluation.md").read_text()) if t.type == "inline"]
    assert {part.type for token in inline for part in token.children} <= {"text", "text_special", "softbreak"}


@pytest.mark.filterwarnings("ignore:More than one layer found")
@pytest.mark.parametrize("name", HOSTILE)
def test_polygons(name, tmp_path, write_ids, blobs):
    """Vector files of every format give a class name back."""
    ids = write_ids(blobs(20, 20, classes=2), "c.tif", legend=legend(name))
    for ending in ("geojson", "gpkg", "fgb", "parquet"):
        path = tmp_path / f"{ending}.{ending}"
        polygonise(ids, path)
        read = geopandas.read_parquet if ending == "parquet" else geopandas.read_file
        assert set(read(path)["name"]) == {name, f"{name} 2"}


@pytest.mark.filterwarnings("ignore:.*has no date:geoseg.errors.GeosegWarning")
@pytest.mark.parametrize("name", ["<b>&\"'", "[l](j)|*b*", "a b\u00e9$x$", "}{stem}"])
def test_maps(name, write_scene, noise, write_bundle):
    """A class raster, its sidecar and its style give the names of a card back, to GDAL and to another parser."""
    model = write_bundle(legend=legend(name), name="model.keras")
    with TemporaryDirectory() as folder:
        scene = write_scene(noise(40, 40), f"{name.replace('{', '(')} scene.tif")
        made = geoseg.predict(scene, model=model, folder=folder, load=load_echo_of_two, stac=True)
        with rasterio.open(made.outputs.classes) as raster:
            assert json.loads(raster.tags()["GEOSEG_LEGEND"])["classes"][0]["name"] == name
        for path in Path(folder).iterdir():
            if path.suffix in (".xml", ".qml"):
                texts = [text for each in Xml.parse(path).iter() for text in (each.text, *each.attrib.values())]
                assert name in texts
            if path.suffix == ".json":
                assert json.loads(path.read_text())["type"] == "Feature"


def load_echo_of_two(model, options):
    """Load an echo of two classes."""
    echo = load_echo(model, options)

    def scores(pixels):
        return echo(pixels)[..., :2]

    scores.classes = 2
    return scores


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_are_no_text(name):
    """A name that no file can hold is refused."""
    with pytest.raises(ValueError, match="class names must be text"):
        legend(name)

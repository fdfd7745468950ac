"""The report of a batch is one page that shows every scene, and does nothing that a name asks for."""

import base64
import io
import re
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import rasterio
from html_page import Page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio import Affine

from geoseg.batch.manifest import Area, Output, Record, Roads, describe_output
from geoseg.batch.report import write_report
from geoseg.batch.report.thumbnails import choose_side
from geoseg.errors import OutputError
from geoseg.models.legend import Legend, LegendClass

LEGEND = Legend(
    classes=tuple(LegendClass(name=name, colour=colour) for name, colour in (("grass", "#00ff00"), ("path", "#102030")))
)
TIMES = {"started": "2025-03-01T23:59:00+00:00", "ended": "2025-03-02T00:01:30+00:00", "seconds": 90.0}


@pytest.fixture
def done(tmp_path):
    """Return a function that writes a class raster, and returns the record of its scene."""

    def written(name, *, rows=30, columns=60, **others):
        path = tmp_path / f"{name}_classes.tif"
        values = np.zeros((rows, columns), np.uint8)
        values[:, columns // 2 :], values[: rows // 3] = 1, 255
        place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 5e5, 0, -1, 5.4e6)}
        size = {"count": 1, "height": rows, "width": columns, "dtype": "uint8", "nodata": 255}
        with rasterio.open(path, "w", driver="GTiff", **size, **place) as dataset:
            dataset.write(values, 1)
            dataset.write_colormap(1, LEGEND.colormap)
        areas = [
            Area(name=each.name, colour=each.colour, pixels=600 * k, share=k / 4, area_m2=6e5 * k)
            for k, each in enumerate(LEGEND.classes, 1)
        ]
        values = {
            "scene": f"/scenes/{name}.tif",
            "pixels": 1_800,
            "stages": {"network": 70.0, "read": 3.0},
            "outputs": (describe_output(path, tmp_path),),
            "areas": tuple(areas),
            "roads": Roads(count=4, length_km=1.25),
            "bounds_lonlat": (15.0, 48.0, 15.1, 48.1),
        }
        return Record(name=name, state="done", **(values | TIMES | others))

    return written


@pytest.fixture
def page(tmp_path):
    """Return a function that writes and parses the report of records."""

    def made(records, **options):
        path = write_report(records, tmp_path, **options)
        assert path == tmp_path / "report.html"
        return Page(path.read_text(encoding="utf-8"))

    return made


def failed(name="broken", error="/scenes/broken.tif is cut off; copy it again.", **others):
    """The record of a scene that failed."""
    return Record(scene=f"/scenes/{name}.tif", name=name, state="failed", error=error, **(TIMES | others))


def test_all_scenes(done, page):
    """Each scene has its entry, with its error, classes, roads and time; totals are sums; failed scenes come first."""
    shown = page([done("a"), failed(attempts=3), done("b", bounds_lonlat=None)], scenes=5)
    text = " ".join(" ".join(shown.texts).split())
    assert shown.values("article", "class") == ["scene failed", "scene done", "scene done"]
    assert "Batch: 2 done, 1 failed, 2 left" in text
    assert "/scenes/broken.tif is cut off; copy it again." in text
    assert "2 without known bounds" in text
    for figure in (
        "2.40 km²",
        "1.20 km²",
        "0.60 km²",
        "66.7%",
        "2.5 km",
        "2 min 20 s",
        "1 min 10 s",
        "4 roads, 1.25 km",
    ):
        assert figure in text, figure
    assert "2025-03-01 23:59 UTC to 2025-03-02 00:01 UTC" in text


def test_areas_that_are_unknown(done, page):
    """A class whose area could not be measured has none, and the others of its table theirs."""
    record = done("a")
    grass, path = record.areas
    shown = page([replace(record, areas=(replace(grass, area_m2=None), path))])
    text = " ".join(" ".join(shown.texts).split())
    assert text.count("1.20 km²") == 2
    assert text.count("unknown") == 2


def test_the_map_leads_to_the_scenes(done, page):
    """Each footprint has the colour of its state, and links to the entry of its scene."""
    shown = page([done("a"), failed(bounds_lonlat=(15.2, 48.0, 15.3, 48.1))])
    names = dict(zip(shown.values("article", "id"), shown.values("article", "class"), strict=True))
    links = [attrs["href"] for tag, attrs in shown.tags if tag == "a" and attrs["href"].startswith("#scene-")]
    states = shown.values("rect", "class")
    assert len(states) == 2
    assert [f"scene {state}" for state in states] == [names[link[1:]] for link in links[:2]]


def test_thumbnail_has_the_colours_of_the_legend(done, page):
    """It shows the class raster, scaled down, and nothing where it has no data."""
    (source,) = page([done("a", rows=300, columns=600)]).values("img", "src")
    kind, _, content = source.partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.size == (240, 120)
    pixels = picture.convert("RGBA")
    assert pixels.getpixel((10, 100)) == (0, 255, 0, 255)
    assert pixels.getpixel((230, 100)) == (16, 32, 48, 255)
    assert pixels.getpixel((10, 10))[3] == 0


def test_a_raster_that_is_replaced(done, page, tmp_path):
    """The thumbnail is that of the file of the record; one that is gone or damaged is said, and stops nothing."""
    first = done("a")
    (before,) = page([first]).values("img", "src")
    (after,) = page([done("a", rows=31)]).values("img", "src")
    assert before != after
    (tmp_path / "a_classes.tif").write_bytes(b"no raster")
    damaged = replace(first, outputs=(describe_output(tmp_path / "a_classes.tif", tmp_path),))
    (tmp_path / "b_classes.tif").unlink(missing_ok=True)
    gone = done("b")
    (tmp_path / "b_classes.tif").unlink()
    shown = page([damaged, gone])
    assert not shown.values("img", "src")
    assert "".join(shown.texts).count("the class raster is gone, or cannot be read") == 2


def test_a_failed_scene_has_no_picture(done, page):
    """What an earlier batch made of it may be of other settings."""
    shown = page([failed(outputs=done("broken").outputs)])
    assert not shown.values("img", "src")
    assert "the class raster is gone" not in "".join(shown.texts)


@given(scenes=st.integers(1, 15_000))
def test_thumbnails_stay_light(scenes):
    """However many there are, and be they noise in 16 colours, they stay under 11 MB; of a thousand one sees enough."""
    side = choose_side(scenes)
    assert 32 <= side <= 240
    assert scenes * side**2 * 0.5 * 4 / 3 <= 11e6
    assert choose_side(1_000) >= 100


def test_too_many_for_thumbnails(done, page):
    """The page says so."""
    shown = page([done("a")], scenes=100_000)
    assert not shown.values("img", "src")
    assert "too many for thumbnails" in "".join(shown.texts)


def test_nothing_yet(page):
    """A batch whose first scene is not finished has a report too."""
    assert "0 done, 7 left" in "".join(page([], scenes=7).texts)


def test_it_loads_nothing(done, page, tmp_path):
    """The page is self-contained: pictures are within, links lead below its folder, and scripts are off."""
    shown = page([done("a"), failed()])
    assert {name for name, _ in shown.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert "default-src 'none'" in "".join(shown.values("meta", "content"))
    assert "url(" not in (tmp_path / "report.html").read_text()


def test_it_is_replaced_whole(done, page, tmp_path):
    """No file but the page is left; a folder that is gone is an OutputError."""
    record = done("a")
    page([record])
    page([record, failed()])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_classes.tif", "report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_report([record], tmp_path / "file")


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Po"]), max_size=10),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "'onmouseover='alert(1)",
            "javascript:alert(1)",
            "//evil.example/x",
            "https://evil.example/?a=b&c=d",
            "</title></style><h1>",
            "red; background: url(https://evil.example)",
            "{{ 7 * 7 }}{% for %}",
            "<!--",
            "]]>",
            "a\x00b\u202etxt.exe",
            "\udcff\udc80",
            "&lt;b&gt;",
        ]
    ),
)


def hostile_record(texts, number):
    """A record with texts wherever a manifest has text."""
    name, scene, error, stage, path, area, colour, engine = texts
    return Record(
        scene=scene,
        name=name,
        state=("done", "failed")[number % 2],
        error=error,
        stages={stage: 1.0},
        pixels=1,
        outputs=(Output(path=path, bytes=1, sha256=""), Output(path=f"{name}_classes.tif", bytes=1, sha256="")),
        areas=(Area(name=area, colour=colour, pixels=1, share=1.0, area_m2=1.0),),
        bounds_lonlat=(1.0, 1.0, 2.0, 2.0),
        engine=engine,
        **(TIMES | {"started": error or "x"}),
    )


def skeleton(shown):
    """Tags and attributes of a page, without what is a text of a record."""
    return [
        (tag, sorted((name, value) for name, value in attrs.items() if name not in ("href", "style")))
        for tag, attrs in shown.tags
    ]


@pytest.fixture(scope="module")
def benign(tmp_path_factory):
    """Tags of pages of one or two ordinary records."""
    folder = tmp_path_factory.mktemp("benign")
    records = [hostile_record(["word"] * 8, number) for number in range(2)]
    return [Page(write_report(records[:count], folder).read_text()) for count in (1, 2)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.lists(HOSTILE.filter(bool), min_size=8, max_size=8), min_size=1, max_size=2))
def test_names_are_text(texts, page, benign):
    """Names, errors, stages, colours, engines and paths of a manifest never become tags, attributes or links abroad."""
    shown = page([hostile_record(each, number) for number, each in enumerate(texts)])
    assert skeleton(shown) == skeleton(benign[len(texts) - 1])
    for style in shown.values("span", "style"):
        assert re.fullmatch(r"background: (transparent|#[0-9a-fA-F]{6}|var\(--\w+\))", style)
    for link in shown.values("a", "href"):
        assert link.startswith(("#scene-", "./"))
        assert not urlsplit(link).scheme
        assert not urlsplit(link).netloc
        assert "?" not in link
    links = {unquote(link) for link in shown.values("a", "href")}
    assert {f"./{each[4]}" for each in texts if each[4].isascii()} <= links
    words = "".join(shown.texts)
    for each in texts:
        for text in each[:4]:
            if text.isprintable():
                assert text in words

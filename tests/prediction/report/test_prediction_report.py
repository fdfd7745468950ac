"""The report of a prediction is one light page that shows the results, and does nothing that a name asks for."""

import base64
import io
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from html_page import Page
from PIL import Image
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import transform_bounds

import geoseg
from geoseg.batch.batch import batch
from geoseg.cli import main
from geoseg.errors import OutputError, SceneError
from geoseg.models.legend import AERIAL, Legend, LegendClass
from geoseg.prediction.predict import predict_each

HOSTILE = "<img src=x onerror=alert(1)>&\"'{{ 7 }}%2f\u202e"
"""What a file may be called."""


class Report(Page):
    """The report of a scene, with its pictures."""

    def picture(self, alt):
        """A picture by its text; None if there is none."""
        for source in [attrs["src"] for tag, attrs in self.tags if tag == "img" and attrs["alt"] == alt]:
            kind, _, content = source.partition(";base64,")
            picture = Image.open(io.BytesIO(base64.b64decode(content)))
            return picture.convert("RGBA" if kind == "data:image/png" else "RGB")
        return None


@pytest.fixture
def predict(write_bundle, echo, tmp_path):
    """Return a function that predicts with a report, and returns result and page."""

    def predict(source, *, folder="out", card=None, **options):
        model = write_bundle(**(card or {}))
        made = geoseg.predict(source, model=model, folder=tmp_path / folder, load=echo, report=True, **options)
        return made, Report(made.outputs.report.read_text(encoding="utf-8"))

    return predict


@pytest.fixture
def patches(write_scene):
    """Write a scene of 90 × 120 pixels in patches of 30, each of one colour."""

    def write(name="scene.tif", **profile):
        colours = np.random.default_rng(7).integers(0, 200, (3, 3, 4), dtype=np.uint8)
        return write_scene(np.kron(colours, np.ones((30, 30), np.uint8)), name, **profile)

    return write


def test_tables(predict, patches):
    """The page has the areas, roads, settings and provenance of the result, and links to its files."""
    made, page = predict(patches(), confidence=True, formats=("geojson", "gpkg"), tta="flips", overlap=0.25)
    for area in made.areas:
        assert f"{area.name} {area.share:.1%}" in page.text
        assert f"{area.area_m2 / 1e4:,.2f} ha {area.pixels:,}" in page.text
    assert f"{made.roads.length_km:.2f} km of roads in {made.roads.count} edges" in page.text
    for words in ("model stand-in 1", "red 1, green 2, blue 3", "overlap 16 px", "flips", "EPSG:32633", "scene.tif"):
        assert words in page.text, words
    with rasterio.open(made.outputs.classes) as raster:
        tags = raster.tags()
    for key in ("GEOSEG_MODEL", "GEOSEG_SETTINGS", "GEOSEG_LEGEND"):
        assert f"{key} {tags[key]}" in page.text
    for stage in set(made.stages) - {"report"}:
        assert f"{stage} " in page.text
    links = {unquote(link) for link in page.values("a", "href")}
    others = {path.name for path in made.outputs.classes.parent.iterdir()} - {"scene_report.html"}
    assert links == {f"./{name}" for name in others}


def test_it_loads_nothing(predict, patches):
    """Pictures are within the page, and scripts are off."""
    made, page = predict(patches(), confidence=True)
    assert {name for name, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert "default-src 'none'" in "".join(page.values("meta", "content"))
    assert all(source.startswith("data:image/") for source in page.values("img", "src"))
    assert "url(" not in made.outputs.report.read_text()


@pytest.mark.parametrize("match_input", [False, True])
@pytest.mark.parametrize("gsd_m", [1.0, 2.0])
@pytest.mark.parametrize("in_part", [False, True])
def test_pictures_show_the_same_ground(predict, patches, match_input, gsd_m, in_part):
    """Classes and confidence are the rasters' pixels; the image is that of the scene where these are."""
    scene = patches()
    aoi = None
    if in_part:
        with rasterio.open(scene) as dataset:
            left, top = dataset.transform @ (30, 30)
            right, bottom = dataset.transform @ (90, 90)
            aoi = transform_bounds(dataset.crs, "EPSG:4326", left, bottom, right, top)
    made, page = predict(scene, match_input=match_input, gsd_m=gsd_m, aoi=aoi, confidence=True, roads=False)
    with rasterio.open(made.outputs.classes) as raster:
        classes, bounds = raster.read(1), raster.bounds
    shown = np.asarray(page.picture("Class raster"))
    colours = np.array([AERIAL.colormap.get(value, (0, 0, 0, 0)) for value in range(256)])
    valid = classes != 255
    np.testing.assert_array_equal(shown[..., 3] > 0, valid)
    np.testing.assert_array_equal(shown[valid], colours[classes][valid])
    with rasterio.open(made.outputs.confidence) as raster:
        levels = raster.read(1)
    light = np.asarray(page.picture("Probability of the class"))[..., 1].astype(int)
    surest, least = levels == levels[valid].max(), levels == levels[valid].min()
    assert light[surest].min() > light[least].max()
    with rasterio.open(scene) as dataset:
        window = dataset.window(*bounds)
        expected = dataset.read(window=window, out_shape=(3, *classes.shape), resampling=Resampling.average)
    found = np.moveaxis(np.asarray(page.picture("The scene")), -1, 0).astype(int)
    assert found.shape == expected.shape
    assert np.median(np.abs(found - expected)) <= 3
    # A shift by a pixel would move the borders of the patches.
    errors = [np.abs(np.roll(found, shift, (1, 2)) - expected).mean() for shift in ((0, 0), (1, 1), (-1, -1))]
    assert min(errors) == errors[0]


@pytest.mark.parametrize("match_input", [False, True])
@pytest.mark.parametrize(("pixel_m", "gsd_m"), [(1.0, 2.0), (0.25, 0.25)])
def test_roads_are_drawn_where_they_are(predict, write_scene, match_input, pixel_m, gsd_m):
    """The lines cover the road of the scene, on its picture, whichever grid the rasters and the tracer have."""
    pixels = np.zeros((3, 120, 200), np.uint8)
    pixels[0] = 200
    pixels[:2, 70:80], pixels[2, 70:80] = 0, 250  # the road is what is blue
    place = Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_400_000)
    made, page = predict(write_scene(pixels, transform=place), match_input=match_input, gsd_m=gsd_m)
    assert made.roads.count
    picture = page.picture("Road network")
    assert picture.size == (1000, 600)
    rows, cols = np.nonzero(np.asarray(picture)[..., 3])
    assert rows.min() >= 350
    assert rows.max() <= 400
    assert np.median(rows) == pytest.approx(375, abs=8)
    assert cols.max() - cols.min() > 700
    assert page.values("input", "type") == ["checkbox"]


@pytest.mark.parametrize(
    ("options", "card"), [({"roads": False}, {}), ({}, {"legend": Legend(classes=AERIAL.classes)})]
)
def test_no_roads(predict, patches, options, card):
    """Neither if they are not requested, nor of a model without roads, has the page anything of them."""
    made, page = predict(patches(), card=card, **options)
    assert made.roads is None
    assert page.picture("Road network") is None
    assert not page.values("input", "type")
    assert page.picture("Class raster") is not None
    assert page.picture("Probability of the class") is None


def test_no_data(predict, write_scene):
    """A scene without data has no report, as it has no other result."""
    scene = write_scene(np.zeros((3, 70, 90), np.uint8), nodata=0)
    with pytest.raises(SceneError, match="no data anywhere"):
        predict(scene, folder="out")
    assert not list(scene.parent.glob("out/*"))


def test_some_data(predict, write_scene, noise):
    """What has no data is transparent, and the share of the rest is said."""
    pixels = noise(100, 80)
    pixels[:, :25] = 0
    _, page = predict(write_scene(pixels, nodata=0), roads=False)
    alpha = np.asarray(page.picture("Class raster"))[..., 3]
    assert not alpha[:25].any()
    assert alpha[25:].all()
    assert "75.0% of the pixels" in page.text


def test_other_values(predict, write_scene):
    """Of 16 bits and of floats with NaN, the picture has the stretched values that the network saw."""
    ramp = np.broadcast_to(np.linspace(300, 900, 100, dtype=np.float32), (3, 80, 100)).copy()
    ramp[:, :20] = np.nan
    for dtype, nodata in (("float32", np.nan), ("uint16", 0)):
        scene = write_scene(np.nan_to_num(ramp).astype(dtype) if nodata == 0 else ramp, f"{dtype}.tif", nodata=nodata)
        made, page = predict(scene, roads=False, stretch="320,880")
        image = np.asarray(page.picture("The scene"))[40, :, 0].astype(int)
        assert image[0] < 10
        assert image[-1] > 245
        assert made.stretch in page.text


def test_grey_scenes(predict, write_scene, noise):
    """A model of one band has a grey picture."""
    pixels = noise(70, 90, bands=1)
    _, page = predict(write_scene(pixels), card={"bands": ("band 1",)}, roads=False)
    image = np.asarray(page.picture("The scene")).astype(int)
    assert np.ptp(image, axis=-1).max() <= 2
    assert np.corrcoef(image[..., 0].ravel(), pixels[0].ravel())[0, 1] > 0.9
    assert "Bands: band 1 ," in page.text


def tags_of(page):
    """Tags with the attributes that no text may change."""
    return [(tag, sorted(set(attrs) - {"style"})) for tag, attrs in page.tags]


def test_names_are_text(predict, patches):
    """Names of scenes, models, bands and classes never become tags, attributes or links abroad."""
    pages = []
    for name, word in (("scene", "word"), (HOSTILE, "</style><script>alert(1)</script>")):
        classes = [LegendClass(name=f"{word}{number}", colour="#102030") for number in range(5)]
        card = {"version": word, "bands": (word, f"{word}2", f"{word}3"), "legend": Legend(classes=tuple(classes))}
        made, page = predict(patches(f"{name}.tif"), card=card, bands=(1, 2, 3))
        pages.append(tags_of(page))
        assert "Map of " + name.replace("\u202e", r"\u202e") in page.text
        assert f"./{name}_classes.tif" in {unquote(link) for link in page.values("a", "href")}
        for style in page.values("span", "style"):
            assert re.fullmatch("background: #102030", style)
        assert "\u202e" not in made.outputs.report.read_text(encoding="utf-8")
    assert pages[0] == pages[1]


def test_it_is_light(predict, write_scene, noise):
    """Of noise in every pixel, which no picture compresses, and words without end, it is under a megabyte."""
    word = "word " * 50_000
    classes = (*AERIAL.classes[:4], LegendClass(name=word, colour="#102030"))
    card = {"legend": Legend(classes=classes, road=2), "provenance": {"data": word}}
    made, page = predict(write_scene(noise(1300, 1100)), card=card, confidence=True)
    assert made.outputs.report.stat().st_size < 1e6
    sides = [max(page.picture(alt).size) for alt in ("The scene", "Class raster", "Probability of the class")]
    assert min(sides) >= 300
    assert max(sides) <= 1000


@pytest.mark.parametrize("blocks", [{}, {"tiled": True, "blockxsize": 64, "blockysize": 64}])
def test_large_scenes_without_overviews(predict, patches, blocks, monkeypatch):
    """They are read in columns that fit a cache, and show the same."""
    _, whole = predict(patches(**blocks), roads=False)
    monkeypatch.setattr("geoseg.prediction.report.pictures._CACHE_BYTES", 2**14)
    monkeypatch.setattr("geoseg.prediction.report.pictures._AVERAGED_PIXELS", 0)
    _, parts = predict(patches("again.tif", **blocks), roads=False)
    np.testing.assert_array_equal(*(np.asarray(page.picture("The scene")) for page in (whole, parts)))


def test_overviews_are_read(predict, write_scene, noise):
    """The picture of a large scene is made from its overviews, not from its own pixels."""
    scene = write_scene(np.full((3, 2100, 600), 200, np.uint8), tiled=True)
    with rasterio.open(scene, "r+") as dataset:
        dataset.build_overviews([2], Resampling.nearest)
    with rasterio.open(scene, "r+") as dataset:
        dataset.write(noise(2100, 600))
    _, page = predict(scene, roads=False)
    assert np.ptp(np.asarray(page.picture("The scene"))) <= 2


def test_it_is_a_result(predict, patches, write_bundle, echo, tmp_path):
    """It is refused and replaced as other results are; a run without it removes it, and leaves others' pages."""
    scene = patches()
    made, _ = predict(scene)
    report = made.outputs.report
    assert report == tmp_path / "out" / "scene_report.html"
    with pytest.raises(OutputError, match="exists"):
        predict(scene)
    for path in set(made.outputs.files) - {report}:
        path.unlink()
    with pytest.raises(OutputError, match=r"scene_report\.html exists"):
        predict(scene)
    predict(scene, overwrite=True)
    again = {"model": write_bundle(), "folder": tmp_path / "out", "load": echo, "overwrite": True}
    assert geoseg.predict(scene, **again).outputs.report is None
    assert not report.exists()
    report.write_text("<p>theirs</p>")
    geoseg.predict(scene, **again)
    with pytest.raises(OutputError, match="is not a report of geoseg's results; choose another `folder`"):
        predict(scene, overwrite=True)
    assert report.read_text() == "<p>theirs</p>"


def test_maps_do_not_depend_on_it(predict, patches, write_bundle, echo, tmp_path):
    """The other files have the same bytes with it."""
    made, _ = predict(patches(), confidence=True)
    plain = geoseg.predict(patches(), model=write_bundle(), folder=tmp_path / "plain", load=echo, confidence=True)
    for path in plain.outputs.files:
        assert path.read_bytes() == (made.outputs.classes.parent / path.name).read_bytes()


def test_command(patches, write_bundle, echo, tmp_path, monkeypatch):
    """`predict --report` writes it, and names it among the results."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    words = ["predict", patches(), "-m", write_bundle(), "-o", tmp_path / "out", "--no-roads", "--report"]
    done = CliRunner().invoke(main, [*map(str, words)])
    assert done.exit_code == 0, done.output
    assert "scene_report.html" in done.output
    assert "Map of scene" in Report((tmp_path / "out" / "scene_report.html").read_text()).text


def test_batch(patches, write_bundle, echo, tmp_path):
    """Each scene of a batch has its own, on request, among the files of the manifest."""
    scenes = [patches("one.tif"), patches("two.tif")]
    options = {"model": write_bundle(), "folder": tmp_path / "out", "load": echo, "roads": False}
    assert len(batch(list(map(str, scenes)), **options, report=True).done) == 2
    records = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    paths = {output["path"] for record in records for output in record.get("outputs", [])}
    assert {"one_report.html", "two_report.html"} <= paths

"""Results opened in QGIS show their legend: checked as XML, and by QGIS itself where it is installed."""

import json
import shutil
import subprocess
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rasterio
import shapely

import geoseg
from geoseg.models.legend import AERIAL
from geoseg.vectors import qgis
from geoseg.vectors.targets import name_targets
from geoseg.vectors.write import write_files

QGIS_PYTHON = shutil.which("python3", path="/usr/bin")  # QGIS is installed for the system's Python

QGIS = """
import json, os, sys
os.environ.update(QT_QPA_PLATFORM="offscreen", XDG_RUNTIME_DIR=sys.argv[1])
from qgis.core import (
    QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsRasterLayer, QgsVectorLayer
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
found = []
for source in sys.argv[2:]:
    if source.endswith(".tif"):
        layer = QgsRasterLayer(source, "classes")
        classes = [[entry.value, entry.label, entry.color.name()] for entry in layer.renderer().classes()]
        found.append({"crs": layer.crs().authid(), "renderer": layer.renderer().type(), "classes": classes})
        continue
    layer = QgsVectorLayer(source, "things", "ogr")
    if not layer.isValid():
        found.append(None)
        continue
    view = QgsMapSettings()
    view.setLayers([layer])
    view.setExtent(layer.extent())
    view.setDestinationCrs(layer.crs())
    view.setOutputSize(QSize(300, 300))
    view.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(view)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    renderer = layer.renderer()
    found.append({
        "crs": layer.crs().authid(),
        "fields": [field.name() for field in layer.fields() if field.name() != "fid"],
        "count": layer.featureCount(),
        "renderer": renderer.type(),
        "classes": [
            [each.value(), each.label(), each.symbol().color().name()]
            for each in (renderer.categories() if renderer.type() == "categorizedSymbol" else ())
        ],
        "colours": sorted({QColor(image.pixel(x, y)).name() for x in range(300) for y in range(300)}),
        "sides": [image.pixelColor(75, 150).name(), image.pixelColor(225, 150).name()],
    })
print(json.dumps(found))
"""


def has_qgis():
    """Whether the system's Python can import QGIS."""
    if QGIS_PYTHON is None:
        return False
    return subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


needs_qgis = pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")


@pytest.fixture
def show(tmp_path):
    """Return a function that opens files in QGIS and describes each; None for those it cannot open."""

    def shown(*sources):
        words = [QGIS_PYTHON, "-c", QGIS, str(tmp_path), *map(str, sources)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    return shown


def categories(style):
    """Return the field, and the value, label, type and symbol options of each category."""
    renderer = Xml.fromstring(style).find("renderer-v2")
    looks = {
        symbol.attrib["name"]: {prop.attrib["k"]: prop.attrib["v"] for prop in symbol.iter("prop")}
        for symbol in renderer.iter("symbol")
    }
    listed = [
        (each.attrib["value"], each.attrib["label"], each.attrib["type"], looks[each.attrib["symbol"]])
        for each in renderer.iter("category")
    ]
    return renderer.attrib["attr"], listed


def test_class_style_lists_the_legend():
    """Each class has one entry with its id, colour and name."""
    entries = Xml.fromstring(qgis.class_style(AERIAL)).iter("paletteEntry")
    found = [(int(entry.attrib["value"]), entry.attrib["color"], entry.attrib["label"]) for entry in entries]
    assert found == [(number, entry.colour, entry.name) for number, entry in enumerate(AERIAL.classes)]


def test_polygon_style_lists_classes():
    """Each class has a category with its id, name and fill colour, even if names need escapes."""
    field, listed = categories(qgis.polygon_style([(0, "water", "#0000ff"), (7, "wood & <scrub>", "#102030")]))
    assert field == "class_id"
    assert [(value, label, kind, look["color"]) for value, label, kind, look in listed] == [
        ("0", "water", "long", "0,0,255,255"),
        ("7", "wood & <scrub>", "long", "16,32,48,255"),
    ]


def test_network_and_difference_styles_list_their_values():
    """Each kind of edge and status of junction has its own colour; missed and false lines differ."""
    for style, field, values, key in (
        (qgis.edge_style(), "kind", ["road", "ring", "plaza"], "line_color"),
        (qgis.junction_style(), "status", ["found", "missed", "false"], "color"),
    ):
        found, listed = categories(style)
        assert found == field
        assert [(value, label, kind) for value, label, kind, _ in listed] == [(each, each, "string") for each in values]
        assert len({look[key] for *_, look in listed}) == 3
    assert qgis.difference_style("missed") != qgis.difference_style("false")


@needs_qgis
def test_qgis_shows_the_legend(write_scene, write_bundle, noise, echo, tmp_path, show):
    """QGIS loads the style of a class raster: class names and colours."""
    result = geoseg.predict(write_scene(noise(90, 90)), model=write_bundle(), load=echo, folder=tmp_path / "out")
    (found,) = show(result.outputs.classes)
    classes = [[number, entry.name, entry.colour] for number, entry in enumerate(AERIAL.classes)]
    assert found == {"crs": "EPSG:32633", "renderer": "paletted", "classes": classes}


@needs_qgis
def test_qgis_shows_networks(tmp_path, show, layer):
    """QGIS opens every format with its CRS, fields and features, loads the style and draws its colours.

    Debian's QGIS is built without Parquet: there, that file is skipped.
    """
    # Several lines of each kind: a line between two pixel rows is drawn in blended colours only.
    lines = [
        shapely.LineString([(500_000, y - 3), (500_000, y), (500_100, y), (500_100, y + 3)])
        for y in 5_400_000 + 7.3 * np.arange(12)
    ]
    edges = layer(lines, name="edges", style=qgis.edge_style(), kinds=4 * ["road", "ring", "plaza"])
    points = shapely.points([(500_000, 5_400_000), (500_050, 5_400_050), (500_100, 5_400_100)]).tolist()
    nodes = layer(points, name="nodes", geometry_type="Point", style=qgis.node_style())
    wanted = name_targets(tmp_path / "roads.gpkg", ["geojson", "flatgeobuf", "parquet"], "scene.tif")
    write_files([edges, nodes], wanted, tmp_path)
    package, *others = wanted.by_format.values()
    dots, *found = show(f"{package}|layername=nodes", f"{package}|layername=edges", *others)
    assert (dots["count"], dots["renderer"]) == (3, "singleSymbol")
    assert "#ff6a00" not in dots["colours"]
    assert len(dots["colours"]) > 3
    for path, each in zip(wanted.by_format.values(), found, strict=True):
        if path.suffix == ".parquet" and each is None:
            continue
        assert each["crs"] == ("EPSG:4326" if path.suffix == ".geojson" else "EPSG:32633")
        assert each["fields"] == ["id", "width_m", "paved", "kind"]
        assert (each["count"], each["renderer"]) == (12, "categorizedSymbol")
        assert {"#ff6a00", "#d627a0", "#0096c8"} <= set(each["colours"])


@needs_qgis
def test_qgis_shows_classes(write_scene, tmp_path, show):
    """QGIS draws polygons in the colours of their classes, also from a GeoPackage moved away from the style file."""
    values = np.zeros((1, 20, 20), np.uint8)
    values[:, :, 10:] = 4
    path = write_scene(values, "classes.tif", nodata=255)
    with rasterio.open(path, "r+") as raster:
        raster.update_tags(GEOSEG_LEGEND=json.dumps(AERIAL.to_json()))
    made = geoseg.polygonise(path, tmp_path / "areas.gpkg", formats=["geojson", "flatgeobuf"])
    package = (tmp_path / "areas.gpkg").rename(tmp_path / "moved.gpkg")
    found = show(package, *made.files[2:])
    assert [each["crs"] for each in found] == ["EPSG:32633", "EPSG:4326", "EPSG:32633"]
    for each in found:
        assert each["count"] == 2
        assert each["fields"] == ["id", "class_id", "name", "area_m2"]
        assert each["classes"] == [
            [str(number), entry.name, entry.colour] for number, entry in enumerate(AERIAL.classes)
        ]
        assert each["sides"] == [AERIAL.classes[0].colour, AERIAL.classes[4].colour]

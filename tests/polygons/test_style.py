import json
import shutil
import subprocess
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from geoseg.models.legend import AERIAL
from geoseg.polygons import polygonise
from geoseg.polygons.classes import Classes
from geoseg.polygons.style import polygon_style

QGIS_PYTHON = shutil.which("python3", path="/usr/bin")  # QGIS comes with the system's Python, not with a virtual one

QGIS = """
import json, os, sys
os.environ.update(QT_QPA_PLATFORM="offscreen", XDG_RUNTIME_DIR=sys.argv[1])
from qgis.core import (
    QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsPointXY, QgsVectorLayer
)
from qgis.PyQt.QtCore import QSize
QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
found = []
for path in sys.argv[2:]:
    layer = QgsVectorLayer(path, "areas", "ogr")
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(200, 200))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    categories = layer.renderer().categories()
    found.append({
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "count": layer.featureCount(),
        "fields": [field.name() for field in layer.fields() if field.name() != "fid"],
        "classes": [[each.value(), each.label(), each.symbol().color().name()] for each in categories],
        "pixels": [image.pixelColor(50, 100).name(), image.pixelColor(150, 100).name()],
    })
print(json.dumps(found))
"""


def has_qgis():
    """Whether the system's Python can import QGIS."""
    if QGIS_PYTHON is None:
        return False
    return subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


def test_style_lists_classes():
    """Each class has a category by its id, with its name and a fill of its colour, also where names need escapes."""
    classes = Classes(names={0: "water", 7: "wood & <scrub>"}, colours={0: "#0000ff", 7: "#102030"})
    root = Xml.fromstring(polygon_style(classes, [0, 7]))
    renderer = root.find("renderer-v2")
    assert renderer.attrib["attr"] == "class_id"
    categories = [(each.attrib["value"], each.attrib["label"]) for each in renderer.iter("category")]
    assert categories == [("0", "water"), ("7", "wood & <scrub>")]
    fills = {each.attrib["name"]: each.find(".//prop[@k='color']").attrib["v"] for each in renderer.iter("symbol")}
    assert [fills[each.attrib["symbol"]] for each in renderer.iter("category")] == ["0,0,255,255", "16,32,48,255"]


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")
def test_qgis_shows_the_classes(write_classes, tmp_path):
    """QGIS loads each format with its CRS, fields and polygons, finds the style by itself, and draws class colours."""
    values = np.zeros((20, 20), np.uint8)
    values[:, 10:] = 4
    path = write_classes(values, nodata=255, tags={"GEOSEG_LEGEND": json.dumps(AERIAL.to_json())})
    made = polygonise(path, tmp_path / "areas.gpkg", formats=["geojson", "flatgeobuf"])
    # Apart from the others' style file, a GeoPackage has its own.
    package = (tmp_path / "areas.gpkg").rename(tmp_path / "moved.gpkg")
    files = [str(package), *map(str, made.files[2:])]
    done = subprocess.run([QGIS_PYTHON, "-c", QGIS, str(tmp_path), *files], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert [each["crs"] for each in found] == ["EPSG:32633", "EPSG:4326", "EPSG:32633"]
    for each in found:
        assert each["valid"]
        assert each["count"] == 2
        assert each["fields"] == ["id", "class_id", "name", "area_m2"]
        assert each["classes"] == [
            [str(number), entry.name, entry.colour] for number, entry in enumerate(AERIAL.classes)
        ]
        assert each["pixels"] == [AERIAL.classes[0].colour, AERIAL.classes[4].colour]

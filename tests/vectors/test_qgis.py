"""Results dragged into QGIS show the legend: read by QGIS itself where it is installed, as XML everywhere."""

import json
import shutil
import subprocess
from xml.etree import ElementTree as Xml

import pytest

import geoseg
from geoseg.models.legend import AERIAL
from geoseg.vectors.qgis import class_style

QGIS_PYTHON = shutil.which("python3", path="/usr/bin")  # QGIS comes with the system's Python, not with a virtual one

QGIS = """
import json, os, sys
os.environ.update(QT_QPA_PLATFORM="offscreen", XDG_RUNTIME_DIR=sys.argv[2])
from qgis.core import QgsApplication, QgsRasterLayer
QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
raster = QgsRasterLayer(sys.argv[1], "classes")
print(json.dumps({
    "raster": [raster.isValid(), raster.crs().authid(), raster.renderer().type()],
    "classes": [[entry.value, entry.label, entry.color.name()] for entry in raster.renderer().classes()],
}))
"""


def has_qgis():
    """Whether the system's Python can import QGIS."""
    if QGIS_PYTHON is None:
        return False
    return subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


def test_class_style_lists_the_legend():
    """Each class has one entry with its id, colour and name."""
    entries = Xml.fromstring(class_style(AERIAL)).iter("paletteEntry")
    found = [(int(entry.attrib["value"]), entry.attrib["color"], entry.attrib["label"]) for entry in entries]
    assert found == [(number, entry.colour, entry.name) for number, entry in enumerate(AERIAL.classes)]


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")
def test_qgis_shows_the_legend(write_scene, write_bundle, noise, echo, tmp_path):
    """QGIS finds the style by itself: class names and colours."""
    result = geoseg.predict(write_scene(noise(90, 90)), model=write_bundle(), load=echo, folder=tmp_path / "out")
    files = [str(result.outputs.classes), str(tmp_path)]
    done = subprocess.run([QGIS_PYTHON, "-c", QGIS, *files], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["raster"] == [True, "EPSG:32633", "paletted"]
    assert found["classes"] == [[number, entry.name, entry.colour] for number, entry in enumerate(AERIAL.classes)]

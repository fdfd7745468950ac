"""Networks dragged into QGIS show: read by QGIS itself where it is installed."""

import json
import shutil
import subprocess

import pytest

from geoseg.roads import write_roads
from geoseg.roads.styles import edge_style
from geoseg.vectors.formats import VECTOR_ENDINGS

QGIS_PYTHON = shutil.which("python3", path="/usr/bin")  # QGIS comes with the system's Python, not with a virtual one

QGIS = """
import json, os, sys
os.environ.update(QT_QPA_PLATFORM="offscreen", XDG_RUNTIME_DIR=sys.argv[1])
from qgis.core import QgsApplication, QgsMapSettings, QgsMapRendererSequentialJob, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
QgsApplication.setPrefixPath("/usr", True)
app = QgsApplication([], False)
app.initQgis()
found = {}
for source in sys.argv[2:]:
    layer = QgsVectorLayer(source, "roads", "ogr")
    if not layer.isValid():
        found[source] = None
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
    image.save(sys.argv[1] + "/map.png")
    colours = {QColor(image.pixel(x, y)).name() for x in range(300) for y in range(300)}
    found[source] = {
        "crs": layer.crs().authid(),
        "fields": [field.name() for field in layer.fields()],
        "count": layer.featureCount(),
        "renderer": layer.renderer().type(),
        "colours": sorted(colours),
    }
print(json.dumps(found))
"""


def has_qgis():
    """Whether the system's Python can import QGIS."""
    if QGIS_PYTHON is None:
        return False
    return subprocess.run([QGIS_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")
def test_qgis_opens_every_format(tangle, trace_levels, tmp_path):
    """CRS, fields, count and style are there, and a map shows the colours of roads, rings and places.

    Parquet opens where QGIS was built with it; Debian's was not.
    """
    network = trace_levels(tangle, gsd=0.5)
    for name, suffix in VECTOR_ENDINGS.items():
        write_roads(network, tmp_path / f"roads{suffix}", name)
    (tmp_path / "roads.qml").write_text(edge_style())
    edges, nodes = (f"{tmp_path}/roads.gpkg|layername={layer}" for layer in ("edges", "nodes"))
    files = [str(tmp_path / f"roads{suffix}") for suffix in (".geojson", ".fgb", ".parquet")]
    done = subprocess.run(
        [QGIS_PYTHON, "-c", QGIS, str(tmp_path), edges, nodes, *files], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found[nodes]["count"] == len(network.nodes.degree)
    assert found[nodes]["renderer"] == "singleSymbol"
    assert "#ff6a00" not in found[nodes]["colours"]
    assert len(found[nodes]["colours"]) > 3
    assert found[nodes]["fields"] == ["fid", "node_id", "degree", "on_scene_edge"]
    for source in (edges, *files):
        if source.endswith(".parquet") and found[source] is None:
            continue
        layer = found[source]
        assert layer["crs"] == ("EPSG:4326" if source.endswith("json") else "EPSG:32632")
        assert [name for name in layer["fields"] if name != "fid"] == [
            *("id", "from_node", "to_node", "component_id", "length_m", "width_m", "width_sd_m"),
            *("prob_mean", "prob_min", "gap_m", "kind"),
        ]
        assert layer["count"] == len(network)
        assert layer["renderer"] == "categorizedSymbol"
        assert {"#ff6a00", "#d627a0", "#0096c8"} <= set(layer["colours"])

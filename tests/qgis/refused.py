"""Ask for what is refused before geoseg starts; print why."""

import sys

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsRasterLayer, QgsVectorLayer
from session import answer, load, project

(roads,) = sys.argv[1:]
edited = QgsVectorLayer(roads, "my roads")
sketch = QgsVectorLayer("LineString?crs=EPSG:32633", "sketch", "memory")
web = QgsRasterLayer("type=xyz&url=file:///none/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=18&zmin=18", "web imagery", "wms")
project.addMapLayers([edited, sketch, web])


def refusal(algorithm, **parameters):
    """Return what an algorithm that fails logs, and its error; nothing of one that does not."""
    log = QgsProcessingFeedback(False)
    try:
        load(algorithm, parameters, log)
    except QgsProcessingException as error:
        return f"{log.textLog()}\n{error}"
    return ""


edited.startEditing()
begun = refusal("geoseg:evaluateroads", PREDICTED=edited, REFERENCE=roads, FOLDER="TEMPORARY_OUTPUT")
edited.deleteFeature(next(edited.getFeatures()).id())
changed = refusal("geoseg:evaluateroads", PREDICTED=edited, REFERENCE=roads, FOLDER="TEMPORARY_OUTPUT")
edited.rollBack()
answer(
    {
        "begun": begun,
        "edited": changed,
        "sketch": refusal("geoseg:evaluateroads", PREDICTED=roads, REFERENCE=sketch, FOLDER="TEMPORARY_OUTPUT"),
        "folder": refusal("geoseg:predict", INPUT=web, EXTENT="0,90,0,90 [EPSG:3857]", FOLDER="/proc/none/maps"),
    }
)

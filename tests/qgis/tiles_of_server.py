"""Map an extent of tiles, as of a server, twice."""

import sys
from contextlib import suppress

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsRasterLayer
from session import answer, load, project

tiles, extent, folder = sys.argv[1:]
layer = QgsRasterLayer(f"type=xyz&url=file://{tiles}/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=18&zmin=18", "web imagery", "wms")
assert layer.isValid()
project.addMapLayer(layer)
parameters = {"INPUT": "web imagery", "FOLDER": folder, "ROADS": False, "PIXEL_SIZE": 0.5}
log = QgsProcessingFeedback(False)
with suppress(QgsProcessingException):
    load("geoseg:predict", parameters, log)
results = load("geoseg:predict", {**parameters, "EXTENT": extent})
again = load("geoseg:predict", {**parameters, "EXTENT": extent, "OVERWRITE": True})
answer({"error": log.textLog(), "results": results, "again": again})

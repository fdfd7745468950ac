"""Leave fields empty in all ways in which scripts, models and `qgis_process` do; print the commands."""

import sys
from contextlib import suppress

import processing
from qgis.core import QgsProcessingException, QgsProcessingFeedback
from qgis.PyQt.QtCore import QVariant
from session import answer

raster, output = sys.argv[1:]
log = QgsProcessingFeedback(False)
for empty in (None, "", QVariant(), QVariant(QVariant.Int), QVariant(QVariant.Double)):
    numbers = dict.fromkeys(("CLASS", "THRESHOLD"), empty)
    processing.run("geoseg:roads", {"INPUT": raster, "OUTPUT": output, **numbers}, feedback=log)
    areas = dict.fromkeys(("EXTENT", "AOI"), empty)
    with suppress(QgsProcessingException):  # there are no results
        processing.run("geoseg:predict", {"INPUT": raster, "FOLDER": f"{output}_maps", **areas}, feedback=log)
processing.run("geoseg:roads", {"INPUT": raster, "OUTPUT": output, "CLASS": 0}, feedback=log)
answer([line for line in log.textLog().splitlines() if "--json-progress" in line])

"""Plan to write an extent of a layer in degrees, with pixels of 1 m."""

import sys

from geoseg_qgis.scenes import extent_of
from qgis.core import QgsRasterLayer, QgsRectangle
from session import answer, project

layer = QgsRasterLayer(sys.argv[1], "scene")
project.addMapLayer(layer)
plan = extent_of(layer, QgsRectangle(25.0, 60.0, 25.002, 60.001), 1.0)
answer({"width": plan.width, "height": plan.height, "extent": plan.extent.toString(9)})

"""Map a scene, polygons and a resized image into a project; render it to a picture, and describe the layers."""

import sys

from qgis.core import QgsLayerTreeModel, QgsMapRendererParallelJob, QgsMapSettings, QgsRasterLayer
from qgis.gui import QgsLayerTreeView
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
from session import answer, application, load, project

scene, folder = sys.argv[1:]
tree = QgsLayerTreeModel(project.layerTreeRoot())
tree.setAutoCollapseLegendNodes(10)  # as in the window
panel = QgsLayerTreeView()
panel.setModel(tree)
panel.show()
project.addMapLayer(QgsRasterLayer(scene, "my scene"))
mapped = load("geoseg:predict", {"INPUT": "my scene", "FOLDER": folder, "CONFIDENCE": True})
classes = mapped["CLASSES"]
areas = {"INPUT": classes, "OUTPUT": f"{folder}/areas.gpkg", "MIN_AREA": 100, "SIMPLIFY": 1.5}
load("geoseg:polygons", areas)
load("geoseg:resize", {"INPUT": scene, "OUTPUT": f"{folder}/half.tif", "SCALE": 0.5})


def symbols(layer):
    if isinstance(layer, QgsRasterLayer):
        return [[label, colour.name()] for label, colour in layer.legendSymbologyItems()]
    renderer = layer.renderer()
    return [[each.label(), each.symbol().color().name()] for each in renderer.categories()]


def describe(node):
    layer = node.layer()
    return {
        "name": node.name(), "crs": layer.crs().authid(), "source": layer.source(), "symbols": symbols(layer),
        "valid": layer.isValid(), "expanded": panel.isExpanded(panel.node2index(node)),
    }  # fmt: skip


application.processEvents()
settings = QgsMapSettings()
settings.setOutputSize(QSize(600, 600))
settings.setBackgroundColor(QColor("white"))
layers = [node.layer() for node in project.layerTreeRoot().findLayers() if node.name().startswith(("roads", "classes"))]
settings.setLayers(layers)
settings.setDestinationCrs(layers[0].crs())
settings.setExtent(layers[-1].extent())
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
job.renderedImage().save(f"{folder}/map.png")
groups = {
    group.name(): [describe(node) for node in group.findLayers()] for group in project.layerTreeRoot().findGroups()
}
outside = [node.name() for node in project.layerTreeRoot().children() if node.name() not in groups]
answer({"groups": groups, "outside": outside, "results": mapped})

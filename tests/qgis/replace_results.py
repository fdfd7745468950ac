"""Map a scene, and replace the results while the project shows them: first loading them again, then not."""

import sys

import numpy as np
from qgis.core import QgsRasterLayer, QgsVectorLayer
from session import answer, load, project

scene, folder, made = sys.argv[1:]


def describe(layer):
    """Return what a layer shows: its values and their names, or its features."""
    if not isinstance(layer, QgsRasterLayer):
        return {"features": len([*layer.getFeatures()]), "counted": layer.featureCount()}
    size = [layer.width(), layer.height()]
    if layer.name().startswith("confidence"):
        opened = QgsRasterLayer(layer.source())
        shades = opened.renderer().contrastEnhancement()
        return {"range": [shades.minimumValue(), shades.maximumValue()], "size": size}
    block = layer.dataProvider().block(1, layer.extent(), *size)
    names = [each.label for each in layer.renderer().classes()]
    return {"values": np.unique(np.frombuffer(bytes(block.data()), np.uint8)).tolist(), "names": names, "size": size}


def show():
    nodes = project.layerTreeRoot().findLayers()
    return {node.name().partition(" (")[0]: describe(node.layer()) for node in nodes} | {"layers": len(nodes)}


common = {"INPUT": scene, "FOLDER": folder}
load("geoseg:predict", {**common, "MORE": f"{made}0"})
project.addMapLayer(QgsVectorLayer(f"{folder}/scene_roads.gpkg|layername=nodes", "junctions"))
told = [show()]
load("geoseg:predict", {**common, "MORE": f"{made}1"})
told.append(show())
load("geoseg:predict", {**common, "MORE": f"{made}2", "LOAD": False})
told.append(show())
answer(told)

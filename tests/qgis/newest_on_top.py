"""Map a scene into two folders, in a window that adds layers to the current group; print its layers from the top."""

import sys

from qgis.core import QgsLayerTreeRegistryBridge
from session import answer, load, project

scene, folder, made = sys.argv[1:]


def follow(_layer):
    """Have the next layer added on top of the group, once there is one, as if one of its layers were the current."""
    for group in project.layerTreeRoot().findGroups():
        project.layerTreeRegistryBridge().setLayerInsertionPoint(QgsLayerTreeRegistryBridge.InsertionPoint(group, 0))


project.layerWasAdded.connect(follow)
for number in (0, 1):
    load("geoseg:predict", {"INPUT": scene, "FOLDER": f"{folder}{number}", "MORE": made})
(group,) = project.layerTreeRoot().findGroups()
answer([[node.name(), node.layer().source().partition("|")[0]] for node in group.findLayers()])

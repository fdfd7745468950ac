"""Map a scene into two folders; print the layers of its group from the top."""

import sys

from session import answer, load, project

scene, folder, made = sys.argv[1:]
for number in (0, 1):
    load("geoseg:predict", {"INPUT": scene, "FOLDER": f"{folder}{number}", "MORE": made})
(group,) = project.layerTreeRoot().findGroups()
answer([[node.name(), node.layer().source().partition("|")[0]] for node in group.findLayers()])

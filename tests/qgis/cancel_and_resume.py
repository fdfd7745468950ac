"""Cancel a prediction once it has begun, and start it again; print what was there in between."""

import sys
from pathlib import Path

from qgis.core import QgsProcessingException, QgsProcessingFeedback
from session import answer, load

scene, folder = sys.argv[1:]


class Impatient(QgsProcessingFeedback):
    """Cancels as soon as there is progress."""

    def __init__(self):
        super().__init__(False)
        self.progressChanged.connect(lambda percent: self.cancel() if percent else None)


parameters = {"INPUT": scene, "FOLDER": folder, "FORMAT": "geojson"}
error = ""
try:
    load("geoseg:predict", parameters, Impatient())
except QgsProcessingException as raised:
    error = str(raised)
left = sorted(path.name for path in Path(folder).iterdir())
again = QgsProcessingFeedback(False)
first = []
again.progressChanged.connect(first.append)
load("geoseg:predict", parameters, again)
answer({"error": error, "left": left, "first": first[0]})

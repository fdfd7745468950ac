"""Run an algorithm in the main thread, as a batch does, and cancel it from the window while geoseg says nothing."""

import sys

from qgis.core import QgsProcessingException, QgsProcessingFeedback
from qgis.PyQt.QtCore import QTimer
from session import answer, load

scene, folder = sys.argv[1:]
feedback = QgsProcessingFeedback(False)
click = QTimer()
click.timeout.connect(feedback.cancel)
click.start(500)
try:
    load("geoseg:predict", {"INPUT": scene, "FOLDER": folder}, feedback)
except QgsProcessingException as error:
    answer(str(error))

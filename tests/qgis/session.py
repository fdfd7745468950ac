"""QGIS without its window: a project, the provider, and Processing's own way to run. Imported by QGIS's Python."""

import json
import os
import sys

import processing
from geoseg_qgis.provider import GeosegProvider
from processing.core.Processing import Processing
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProject

application = QgsApplication([], True)
application.initQgis()
Processing.initialize()
provider = GeosegProvider()
QgsApplication.processingRegistry().addProvider(provider)
project = QgsProject.instance()


def load(algorithm, parameters, feedback=None):
    """Run an algorithm as the toolbox does, with its results added to the project."""
    context = QgsProcessingContext()
    context.setProject(project)
    return processing.runAndLoadResults(algorithm, parameters, feedback or QgsProcessingFeedback(), context)


def answer(value):
    """Print the result of the script, and leave without the crashes of a QGIS that is torn down."""
    print(json.dumps(value), flush=True)
    sys.stdout.flush()
    os._exit(0)

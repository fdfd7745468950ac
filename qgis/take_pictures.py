"""Run inside QGIS by screenshots.py: fill in the dialogs, run a prediction, and save pictures of the windows."""

import os
from pathlib import Path

import processing
from geoseg_qgis.setup_dialog import SetupDialog
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QEventLoop, QTimer
from qgis.PyQt.QtWidgets import QDockWidget, QWidget
from qgis.utils import iface

FOLDER, SCENE = Path(os.environ["GEOSEG_PICTURES"]), os.environ["GEOSEG_SCENE"]


def wait(seconds: float) -> None:
    """Let QGIS draw."""
    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec_()


def save(widget: QWidget, name: str) -> None:
    """Save a picture of a window."""
    wait(1)
    widget.grab().save(str(FOLDER / f"{name}.png"))


def main() -> None:
    """Take all pictures, and exit."""
    window = iface.mainWindow()
    window.resize(1340, 820)
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() in ("Layers", "ProcessingToolbox"))
    window.findChild(QDockWidget, "ProcessingToolbox").searchBox.setText("geoseg")
    QgsProject.instance().addMapLayer(QgsRasterLayer(SCENE, "suburb"))
    command = os.environ.pop("GEOSEG_COMMAND")  # as in a profile that is new
    dialog = SetupDialog(window)
    dialog.show()
    save(dialog, "set_up")
    dialog.close()
    os.environ["GEOSEG_COMMAND"] = command
    out = FOLDER / "maps"
    dialog = processing.createAlgorithmDialog("geoseg:predict", {"FOLDER": str(out)})
    dialog.resize(980, 740)
    dialog.show()
    save(dialog, "predict")
    dialog.resize(980, 640)
    dialog.runAlgorithm()
    while not dialog.wasExecuted():
        wait(0.5)
    wait(4)
    save(dialog, "progress")
    dialog.close()
    wait(3)
    while iface.mapCanvas().isDrawing():
        wait(0.5)
    iface.messageBar().clearWidgets()
    save(window, "results")
    os._exit(0)


QTimer.singleShot(4000, main)

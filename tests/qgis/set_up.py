"""Set geoseg up in the dialog: with a command that is none, one that is, and by installing from a folder of wheels."""

import sys

from geoseg_qgis.plugin import GeosegPlugin
from geoseg_qgis.settings import chosen_command, current_program, environment_folder
from geoseg_qgis.setup_dialog import SetupDialog
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QLabel
from session import answer, application

geoseg, wheels = sys.argv[1:]
said = {"squeezed": []}


def look(dialog):
    """Keep labels that show less than their text."""
    for _ in range(3):
        application.processEvents()
    labels = [label for label in dialog.findChildren(QLabel) if label.isVisible()]
    said["squeezed"] += [label.text() for label in labels if label.height() < label.heightForWidth(label.width())]


class Window:
    """A window with a message bar, as far as the plugin uses it."""

    def mainWindow(self):
        return None

    def messageBar(self):
        return self

    def pushMessage(self, title, text, level, duration):
        said["done"] = [f"{title}: {text}", level, duration]


def press():
    """Press the button of the dialog that is open."""
    next(each for each in application.topLevelWidgets() if each.isVisible())._go.click()


dialog = SetupDialog()
dialog.show()
look(dialog)
said["first"] = dialog._state.text()
dialog._other.setChecked(True)
dialog._command.setFilePath("/bin/false")
dialog._go.click()
look(dialog)
said["wrong"], said["kept"] = dialog._state.text(), chosen_command()
dialog._command.setFilePath(geoseg)
dialog._go.click()
said["accepted"], said["command"] = dialog.result(), chosen_command()
QTimer.singleShot(500, press)
GeosegPlugin(Window())._set_up()

dialog = SetupDialog()
dialog.show()
dialog._own.setChecked(True)
dialog._folder.setFilePath(wheels)
dialog._offline.setChecked(True)
dialog._go.click()
look(dialog)
while dialog._making is not None:
    application.processEvents()
said["installed"], said["own"] = dialog.result(), str(current_program())
said["folder"], said["state"] = str(environment_folder()), dialog._state.text()
answer(said)

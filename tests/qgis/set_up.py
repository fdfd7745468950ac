"""Set geoseg up in the dialog: with a command that is none, one that is, and by installing from a folder of wheels."""

import sys

from geoseg_qgis.settings import chosen_command, current_program, environment_folder
from geoseg_qgis.setup_dialog import SetupDialog
from session import answer, application

geoseg, wheels = sys.argv[1:]
said = {}
dialog = SetupDialog()
said["first"] = dialog._state.text()
dialog._other.setChecked(True)
dialog._command.setFilePath("/bin/false")
dialog._go.click()
said["wrong"], said["kept"] = dialog._state.text(), chosen_command()
dialog._command.setFilePath(geoseg)
dialog._go.click()
said["accepted"], said["command"] = dialog.result(), chosen_command()

dialog = SetupDialog()
dialog._own.setChecked(True)
dialog._wheels.setFilePath(wheels)
dialog._offline.setChecked(True)
dialog._go.click()
while dialog._making is not None:
    application.processEvents()
said["installed"], said["own"] = dialog.result(), str(current_program())
said["folder"], said["state"] = str(environment_folder()), dialog._state.text()
answer(said)

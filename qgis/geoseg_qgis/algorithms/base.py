"""What all algorithms have in common: they run one geoseg command, and end as it does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QCoreApplication, QThread, QVariant
from qgis.PyQt.QtGui import QIcon

from ..program import ProgramError, required_version
from ..results import reload_layers
from ..runner import Ending, Listener, run
from ..settings import current_program
from .options import Choice, Flag, Number, Option, arguments_of

Parameters = dict[str, Any]
_RULES = tuple("┏┃┡│└")
"""How lines of a table begin."""


class GeosegAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that runs `geoseg`."""

    ID = ""
    TITLE = ""
    SUMMARY = ""
    """Text of the dialog's side panel."""
    OPTIONS: tuple[Option, ...] = ()
    """Options of the command that are fields of the dialog."""

    def name(self) -> str:
        """Return the second part of the id, as in `geoseg:predict`."""
        return self.ID

    def displayName(self) -> str:
        """Return the name in the toolbox."""
        return self.TITLE

    def shortHelpString(self) -> str:
        """Return the text of the side panel."""
        return self.SUMMARY

    def createInstance(self) -> GeosegAlgorithm:
        """Return a new one, for a run."""
        return type(self)()

    def icon(self) -> QIcon:
        """Return the provider's icon."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Return the path of the provider's icon."""
        return self.provider().svgIconPath() if self.provider() else ""

    def addOptions(self) -> None:
        """Add the fields of all options."""
        for option in self.OPTIONS:
            self.addParameter(option.definition())

    def checkParameterValues(self, parameters: Parameters, context: QgsProcessingContext) -> tuple[bool, str]:
        """Check the fields, and offer to set geoseg up where there is a window and it is not."""
        valid, reason = super().checkParameterValues(parameters, context)
        return (valid, reason) if not valid else self._set_up()

    def optionArguments(self, parameters: Parameters, context: QgsProcessingContext) -> list[str]:
        """Return the options as given to the command."""
        values = {option.name: self._read(option, parameters, context) for option in self.OPTIONS}
        return arguments_of(self.OPTIONS, values)

    def inputRaster(self, parameters: Parameters, context: QgsProcessingContext) -> QgsRasterLayer:
        """Return the layer INPUT; QgsProcessingException if it is no raster."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, "INPUT"))
        return layer

    def resultsFolder(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Path:
        """Return the folder for the results; warn of one that QGIS will remove."""
        folder = self.parameterAsString(parameters, "FOLDER", context)
        if folder.startswith(QgsProcessingUtils.tempFolder()):
            feedback.pushWarning(
                "The results are in a temporary folder, which QGIS removes when it closes: choose a folder to keep "
                "them, and to resume after Cancel."
            )
        return Path(folder)

    def runCommand(self, arguments: Sequence[str], feedback: QgsProcessingFeedback) -> Ending:
        """Run geoseg; a failure raises QgsProcessingException with its own sentence."""
        try:
            program = current_program()
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        feedback.pushInfo(f"{program}, plugin {required_version()}")
        command = [str(program.path), "--json-progress", *arguments]
        feedback.pushCommandInfo(shlex.join(command))
        ending = run(command, _listener(feedback))
        if ending.code and ending.cancelled:
            raise QgsProcessingException("Stopped. Start it again with the same settings and folder, and it resumes.")
        if ending.code:
            raise QgsProcessingException(ending.sentence or f"geoseg ended with exit code {ending.code}.")
        reload_layers(ending.files)
        return ending

    def _read(self, option: Option, parameters: Parameters, context: QgsProcessingContext) -> object:
        """Return the value of an option's field, None if it is empty."""
        if isinstance(option, Flag):
            return self.parameterAsBool(parameters, option.name, context)
        if isinstance(option, Choice):
            return self.parameterAsEnumString(parameters, option.name, context)
        value = parameters.get(option.name, option.default if isinstance(option, Number) else None)
        if is_empty(value):  # QGIS would read 0
            return None
        if isinstance(option, Number):
            return self.parameterAsDouble(parameters, option.name, context)
        return self.parameterAsString(parameters, option.name, context)

    def _set_up(self) -> tuple[bool, str]:
        try:
            current_program()
        except ProgramError as error:
            from qgis.utils import iface

            if iface is None or QThread.currentThread() != QCoreApplication.instance().thread():
                return True, ""  # the run itself ends with this sentence
            from ..setup_dialog import SetupDialog

            if not SetupDialog(iface.mainWindow(), error.found).exec_():
                return False, str(error)
        return True, ""


def is_empty(value: Any) -> bool:  # noqa: ANN401 - of any parameter
    """Return whether the value of a parameter says that there is none."""
    return value is None or value == "" or (isinstance(value, QVariant) and value.isNull())


def result_of(ending: Ending, suffix: str) -> Path:
    """Return the first file that a run named and whose name ends so; QgsProcessingException if there is none."""
    for path in ending.files:
        if path.name.endswith(suffix):
            return path
    raise QgsProcessingException(
        f"geoseg named no file that ends in {suffix}, so nothing is loaded: take -q out of the other options."
    )


def _listener(feedback: QgsProcessingFeedback) -> Listener:
    def progress(text: str, percent: float | None) -> None:
        if percent is None:
            feedback.setProgressText(text)
        else:
            feedback.setProgress(percent)

    def say(line: str) -> None:
        # The log is HTML, which would squeeze the columns of a table.
        feedback.pushConsoleInfo(line.replace(" ", "\N{NO-BREAK SPACE}") if line[:1] in _RULES else line)

    def is_cancelled() -> bool:
        if QThread.currentThread() == QCoreApplication.instance().thread():  # of a batch, which would freeze the window
            QCoreApplication.processEvents()
        return bool(feedback.isCanceled())

    return Listener(say=say, warn=feedback.pushWarning, progress=progress, is_cancelled=is_cancelled)

"""Base of all algorithms: each runs one geoseg command, and fails if the command fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
from ..systems import SYSTEM
from ..texts import keep_columns
from .options import Choice, Flag, Number, Option, arguments_of

Parameters = dict[str, Any]
_FLAG = re.compile(r"--[a-z][a-z-]*[a-z]")
_OTHER_FIELDS = {"FOLDER": "--output", "OUTPUT": "--output", "AOI": "--aoi"}
"""Fields for options that are not in `OPTIONS`."""


class GeosegAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that runs `geoseg`."""

    ID = ""
    TITLE = ""
    SUMMARY = ""
    """Text of the dialog's side panel."""
    OPTIONS: tuple[Option, ...] = ()
    """Options of the command that have a field in the dialog."""

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
        """Return a new instance for a run."""
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
        """Check the fields; if geoseg is not set up and there is a window, offer to set it up."""
        valid, reason = super().checkParameterValues(parameters, context)
        return (valid, reason) if not valid else self._set_up()

    def optionArguments(self, parameters: Parameters, context: QgsProcessingContext) -> list[str]:
        """Return the options as arguments of the command."""
        values = {option.name: self._read(option, parameters, context) for option in self.OPTIONS}
        return arguments_of(self.OPTIONS, values)

    def inputRaster(self, parameters: Parameters, context: QgsProcessingContext) -> QgsRasterLayer:
        """Return the layer INPUT; QgsProcessingException if it is not a raster."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, "INPUT"))
        return layer

    def resultsFolder(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Path:
        """Return the folder for the results; warn if it is one that QGIS will remove."""
        folder = self.parameterAsString(parameters, "FOLDER", context)
        if Path(QgsProcessingUtils.tempFolder()) in Path(folder).parents:
            feedback.pushWarning(
                "The results are in a temporary folder, which QGIS removes when it closes: choose a folder to keep "
                "them, and to resume after Cancel."
            )
        return Path(folder)

    def runCommand(self, arguments: Sequence[str], feedback: QgsProcessingFeedback) -> Ending:
        """Run geoseg; a failure raises QgsProcessingException with geoseg's message."""
        try:
            program = current_program()
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        feedback.pushInfo(f"{program}, plugin {required_version()}")
        command = [str(program.path), "--json-progress", *arguments]
        feedback.pushCommandInfo(SYSTEM.shown(command))
        ending = run(command, _listener(feedback, self._fields_in))
        if ending.code and ending.cancelled:
            raise QgsProcessingException("Stopped. To resume, run it again with the same settings and folder.")
        if ending.code:
            sentence = ending.sentence or f"geoseg ended with exit code {ending.code}."
            raise QgsProcessingException(sentence + self._fields_in(sentence))
        reload_layers(ending.files)
        return ending

    def _fields_in(self, sentence: str) -> str:
        """Return a sentence on which fields set the options that a message of geoseg names."""
        labels = {option.flag: option.label for option in self.OPTIONS}
        for definition in self.parameterDefinitions():
            if definition.name() in _OTHER_FIELDS:
                labels[_OTHER_FIELDS[definition.name()]] = definition.description()
        flags = [flag for flag in dict.fromkeys(_FLAG.findall(sentence)) if flag in labels]
        fields = ", ".join(f"{flag} is “{labels[flag]}”{' unticked' * flag.startswith('--no-')}" for flag in flags)
        return f" In the dialog, {fields}." if fields else ""

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
                return True, ""  # the run itself ends with this message
            from ..setup_dialog import SetupDialog

            if not SetupDialog(iface.mainWindow(), error.found).exec_():
                return False, str(error)
        return True, ""


def is_empty(value: Any) -> bool:  # noqa: ANN401 - of any parameter
    """Return whether a parameter has no value."""
    return value is None or value == "" or (isinstance(value, QVariant) and value.isNull())


def make_folder(folder: Path) -> None:
    """Create a folder for files of the plugin itself, if it is missing; QgsProcessingException if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QgsProcessingException(
            f"The folder {folder} cannot be created ({error.strerror}); choose another one."
        ) from error


def result_of(ending: Ending, suffix: str) -> Path:
    """Return the first file reported by a run with this suffix; QgsProcessingException if there is none."""
    for path in ending.files:
        if path.name.endswith(suffix):
            return path
    raise QgsProcessingException(
        f"geoseg reported no file that ends in {suffix}, so nothing is loaded; remove -q from the other options."
    )


def _listener(feedback: QgsProcessingFeedback, fields_in: Callable[[str], str]) -> Listener:
    def progress(text: str, percent: float | None) -> None:
        if percent is None:
            feedback.setProgressText(text)
        else:
            feedback.setProgress(percent)

    def say(line: str) -> None:
        feedback.pushConsoleInfo(keep_columns(line))

    def is_cancelled() -> bool:
        if QThread.currentThread() == QCoreApplication.instance().thread():  # in a batch, which would freeze the window
            QCoreApplication.processEvents()
        return bool(feedback.isCanceled())

    def warn(sentence: str) -> None:
        feedback.pushWarning(sentence + fields_in(sentence))

    return Listener(say=say, warn=warn, progress=progress, is_cancelled=is_cancelled)

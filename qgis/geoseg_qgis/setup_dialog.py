"""The dialog that installs geoseg, or chooses an existing installation."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QThread, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent, QShowEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from .environment import Source, make_environment
from .program import Program, ProgramError, find_program, required_version
from .runner import Listener
from .settings import (
    choose_command,
    choose_source,
    chosen_command,
    chosen_source,
    current_program,
    environment_folder,
)
from .systems import SYSTEM


class Making(QThread):
    """Makes the environment in the background; the dialog stays responsive."""

    said = pyqtSignal(str)
    made = pyqtSignal(str)
    failed = pyqtSignal(str)

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._cancelled = Event()

    def cancel(self) -> None:
        """Stop soon, with `failed`."""
        self._cancelled.set()

    def run(self) -> None:
        """Make the environment; called in the thread."""
        listener = Listener(
            say=self.said.emit,
            warn=self.said.emit,
            progress=lambda text, _percent: self.said.emit(text),
            is_cancelled=self._cancelled.is_set,
        )
        try:
            program = make_environment(environment_folder(), required_version(), self._source, listener)
        except ProgramError as error:
            self.failed.emit(error.found)
        except OSError as error:
            self.failed.emit(str(error))
        else:
            self.made.emit(str(program))


class SetupDialog(QDialog):
    """Asks before anything is installed; accepted once a geoseg command works."""

    def __init__(self, parent: QWidget | None = None, reason: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("Set up geoseg")
        self.setMinimumWidth(620)
        self._making: Making | None = None
        self._own = QRadioButton(f"Install geoseg {required_version()} for this plugin")
        self._other = QRadioButton("Use an existing installation of geoseg")
        self._install, self._command = self._install_box(), QgsFileWidget()
        self._command.setFilePath(chosen_command())
        self._command.setDialogTitle(f"The file {SYSTEM.command_in(Path())} of a Python environment")
        (self._other if chosen_command() else self._own).setChecked(True)
        self._state = QLabel(reason or _describe_current())
        self._state.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.hide()
        self._log = QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setMaximumBlockCount(2000)
        self._log.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.Cancel)
        self._go = QPushButton()
        buttons.addButton(self._go, QDialogButtonBox.ActionRole)
        buttons.rejected.connect(self._cancel)
        self._go.clicked.connect(self._start)
        self._own.toggled.connect(self._show_choice)
        layout = QVBoxLayout(self)
        for widget in (
            self._state, self._own, self._install, self._other, self._command, self._bar, self._log, buttons
        ):  # fmt: skip
            layout.addWidget(widget)
        self._show_choice()

    def _install_box(self) -> QGroupBox:
        box = QGroupBox()
        layout = QVBoxLayout(box)
        text = QLabel(
            f"Downloads about {SYSTEM.download_gb} GB from the Python package index, and takes {SYSTEM.needed_gb} GB "
            f"of disk space in {environment_folder()}. Nothing is installed into QGIS; to remove geoseg, delete that "
            "folder."
        )
        text.setWordWrap(True)
        layout.addWidget(text)
        self._folder = QgsFileWidget()
        self._folder.setStorageMode(QgsFileWidget.GetDirectory)
        self._folder.lineEdit().setPlaceholderText("Empty: all from the package index")
        self._folder.setToolTip(
            "The folder of geoseg's repository, which holds pyproject.toml; or a folder of wheels (.whl), "
            "which are preferred to those of the package index."
        )
        self._offline = QCheckBox("Download nothing: the folder has wheels of all packages")
        source = chosen_source()
        self._folder.setFilePath("" if source.folder is None else str(source.folder))
        self._offline.setChecked(source.offline)
        form = QFormLayout()
        form.addRow("Folder of geoseg's source, or of wheels", self._folder)
        form.addRow(self._offline)
        layout.addLayout(form)
        return box

    def _show_choice(self) -> None:
        self._install.setEnabled(self._own.isChecked())
        self._command.setEnabled(self._other.isChecked())
        self._go.setText("Install" if self._own.isChecked() else "Use it")

    def _start(self) -> None:
        if self._other.isChecked():
            self._use(self._command.filePath())
            return
        folder = self._folder.filePath()
        source = Source(folder=Path(folder) if folder else None, offline=self._offline.isChecked())
        choose_source(source)
        self._set_busy(True)
        self._tell("Installing. This takes some minutes.")
        self._making = Making(source)
        self._making.said.connect(self._log.appendPlainText)
        self._making.made.connect(self._finish)
        self._making.failed.connect(self._fail)
        self._making.start()

    def _use(self, path: str) -> None:
        try:
            if not path:
                raise ProgramError(f"Choose a Python environment, or the file {SYSTEM.command_in(Path())} in it.")
            find_program(path, environment_folder())
        except ProgramError as error:
            self._tell(error.found)
            return
        choose_command(path)
        self.accept()

    def _finish(self, _program: str) -> None:
        self._join()
        choose_command("")
        self.accept()

    def _fail(self, reason: str) -> None:
        self._join()
        self._set_busy(False)
        self._tell(reason)
        self._go.setText("Try again")

    def _tell(self, sentence: str) -> None:
        """Show a message, and make room for it."""
        self._state.setText(sentence)
        self._fit()

    def _fit(self) -> None:
        """Grow to the height of all texts, which would otherwise be cut off."""
        self.layout().activate()
        self.resize(self.width(), max(self.height(), self.layout().heightForWidth(self.width())))

    def showEvent(self, event: QShowEvent) -> None:
        """Show all texts."""
        super().showEvent(event)
        self._fit()

    def _join(self) -> None:
        if self._making is not None:
            self._making.wait()
            self._making = None

    def _set_busy(self, busy: bool) -> None:
        for widget in (self._own, self._other, self._install, self._go):
            widget.setEnabled(not busy)
        self._bar.setVisible(busy)
        self._log.setVisible(True)

    def _cancel(self) -> None:
        if self._making is None:
            self.reject()
        else:
            self._making.cancel()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel a running installation instead of closing the dialog."""
        if self._making is not None:
            self._making.cancel()
            event.ignore()


def _describe_current() -> str:
    try:
        program: Program = current_program()
    except ProgramError as error:
        return error.found
    return f"In use: {program}."

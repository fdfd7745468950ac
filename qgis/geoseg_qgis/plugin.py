"""The plugin: a Processing provider, and a menu entry to set it up."""

from __future__ import annotations

from typing import Any

from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .provider import ICON, GeosegProvider

_MENU = "geoseg"


class GeosegPlugin:
    """Adds the provider and, if there is a window, the menu entry."""

    def __init__(self, iface: Any) -> None:  # noqa: ANN401 - PyQGIS has no types
        self._iface = iface
        self._provider: GeosegProvider | None = None
        self._action: QAction | None = None

    def initProcessing(self) -> None:
        """Add the provider; `qgis_process` calls nothing else."""
        self._provider = GeosegProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider and the menu entry."""
        self.initProcessing()
        self._action = QAction(QIcon(ICON), "Set up…", self._iface.mainWindow())
        self._action.triggered.connect(self._set_up)
        self._iface.addPluginToRasterMenu(_MENU, self._action)

    def unload(self) -> None:
        """Remove what was added."""
        QgsApplication.processingRegistry().removeProvider(self._provider)
        if self._action is not None:
            self._iface.removePluginRasterMenu(_MENU, self._action)

    def _set_up(self) -> None:
        from .settings import current_program
        from .setup_dialog import SetupDialog

        if SetupDialog(self._iface.mainWindow()).exec_():
            done = f"Set up: {current_program()}. Its algorithms are in Processing ▸ Toolbox ▸ geoseg."
            self._iface.messageBar().pushMessage("geoseg", done, Qgis.Success, 0)  # stays

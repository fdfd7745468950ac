"""The Processing provider: geoseg's algorithms for the toolbox, models, batches and `qgis_process`."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithms import ALGORITHMS
from .program import required_version

ICON = str(Path(__file__).with_name("icon.svg"))


class GeosegProvider(QgsProcessingProvider):
    """Algorithms of geoseg."""

    def loadAlgorithms(self) -> None:
        """Add all algorithms."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())

    def id(self) -> str:
        """Return the first part of the algorithms' ids, as in `geoseg:predict`."""
        return "geoseg"

    def name(self) -> str:
        """Return the name in the toolbox."""
        return "geoseg"

    def longName(self) -> str:
        """Return the name with the version."""
        return f"geoseg {required_version()}"

    def versionInfo(self) -> str:
        """Return the version."""
        return required_version()

    def icon(self) -> QIcon:
        """Return the icon in the toolbox."""
        return QIcon(ICON)

    def svgIconPath(self) -> str:
        """Return the path of the icon."""
        return ICON

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        """Return the formats of vector layers, the default first."""
        return ["gpkg", "geojson", "fgb"]

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Return the formats of rasters."""
        return ["tif"]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:
        """Return the format of vector layers if the user names none."""
        return "gpkg"

    def defaultRasterFileExtension(self) -> str:
        """Return the format of rasters if the user names none."""
        return "tif"

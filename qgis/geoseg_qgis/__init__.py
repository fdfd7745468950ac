"""A QGIS plugin that runs geoseg from the Processing toolbox."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:  # noqa: ANN401 - QGIS looks for this name
    """Return the plugin; `iface` is None in `qgis_process`."""
    from .plugin import GeosegPlugin  # modules that need no QGIS can be imported without it

    return GeosegPlugin(iface)

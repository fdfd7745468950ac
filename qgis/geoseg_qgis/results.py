"""Results as layers of the project: named, styled, and grouped under their scene."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from qgis.core import (
    QgsDataProvider,
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
    QgsProviderRegistry,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication, QObject, pyqtSignal

_ORDER = ("roads", "polygons", "classes", "confidence", "disagreement", "probabilities")
"""Layers of a group from top to bottom; of several with the same name, the newest is on top."""


_SHOWN = 10
"""Maximum number of legend entries that are shown at first; longer legends are collapsed."""


class Placed(QgsProcessingLayerPostProcessorInterface):
    """Names and styles a layer once it is in the project, and moves it to a group."""

    kept: list[Placed] = []  # noqa: RUF012 - QGIS calls them after Python would have deleted them
    """All that QGIS may still call."""

    def __init__(self, name: str, group: str) -> None:
        super().__init__()
        self._name, self._group = name, group
        self.kept.append(self)

    def postProcessLayer(
        self,
        layer: QgsMapLayer,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> None:
        """Name, style and move the layer."""
        name = f"{self._name} ({self._group})" if self._group else self._name  # fields of layers do not show groups
        layer.setName(name)
        layer.loadDefaultStyle()  # that of the .qml file, or in the GeoPackage
        root = context.project().layerTreeRoot()
        node = root.findLayer(layer.id())
        if node is not None and self._group:
            group = root.findGroup(self._group) or root.insertGroup(0, self._group)
            others = [child for child in group.children() if child != node]  # QGIS adds layers to the current group
            below = [child for child in others if _rank(child.name()) >= _rank(name)]
            moved = node.clone()
            group.insertChildNode(group.children().index(below[0]) if below else -1, moved)
            node.parent().removeChildNode(node)
            # QGIS collapses legends of palettes with 256 entries, and sometimes those of layers moved between others.
            moved.setExpanded(False)
            moved.setExpanded(_length_of_legend(layer) <= _SHOWN)
        self.kept.remove(self)


def _rank(name: str) -> int:
    kind = name.partition(" (")[0]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _length_of_legend(layer: QgsMapLayer) -> int:
    renderer = layer.renderer()
    if isinstance(renderer, QgsPalettedRasterRenderer):
        return len(renderer.classes())
    return len(renderer.legendSymbolItems()) if isinstance(layer, QgsVectorLayer) else 0


class _Reloading(QObject):
    """Reopens layers in the main thread, to which they belong."""

    wanted = pyqtSignal(list)

    def __init__(self) -> None:
        super().__init__()
        self.moveToThread(QCoreApplication.instance().thread())
        self.wanted.connect(self._reload)

    def _reload(self, files: list[str]) -> None:
        for layer in QgsProject.instance().mapLayers().values():
            if _file_of(layer) not in files:
                continue
            if layer.isEditable():
                _warn(f"{layer.name()} is being edited, but its file was replaced: discard the edits.")
                continue
            with _kept(Path(f"{_file_of(layer)}.aux.xml")):
                layer.dataProvider().reloadData()  # also of connections that are kept open for other layers
            layer.setDataSource(layer.source(), layer.name(), layer.providerType(), QgsDataProvider.ProviderOptions())
            layer.loadDefaultStyle()  # another model may have other classes
            layer.triggerRepaint()


@contextmanager
def _kept(sidecar: Path) -> Iterator[None]:
    """Restore the sidecar in which GDAL writes statistics and class names of the old file when it closes that."""
    before = sidecar.read_bytes() if sidecar.exists() else None
    yield
    if before is None:
        sidecar.unlink(missing_ok=True)
    else:
        sidecar.write_bytes(before)


def _warn(sentence: str) -> None:
    from qgis.utils import iface

    if iface is not None:
        iface.messageBar().pushWarning("geoseg", sentence)


@cache
def _reloading() -> _Reloading:
    return _Reloading()


def reload_layers(files: Iterable[Path]) -> None:
    """Make the project show the current content of files: QGIS keeps replaced files open, and draws the old content."""
    _reloading().wanted.emit([os.path.realpath(path) for path in files])


def _file_of(layer: QgsMapLayer) -> str:
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    return os.path.realpath(parts.get("path") or "")


def load_into(context: QgsProcessingContext, path: Path, name: str, group: str, layer: str = "") -> None:
    """Let QGIS add a file to the open project, if any, when the algorithm ends."""
    project = context.project()
    if project is None:
        return
    source = f"{path}|layername={layer}" if layer else str(path)
    details = QgsProcessingContext.LayerDetails(name, project, "")
    details.setPostProcessor(Placed(name, group))
    context.addLayerToLoadOnCompletion(source, details)


def place_output(context: QgsProcessingContext, path: str, name: str, group: str) -> None:
    """If an output of the algorithm is to be loaded, name, style and group its layer."""
    if context.willLoadLayerOnCompletion(path):
        context.layerToLoadOnCompletionDetails(path).setPostProcessor(Placed(name, group))


def scene_of(path: str) -> str:
    """Return the name of the scene that a result of geoseg belongs to."""
    stem = Path(path).stem
    for ending in ("_classes", "_roads", "_probabilities", "_confidence", "_disagreement"):
        stem = stem[: -len(ending)] if stem.endswith(ending) else stem
    return stem

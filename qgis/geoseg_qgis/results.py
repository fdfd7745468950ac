"""Results as layers of the project: named, styled, and grouped under their scene."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)

_ORDER = ("roads", "polygons", "classes")
"""Layers of a group from the top; others are below."""


class Placed(QgsProcessingLayerPostProcessorInterface):
    """Names and styles a layer once it is in the project, and moves it to a group."""

    kept: list[Placed] = []  # noqa: RUF012 - QGIS calls them after Python would forget them
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
        layer.setName(self._name)
        layer.loadDefaultStyle()  # that of the .qml file, or in the GeoPackage
        root = context.project().layerTreeRoot()
        node = root.findLayer(layer.id())
        if node is not None and self._group:
            group = root.findGroup(self._group) or root.insertGroup(0, self._group)
            above = sum(_rank(child.name()) <= _rank(self._name) for child in group.children())
            group.insertChildNode(above, node.clone())
            node.parent().removeChildNode(node)
        self.kept.remove(self)


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def load_into(context: QgsProcessingContext, path: Path, name: str, group: str, layer: str = "") -> None:
    """Have QGIS add a file to the project, if there is one, when the algorithm ends."""
    project = context.project()
    if project is None:
        return
    source = f"{path}|layername={layer}" if layer else str(path)
    details = QgsProcessingContext.LayerDetails(name, project, "")
    details.setPostProcessor(Placed(name, group))
    context.addLayerToLoadOnCompletion(source, details)


def place_output(context: QgsProcessingContext, path: str, name: str, group: str) -> None:
    """Have the layer of an output of the algorithm, if it is to be loaded, named, styled and grouped."""
    if context.willLoadLayerOnCompletion(path):
        context.layerToLoadOnCompletionDetails(path).setPostProcessor(Placed(name, group))


def scene_of(path: str) -> str:
    """Return the name of the scene that a result of geoseg belongs to."""
    stem = Path(path).stem
    for ending in ("_classes", "_roads", "_probabilities", "_confidence", "_disagreement"):
        stem = stem[: -len(ending)] if stem.endswith(ending) else stem
    return stem

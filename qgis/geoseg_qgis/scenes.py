"""Turn layers of the project into files that geoseg can open."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsDistanceArea,
    QgsMapLayer,
    QgsPointXY,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsProviderRegistry,
    QgsRasterBlockFeedback,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRasterPipe,
    QgsRectangle,
)

_MOST_PIXELS = 400_000_000
"""Largest extent to write; a larger one is most likely a mistake, and a burden on the server."""


def file_of(layer: QgsMapLayer) -> str | None:
    """Return the path or name that geoseg opens for a raster layer; None if it is not a file, as with web tiles.

    Raises QgsProcessingException if the layer's CRS in the project is not that in its file.
    """
    if layer.providerType() != "gdal":
        return None
    parts = QgsProviderRegistry.instance().decodeUri("gdal", layer.source())
    if parts.get("openOptions"):
        return None
    _check_crs(layer, layer.dataProvider().crs())
    return str(layer.source())


def vector_file_of(layer: QgsMapLayer) -> str:
    """Return the file of a vector layer; raises QgsProcessingException if the project shows other features or CRS."""
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    path = parts.get("path", "")
    several = len(layer.dataProvider().subLayers()) > 1 and parts.get("layerName") not in (None, "", "edges")
    if layer.providerType() != "ogr" or not path or several or layer.subsetString():
        raise QgsProcessingException(
            f"{layer.name()} is filtered, or not a file with one layer; save it with Export ▸ Save Features As…, and "
            "choose the new file."
        )
    if layer.isModified():
        raise QgsProcessingException(
            f"{layer.name()} has edits that are not in its file, which geoseg reads; save or discard them first."
        )
    _check_crs(layer, layer.dataProvider().crs())
    return str(path)


def _check_crs(layer: QgsMapLayer, own: QgsCoordinateReferenceSystem) -> None:
    if layer.crs().isValid() and layer.crs() != own:
        raise QgsProcessingException(
            f"In this project, the CRS of {layer.name()} is {_named(layer.crs())}; in its file, which geoseg reads, "
            f"it is {_named(own)}. Put the right one into the file first: Raster ▸ Projections ▸ Assign Projection."
        )


def _named(crs: QgsCoordinateReferenceSystem) -> str:
    """Return the code of a CRS, or “missing”."""
    short = QgsCoordinateReferenceSystem.ShortString
    return crs.userFriendlyIdentifier(short) if crs.isValid() else "missing"


@dataclass(frozen=True)
class Written:
    """An extent of a layer, to be written to a file in a thread other than the layer's."""

    name: str
    digest: str
    """Hash of the layer's source and the grid: the same extent has the same file name, so that a run can resume."""
    pipe: QgsRasterPipe
    crs: QgsCoordinateReferenceSystem
    extent: QgsRectangle
    width: int
    height: int

    def write(self, folder: Path, feedback: QgsProcessingFeedback) -> Path:
        """Write the extent to a GeoTIFF in `folder`, unless it exists; return its path."""
        path = folder / f"{self.name}_{self.digest}.tif"
        if path.exists():
            feedback.pushInfo(f"{path} was written earlier and is used again.")
            return path
        feedback.pushInfo(f"Writing {self.width} × {self.height} pixels of {self.name} to {path}")
        partial = path.with_name(f".{path.name}")
        writer = QgsRasterFileWriter(str(partial))
        writer.setOutputFormat("GTiff")
        writer.setCreateOptions(["COMPRESS=DEFLATE", "TILED=YES"])
        blocks = QgsRasterBlockFeedback()
        blocks.progressChanged.connect(feedback.setProgress)
        feedback.canceled.connect(blocks.cancel)
        context = QgsProject.instance().transformContext()
        failed = writer.writeRaster(self.pipe, self.width, self.height, self.extent, self.crs, context, blocks)
        errors = [str(error) for error in blocks.errors()]
        if failed or errors or feedback.isCanceled():
            partial.unlink(missing_ok=True)
            reason = "cancelled" if feedback.isCanceled() else errors[0] if errors else f"error {int(failed)}"
            raise QgsProcessingException(f"{self.name} cannot be written to {path} ({reason}).")
        partial.replace(path)
        return path


def extent_of(layer: QgsRasterLayer, extent: QgsRectangle, pixel_m: float) -> Written:
    """Plan to write an extent of a layer, in its CRS, with pixels of `pixel_m` metres on the ground."""
    if not layer.extent().isEmpty():  # beyond its own extent, QGIS would write zeros
        extent = extent.intersect(layer.extent())
    if extent.isEmpty():
        raise QgsProcessingException(f"The extent is outside {layer.name()}.")
    side_x, side_y = (pixel_m / unit_m for unit_m in _units_m(layer.crs(), extent.center()))
    width = max(int(extent.width() / side_x), 1)
    height = max(int(extent.height() / side_y), 1)
    if width * height > _MOST_PIXELS:
        raise QgsProcessingException(
            f"{width} × {height} pixels are too many to take from {layer.name()}; choose a smaller extent, or larger "
            "pixels."
        )
    grid = QgsRectangle(
        extent.xMinimum(), extent.yMaximum() - height * side_y, extent.xMinimum() + width * side_x, extent.yMaximum()
    )
    pipe = QgsRasterPipe()
    provider = layer.dataProvider().clone()
    pipe.set(provider)
    if provider.dataType(1) in (Qgis.ARGB32, Qgis.ARGB32_Premultiplied):  # pictures, not values
        pipe.set(layer.renderer().clone())
    identity = f"{layer.source()} {layer.crs().authid()} {grid.toString(9)} {width} {height}"
    return Written(
        name=_plain(layer.name()),
        digest=sha256(identity.encode()).hexdigest()[:8],
        pipe=pipe,
        crs=layer.crs(),
        extent=grid,
        width=width,
        height=height,
    )


def _units_m(crs: QgsCoordinateReferenceSystem, place: QgsPointXY) -> tuple[float, float]:
    """Return the metres on the ground of one unit of a CRS, along x and along y."""
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, QgsProject.instance().transformContext())
    measure.setEllipsoid("EPSG:7030")
    step = 1e-3 if crs.isGeographic() else 1.0
    x = measure.measureLine(place, QgsPointXY(place.x() + step, place.y()))
    y = measure.measureLine(place, QgsPointXY(place.x(), place.y() + step))
    return float(x) / step, float(y) / step


def _plain(name: str) -> str:
    """Return a layer's name as a file name."""
    return "".join(each if each.isalnum() or each in "-_" else "_" for each in name)[:100] or "layer"

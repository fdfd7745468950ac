"""`geoseg:predict`: map the classes and roads of a scene."""

from __future__ import annotations

from qgis.core import (
    QgsFeature,
    QgsFields,
    QgsGeometry,
    QgsMemoryProviderUtils,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputHtml,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingUtils,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)

from ..results import load_into
from ..scenes import Written, extent_of, file_of
from .base import GeosegAlgorithm, Parameters, is_empty, make_folder, result_of
from .options import MODEL, OVERWRITE, Choice, Flag, Number, Text, more

_LAYERS = ("roads", "classes", "confidence", "disagreement", "probabilities")


class Predict(GeosegAlgorithm):
    """Maps a scene."""

    ID = "predict"
    TITLE = "Map classes and roads"
    SUMMARY = (
        "Maps buildings, land, roads, vegetation and water in an aerial or satellite image (red, green, blue; pixels "
        "of up to 4 m; 1 m or finer is best), and traces its road network.\n\n"
        "For web tiles and other layers that are not files, also give an extent and a pixel size: the image in the "
        "extent is saved as a GeoTIFF in the results folder, and then mapped.\n\n"
        "Cancel stops within seconds. To resume, run it again with the same settings and folder."
    )
    OPTIONS = (
        *MODEL,
        Flag("ROADS", "--no-roads", "Trace the road network"),
        Choice(
            "FORMAT", "--format", "Format of the road network",
            choices=("gpkg", "geojson", "flatgeobuf"), default="gpkg",
        ),
        Flag("CONFIDENCE", "--confidence", "Also write the probability of the winning class"),
        Flag("PROBABILITIES", "--probabilities", "Also write the probability of every class"),
        Flag("REPORT", "--report", "Also write a report", "One HTML page with pictures and tables, for offline use."),
        Text("BANDS", "--bands", "Bands for the model, such as 3,2,1", "Empty: as the file describes them."),
        Number(
            "MIN_CONFIDENCE", "--min-confidence", "Mark as unknown below this probability",
            "Pixels whose class is less probable than this, from 0 to 1, become unknown. Empty: none.", high=1,
        ),
        Number("GSD", "--gsd", "Pixel size to predict at, in metres", "Empty: the model's.", advanced=True, low=0.001),
        Flag("MATCH_INPUT", "--match-input", "Write rasters on the scene's pixel grid", advanced=True),
        Flag("DISAGREEMENT", "--disagreement", "Also write how far overlapping tiles disagree", advanced=True),
        Choice(
            "TTA", "--tta", "Average over orientations", "4 or 8 times as slow, and somewhat better.", advanced=True,
            choices=("none", "flips", "d4"), default="none",
        ),
        Text("NODATA", "--nodata", "Nodata values that the file does not declare", advanced=True),
        Text("STRETCH", "--stretch", "Stretch: values LOW,HIGH, or percentiles such as p2,p98", advanced=True),
        more("predict"),
        OVERWRITE,
    )  # fmt: skip

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Scene"))
        self.addParameter(QgsProcessingParameterExtent("EXTENT", "Extent to map (all, if empty)", optional=True))
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                "AOI", "Area to map (polygons; all, if empty)", [QgsProcessing.TypeVectorPolygon], optional=True
            )
        )
        pixel = QgsProcessingParameterNumber(
            "PIXEL_SIZE",
            "Pixel size in metres (for web imagery only)",
            type=QgsProcessingParameterNumber.Double,
            defaultValue=0.5,
            minValue=0.01,
            maxValue=100,
        )
        pixel.setHelp(
            "For layers that are not files: web tiles have no pixel size of their own. 0.3 to 1 m suits the models."
        )
        self.addParameter(pixel)
        self.addOptions()
        self.addParameter(QgsProcessingParameterBoolean("LOAD", "Add the results to the project", defaultValue=True))
        self.addParameter(QgsProcessingParameterFolderDestination("FOLDER", "Folder for the results"))
        self.addOutput(QgsProcessingOutputRasterLayer("CLASSES", "Classes"))
        self.addOutput(QgsProcessingOutputVectorLayer("ROADS_LAYER", "Roads"))
        self.addOutput(QgsProcessingOutputHtml("REPORT_FILE", "Report"))
        for name in _LAYERS[2:]:
            self.addOutput(QgsProcessingOutputRasterLayer(f"{name.upper()}_LAYER", name.title()))

    def prepareAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read the layers here, in the main thread, to which they belong."""
        layer = self.inputRaster(parameters, context)
        self._scene: str | Written | None = file_of(layer)
        self._area: QgsVectorLayer | None = None
        has_extent, has_area = (not is_empty(parameters.get(name)) for name in ("EXTENT", "AOI"))
        if has_extent and has_area:
            raise QgsProcessingException("Give an extent or an area to map, not both.")
        if self._scene is None:
            if not has_extent:
                raise QgsProcessingException(f"{layer.name()} is not a file; give the extent to map, and a pixel size.")
            extent = self.parameterAsExtent(parameters, "EXTENT", context, layer.crs())
            pixel_m = self.parameterAsDouble(parameters, "PIXEL_SIZE", context)
            self._scene = extent_of(layer, extent, pixel_m)
        elif has_extent:
            crs = self.parameterAsExtentCrs(parameters, "EXTENT", context)
            rectangle = self.parameterAsExtent(parameters, "EXTENT", context)
            self._area = QgsMemoryProviderUtils.createMemoryLayer("area", QgsFields(), QgsWkbTypes.Polygon, crs)
            feature = QgsFeature()
            feature.setGeometry(QgsGeometry.fromRect(rectangle))
            self._area.dataProvider().addFeature(feature)
        elif has_area:
            source = self.parameterAsSource(parameters, "AOI", context)
            if source is None:
                raise QgsProcessingException(self.invalidSourceError(parameters, "AOI"))
            self._area = QgsMemoryProviderUtils.createMemoryLayer(
                "area", QgsFields(), source.wkbType(), source.sourceCrs()
            )
            for found in source.getFeatures():
                feature = QgsFeature()
                feature.setGeometry(found.geometry())
                self._area.dataProvider().addFeature(feature)
        return True

    def processAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Parameters:
        """Run `geoseg predict`, and load its results."""
        folder = self.resultsFolder(parameters, context, feedback)
        scene = self._scene
        if isinstance(scene, Written):
            make_folder(folder)
            scene = str(scene.write(folder, feedback))
        area = [] if self._area is None else [f"--aoi={_write_area(self._area, context)}"]
        options = self.optionArguments(parameters, context)
        ending = self.runCommand(["predict", str(scene), "-o", str(folder), *area, *options], feedback)
        classes = result_of(ending, "_classes.tif")
        stem = classes.name[: -len("_classes.tif")]
        results: Parameters = {"FOLDER": str(folder)}
        if self.parameterAsBool(parameters, "REPORT", context):
            results["REPORT_FILE"] = str(folder / f"{stem}_report.html")
        for name in _LAYERS:
            found = [path for path in ending.files if path.stem == f"{stem}_{name}" and path.suffix != ".qml"]
            for path in found[:1]:
                results["CLASSES" if name == "classes" else f"{name.upper()}_LAYER"] = str(path)
                if self.parameterAsBool(parameters, "LOAD", context):
                    load_into(context, path, name, stem, "edges" if path.suffix == ".gpkg" else "")
        return results


def _write_area(area: QgsVectorLayer, context: QgsProcessingContext) -> str:
    """Write polygons to a file for `--aoi`; a run resumes if the polygons are the same, whatever the file."""
    path = QgsProcessingUtils.generateTempFilename("area.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    error = QgsVectorFileWriter.writeAsVectorFormatV3(area, path, context.transformContext(), options)
    if error[0] != QgsVectorFileWriter.NoError:
        raise QgsProcessingException(f"The area cannot be written to {path} ({error[1]}).")
    return str(path)

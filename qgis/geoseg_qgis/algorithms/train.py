"""`geoseg:train`: train a model on labelled images."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputHtml,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
)

from .base import GeosegAlgorithm, Parameters, make_folder, result_of
from .options import Texts, more

_RECIPE = "recipe_to_run.toml"
"""Not `recipe.toml`, where geoseg records the recipe of the run."""
_ORIGIN = "# From the images in "


class Train(GeosegAlgorithm):
    """Trains a model."""

    ID = "train"
    TITLE = "Train a model"
    SUMMARY = (
        "Trains a model for your own classes and imagery: from a folder of images and one of labels, whose files are "
        "matched by name, or from a recipe (TOML). With folders, a recipe is written first, and can be edited and used "
        "the next time.\n\nTakes hours without a GPU. A cancelled run resumes after its last complete epoch, if it is "
        "started again with the same settings and folder."
    )
    OPTIONS = (
        Texts("SET", "--set", "Changes, such as schedule.epochs=20", "Recipe values, separated by commas."),
        more("train"),
    )

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        folder = QgsProcessingParameterFile.Folder
        self.addParameter(QgsProcessingParameterFile("IMAGES", "Folder of images", folder, optional=True))
        self.addParameter(QgsProcessingParameterFile("LABELS", "Folder of labels", folder, optional=True))
        self.addParameter(
            QgsProcessingParameterFile("RECIPE", "Recipe, instead of folders", extension="toml", optional=True)
        )
        self.addOptions()
        self.addParameter(QgsProcessingParameterFolderDestination("FOLDER", "Folder for the run"))
        self.addOutput(QgsProcessingOutputFile("BUNDLE", "Model"))
        self.addOutput(QgsProcessingOutputHtml("REPORT", "Report"))

    def processAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Parameters:
        """Run `geoseg train`, after `geoseg train --init` if there is no recipe yet."""
        folder = self.resultsFolder(parameters, context, feedback)
        recipe = self._recipe(parameters, context, folder, feedback)
        resume = ["--resume"] if (folder / "history.csv").exists() else []
        options = self.optionArguments(parameters, context)
        ending = self.runCommand(["train", str(recipe), "-o", str(folder), *resume, *options], feedback)
        bundle, report = (str(result_of(ending, suffix)) for suffix in (".keras", ".html"))
        return {"FOLDER": str(folder), "BUNDLE": bundle, "REPORT": report}

    def _recipe(
        self, parameters: Parameters, context: QgsProcessingContext, folder: Path, feedback: QgsProcessingFeedback
    ) -> Path:
        given = self.parameterAsFile(parameters, "RECIPE", context)
        data = [self.parameterAsFile(parameters, name, context) for name in ("IMAGES", "LABELS")]
        if given and not any(data):
            return Path(given)
        if given or not all(data):
            raise QgsProcessingException("Give a recipe, or a folder of images and one of labels.")
        recipe, origin = folder / _RECIPE, f"{_ORIGIN}{data[0]} and the labels in {data[1]}."
        if recipe.exists():
            begins = recipe.read_text(encoding="utf-8").partition("\n")[0]
            if begins.startswith(_ORIGIN) and begins != origin:
                raise QgsProcessingException(
                    f"{recipe} is for other data ({begins.removeprefix('# ')}); choose another folder for the run."
                )
            feedback.pushInfo(f"{recipe} was written earlier and is used again.")
            return recipe
        ending = self.runCommand(["train", "--init", *data], feedback)
        make_folder(folder)
        half = recipe.with_suffix(".part")
        try:
            half.write_text(f"{origin}\n{ending.output}", encoding="utf-8")
            half.replace(recipe)
        except OSError as error:
            raise QgsProcessingException(f"{recipe} cannot be written ({error.strerror}).") from error
        return recipe

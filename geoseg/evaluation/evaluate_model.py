"""Evaluate a model: predict labelled images into a folder that is thrown away, and compare."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from geoseg.datasets.discovery import RASTERS, Files, find_pairs
from geoseg.errors import SceneError, UsageError
from geoseg.models.bundle import read_card
from geoseg.models.engine import TTA
from geoseg.models.shipped import find_model
from geoseg.prediction.executors import Loader, load_keras
from geoseg.prediction.predict import predict
from geoseg.rasters.georeference import lacks_georeference, placed
from geoseg.rasters.open import opened, unplaced
from geoseg.rasters.scene import is_placed

from .criteria import Criteria
from .evaluate import Progress, compare, no_progress
from .pairing import Pair
from .provenance import Inference, Subject
from .result import Evaluation


def evaluate_model(
    model: str | Path,
    images: str | Path,
    labels: str | Path,
    *,
    bands: tuple[int, ...] | None = None,
    tta: TTA = "none",
    image_gsd_m: float | None = None,
    load: Loader = load_keras,
    progress: Progress = no_progress,
    **choices: Any,  # noqa: ANN401
) -> Evaluation:
    """Predict images with a model, and compare with their labels on the model's grid.

    Images whose labels have no georeference are compared on their own pixels, which must be as many.

    Parameters
    ----------
    model
        Name of a shipped model, or path of a bundle.
    images, labels
        Folders, glob patterns or files, matched by name.
    bands, tta
        As in `geoseg.Settings`.
    image_gsd_m
        Metres per pixel of images that have no georeference; the model's own by default.
    load
        What makes an engine from a bundle.
    progress
        Called before each image.
    **choices
        Fields of `Criteria`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        Each a sentence on what was found, what was expected, and what to do.
    """
    criteria = Criteria(**choices)
    bundle = find_model(model)
    gsd_m = image_gsd_m or read_card(bundle).gsd_m
    inference = Inference(bundle=str(bundle), tta=tta, bands=bands, image_gsd_m=gsd_m)
    subject = Subject(prediction=str(images), truth=str(labels), inference=inference)
    files = find_pairs(str(images), str(labels))
    for entry in files:
        if entry.label.suffix.lower() not in RASTERS:
            raise UsageError(f"{entry.label} is no raster; draw vector labels into one first.")

    def predicted() -> Generator[Pair, None, None]:
        for entry in files:
            match_input = _on_own_pixels(entry)
            with TemporaryDirectory(prefix="geoseg-") as folder:
                with placed(entry.image, gsd_m) as scene:
                    made = predict(
                        scene,
                        model=bundle,
                        folder=folder,
                        load=load,
                        bands=bands,
                        tta=tta,
                        match_input=match_input,
                        probabilities=True,
                        roads=False,
                    )
                yield Pair(
                    name=entry.name,
                    predicted=made.outputs.classes,
                    truth=entry.label,
                    confidence=None,
                    probabilities=made.outputs.probabilities,
                    source=str(entry.image),
                )

    with closing(predicted()) as pairs:  # an error of comparing leaves no folder behind
        return compare(pairs, criteria, subject, count=len(files), notes=(), progress=progress)


def _on_own_pixels(entry: Files) -> bool:
    """Whether an image and its label are compared on the image's pixels; raises SceneError if they do not fit."""
    with (
        unplaced(),
        opened(str(entry.image), overviews=True) as image,
        opened(str(entry.label), overviews=True) as label,
    ):
        label_placed = is_placed(label)
        if not label_placed and image.shape != label.shape:
            raise SceneError(
                f"{entry.label} has {label.width} × {label.height} pixels and {entry.image} {image.width} × "
                f"{image.height}; without a georeference they must have the same size."
            )
        if label_placed and lacks_georeference(image):
            raise SceneError(f"{entry.image} has no georeference, and its label has; give both one, or neither.")
    return not label_placed

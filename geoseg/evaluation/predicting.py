"""Evaluate a model: predict labelled images into a folder that is thrown away, and compare."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rasterio
import rasterio.shutil
from affine import Affine

from geoseg.errors import SceneError, UsageError
from geoseg.executors import Loader, load_keras
from geoseg.models.bundle import read_card
from geoseg.models.tta import TTA
from geoseg.prediction import predict
from geoseg.scene import opened, stem, unplaced
from geoseg.shipped import find_model
from geoseg.training.discovery import RASTERS, Files, find_pairs

from .criteria import Criteria
from .evaluation import Evaluation
from .grids import is_placed
from .pairing import Pair
from .rasters import Progress, compare, no_progress

_ANYWHERE = "EPSG:32631"
_ORIGIN = (500_000.0, 5_000_000.0)
"""Ground for images that have none: on a central meridian, where a metre of the map is a metre but for 0.04 %."""


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
    files = find_pairs(str(images), str(labels))
    for entry in files:
        if entry.label.suffix.lower() not in RASTERS:
            raise UsageError(f"{entry.label} is no raster; draw vector labels into one first.")

    def predicted() -> Iterator[Pair]:
        for entry in files:
            with TemporaryDirectory(prefix="geoseg-") as folder:
                scene, match_input = _scene(entry, Path(folder), gsd_m)
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

    return compare(predicted(), criteria, count=len(files), notes=(), progress=progress)


def _scene(entry: Files, folder: Path, gsd_m: float) -> tuple[Path, bool]:
    """The image as a scene that has a place on the ground, and whether to predict its own pixels."""
    with (
        unplaced(),
        opened(str(entry.image), overviews=True) as image,
        opened(str(entry.label), overviews=True) as label,
    ):
        image_placed, label_placed = is_placed(image), is_placed(label)
        by_points = bool(image.gcps[0]) or image.rpcs is not None
        if not label_placed and image.shape != label.shape:
            raise SceneError(
                f"{entry.label} has {label.width} × {label.height} pixels and {entry.image} {image.width} × "
                f"{image.height}; without a georeference they must have the same size."
            )
    if image_placed or by_points:  # the latter are refused by name
        return entry.image, not label_placed
    if label_placed:
        raise SceneError(f"{entry.image} has no georeference, and its label has; give both one, or neither.")
    place = folder / f"{stem(str(entry.image))}.vrt"
    with unplaced():
        rasterio.shutil.copy(entry.image.absolute(), place, driver="VRT")
        with rasterio.open(place, "r+") as scene:
            scene.crs = _ANYWHERE
            scene.transform = Affine.translation(*_ORIGIN) @ Affine.scale(gsd_m, -gsd_m)
    return place, True

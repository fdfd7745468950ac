"""Evaluate a model: predict labelled images in a temporary folder, and compare."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

from geoseg.datasets.listing import RASTERS
from geoseg.datasets.pairs import Files, find_pairs
from geoseg.errors import SceneError, UsageError
from geoseg.models.engines.engine import TTA, Loader, Precision
from geoseg.models.shipped import find_model
from geoseg.prediction.prepare import prepare
from geoseg.prediction.settings import Options
from geoseg.rasters.georeference import lacks_georeference, placed
from geoseg.rasters.open import opened, unplaced
from geoseg.rasters.scene import is_placed, refuse_one_unrectified
from geoseg.tiling.progress import Progress, no_progress
from geoseg.work_folders import temporary_folder

from .criteria import Criteria, CriteriaOptions
from .evaluate import compare
from .pairing import Pair
from .result import Evaluation, Inference, Subject


def evaluate_model(
    model: str | Path,
    images: str | Path,
    labels: str | Path,
    *,
    bands: tuple[int, ...] | None = None,
    nodata: float | Sequence[float] = (),
    stretch: str = "auto",
    stretch_from: str | Path | None = None,
    tile: int | None = None,
    overlap: float | None = None,
    gsd_m: float | None = None,
    tta: TTA = "none",
    image_gsd_m: float | None = None,
    engine: str = "auto",
    precision: Literal["auto"] | Precision = "auto",
    devices: str = "auto",
    batch_size: int | None = None,
    memory: int | None = None,
    load: Loader | None = None,
    progress: Progress = no_progress,
    **options: Unpack[CriteriaOptions],
) -> Evaluation:
    """Predict images with a model, and compare the classes with labels on the model's grid.

    Images whose labels have no georeference are compared on their own pixels; sizes must agree.

    Parameters
    ----------
    model
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    images, labels
        Folders, glob patterns or files, matched by name.
    bands, nodata, stretch, stretch_from, tile, overlap, gsd_m, tta, engine, precision, devices, batch_size, memory
        As in `geoseg.Settings`; `stretch='joint'` is one for all images.
    image_gsd_m
        Metres per pixel of images without a georeference; the model's by default.
    load
        Loads an engine from a bundle, in place of `engine`, `precision` and `devices`.
    progress
        Called before each image.
    **options
        ignore, erode, relax, protocol, coding, single, bootstrap, seed, as in `geoseg.evaluate`.

    Raises
    ------
    SceneError
        If an image or label cannot be read, or the two cannot be compared.
    BundleError
        If the model cannot be loaded.
    OutputError
        If a prediction cannot be written to the temporary folder.
    DataError
        If files are missing, or none match.
    UsageError
        If an option does not fit them.
    """
    criteria = Criteria(**options)
    settings: Options = {
        "bands": bands,
        "nodata": nodata,
        "stretch": stretch,
        "stretch_from": stretch_from,
        "tile": tile,
        "overlap": overlap,
        "gsd_m": gsd_m,
        "tta": tta,
        "engine": engine,
        "precision": precision,
        "devices": devices,
        "batch_size": batch_size,
        "memory": memory,
        "probabilities": True,
        "roads": False,
    }
    prepared = prepare(model, settings, executor=None, load=load)
    assumed_m = prepared.card.gsd_m if image_gsd_m is None else image_gsd_m
    files = find_raster_pairs(images, labels)
    check_image_gsd(files, image_gsd_m)
    prepared = prepared.pool_stretch([str(entry.image) for entry in files], gsd_m=assumed_m)
    inference = Inference(
        bundle=str(find_model(model)),
        tta=tta,
        bands=prepared.settings.bands,
        nodata=prepared.settings.nodata_values,
        stretch=prepared.settings.stretch,
        stretch_from=None if stretch_from is None else str(stretch_from),
        tile=tile,
        overlap=overlap,
        gsd_m=gsd_m,
        image_gsd_m=assumed_m,
        runtime=None if prepared.runtime is None else str(prepared.runtime),
    )
    subject = Subject(prediction=str(images), truth=str(labels), inference=inference)

    def predicted() -> Generator[Pair, None, None]:
        for entry in files:
            chosen = replace(prepared, settings=replace(prepared.settings, match_input=on_own_pixels(entry)))
            with temporary_folder() as folder:
                with placed(entry.image, assumed_m) as scene:
                    made = chosen.run(chosen.plan(scene), folder=folder, overwrite=False).complete()
                yield Pair(
                    name=entry.name,
                    predicted=made.outputs.classes,
                    reference=entry.label,
                    confidence=None,
                    probabilities=made.outputs.probabilities,
                    source=str(entry.image),
                )

    with closing(predicted()) as pairs:  # removes the folder on an error, too
        return compare(pairs, criteria, subject, count=len(files), notes=(), progress=progress)


def find_raster_pairs(images: str | Path, labels: str | Path) -> list[Files]:
    """Pair images with label rasters; DataError if they do not match, UsageError if a label is no raster."""
    files = find_pairs(str(images), str(labels))
    for entry in files:
        if entry.label.suffix.lower() not in RASTERS:
            raise UsageError(f"{entry.label} is not a raster; rasterise vector labels first.")
    return files


def check_image_gsd(files: Sequence[Files], image_gsd_m: float | None) -> None:
    """Raise UsageError for metres per pixel of images that all have a georeference; SceneError for one unreadable."""
    if image_gsd_m is None:
        return
    for entry in files:
        with unplaced(), opened(str(entry.image), overviews=True) as image:
            if lacks_georeference(image):
                return
    others = " and each other" * (len(files) > 1)
    raise UsageError(
        f"`image_gsd_m` is for images without a georeference, and {files[0].image}{others} has one; leave it "
        "out, or correct the georeference if that is wrong (`gdal_edit.py -a_ullr …`)."
    )


def on_own_pixels(entry: Files) -> bool:
    """Whether to compare on the image's own pixels; SceneError if image and label do not match."""
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
            raise SceneError(f"{entry.image} has no georeference, but its label has; give both one, or neither.")
        refuse_one_unrectified(image, label)
    return not label_placed

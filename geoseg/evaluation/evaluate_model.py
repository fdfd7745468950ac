"""Evaluate a model: predict labelled images in a temporary folder, and compare."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

from geoseg.datasets.pairs import Files
from geoseg.models.engines.engine import TTA, Loader, Precision
from geoseg.models.shipped import find_model
from geoseg.prediction.prepare import Prepared, prepare
from geoseg.prediction.settings import Options
from geoseg.rasters.georeference import placed
from geoseg.tiling.progress import Progress, no_progress
from geoseg.work_folders import temporary_folder

from .criteria import Criteria, CriteriaOptions
from .evaluate import compare
from .labelled_images import check_image_gsd, find_raster_pairs, on_own_pixels
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
        Called before each image with the images done, all images, and its name; at the end with `""`.
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
    subject = Subject(prediction=str(images), reference=str(labels), inference=inference)
    with closing(_predict_each(prepared, files, assumed_m)) as pairs:  # removes the folder on an error, too
        return compare(pairs, criteria, subject, count=len(files), notes=(), progress=progress)


def _predict_each(prepared: Prepared, files: Iterable[Files], assumed_m: float) -> Generator[Pair, None, None]:
    """Predict labelled images, each in a temporary folder that is removed when the next pair is requested."""
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

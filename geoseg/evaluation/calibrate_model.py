"""Calibrate a model: fit a temperature on labelled images, and write a bundle whose probabilities include it."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.datasets.pairs import Files
from geoseg.errors import SceneError, UsageError
from geoseg.files import whole
from geoseg.messages import report_once, warn
from geoseg.models.bundle import INT8, name_copy, read_card
from geoseg.models.engines.engine import Engine
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.legend import NODATA
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.models.shipped import find_model
from geoseg.models.temperature import CALIBRATION, divide_logits, find_head
from geoseg.models.weights import MANTISSA_BITS
from geoseg.prediction.conversion.sample_tiles import deal_tiles, read_tiles, spread_tiles
from geoseg.prediction.inputs.pooling import pool_stretch
from geoseg.prediction.plan import Plan
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import ImageryOptions, Settings
from geoseg.rasters.georeference import placed
from geoseg.rasters.opening.open import GDAL, opened, unplaced
from geoseg.rasters.overlay import overlay_grid
from geoseg.rasters.scene import open_scene
from geoseg.rasters.tags import check_same_classes, legend_of
from geoseg.tiling import Roi
from geoseg.tiling.progress import Progress, no_progress

from .class_ids import FoundValues, check_bands, describe_unknown, sample_ids
from .class_mapping import ClassMapping, map_classes
from .label_notes import note_alteration, note_hidden_class, note_other_names
from .labelled_images import check_image_gsd, find_raster_pairs, on_own_pixels
from .probability_samples import SampledImage, choose_step, thin
from .temperature import Allows, Fit, fit_temperature


@dataclass(frozen=True, kw_only=True)
class CalibratedModel:
    """A model with calibrated probabilities."""

    path: Path
    fit: Fit


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """An image with its tiles to read."""

    files: Files
    plan: Plan
    tiles: int


def calibrate(
    model: str | Path,
    images: str | Path,
    labels: str | Path,
    output: str | Path | None = None,
    *,
    ignore: Collection[int | str] = (),
    coding: str | None = None,
    single: str | None = None,
    gsd_m: float | None = None,
    image_gsd_m: float | None = None,
    tiles: int = 1000,
    overwrite: bool = False,
    progress: Progress = no_progress,
    **imagery: Unpack[ImageryOptions],
) -> CalibratedModel:
    """Write a copy of a model whose probabilities are calibrated on labelled images that it was not trained on.

    One temperature divides the logits, in the weights of the last convolution: every engine and export includes it, and
    the most probable class of a pixel stays the same. An 8-bit form of the old weights is left out, with a
    GeosegWarning.

    Parameters
    ----------
    model
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    images, labels
        Folders, glob patterns or files, matched by name.
    output
        Bundle to write; by default `<model>_calibrated.keras` in the current folder.
    ignore, coding, single
        Which classes the labels hold, as in `geoseg.evaluate`.
    gsd_m
        Ground sample distance to predict at, as in `geoseg.Settings`.
    image_gsd_m
        Metres per pixel of images without a georeference; the model's by default.
    tiles
        Largest number of tiles to predict, spread over the images.
    overwrite
        Replace an existing bundle.
    progress
        Called before each tile.
    **imagery
        bands, nodata, stretch, stretch_from: how to read the images, as in `geoseg.Settings`.

    Raises
    ------
    UsageError, DataError, SceneError, BundleError, OutputError
        With one sentence: what was found, what was expected, what to do.
    """
    if tiles < 1:
        raise UsageError(f"`tiles` must be at least 1, got {tiles}.")
    bundle = find_model(model)
    card = read_card(bundle)
    target = name_copy(bundle, "calibrated", output, overwrite=overwrite)
    mapping = map_classes(card.legend, ignore=ignore, coding=coding, single=single)
    files = find_raster_pairs(images, labels)
    network = load_network(bundle)
    find_head(network.get_config(), source=bundle)  # fail before the work
    assumed_m = card.gsd_m if image_gsd_m is None else image_gsd_m
    settings = Settings(tile=card.tile, overlap=0.0, gsd_m=gsd_m, roads=False, **imagery)
    check_image_gsd(files, image_gsd_m)
    settings = pool_stretch([str(entry.image) for entry in files], card, settings, gsd_m=assumed_m)
    with rasterio.Env(**GDAL), unplaced(), ExitStack() as stack:
        planned = [
            _Planned(
                files=entry,
                plan=plan(open_scene(stack.enter_context(placed(entry.image, assumed_m))), card, settings),
                tiles=count,
            )
            for entry, count in zip(files, deal_tiles(tiles, len(files)), strict=True)
        ]
        sampled = list(_sample(planned, KerasEngine(network), mapping, progress))
    fit = fit_temperature(sampled, allowed_classes(mapping, len(card.legend)))
    divide_logits(network, fit.temperature, source=bundle)
    with whole(target) as new:
        # At full precision, since weights that are already rounded stay as they are.
        provenance = {**card.provenance, CALIBRATION: fit.provenance()}
        save_bundle(network, replace(card, provenance=provenance), new, mantissa_bits=MANTISSA_BITS)
    if INT8 in card.provenance:
        warn(
            f"{target} has no 8-bit form, since that of {bundle} has the old weights; make one with "
            "`geoseg models quantize`."
        )
    return CalibratedModel(path=target, fit=fit)


def allowed_classes(mapping: ClassMapping, classes: int) -> Allows:
    """Whether a reference id allows a class, `(ids, classes)`: its own, or all but the single one for id 0."""
    if mapping.single is None:
        return np.eye(classes, dtype=bool)
    single = np.arange(classes) == mapping.single
    return np.stack([~single, single])


def _sample(
    planned: Sequence[_Planned], engine: Engine, mapping: ClassMapping, progress: Progress
) -> Iterator[SampledImage]:
    """Predict tiles of each image, and sample probabilities and labels; SceneError for unknown label values."""
    card = planned[0].plan.card
    counts = [min(each.tiles, len(each.plan.lattice)) for each in planned]
    margin = card.overlap // 2
    inner = (card.tile - 2 * margin) ** 2
    pixels = [min(math.prod(each.plan.grid.shape), count * inner) for each, count in zip(planned, counts, strict=True)]
    step = choose_step(sum(pixels), len(card.legend))
    done = 0
    sources = [_Labels(each, mapping) for each in planned]
    report_once((note.replace(labels.path, ""), note) for labels in sources for note in labels.notes)
    for each, labels, count in zip(planned, sources, counts, strict=True):
        image = SampledImage(each.files.name)
        for sample in islice(read_tiles(each.plan, spread_tiles(each.plan.lattice)), count):
            progress(done, sum(counts), each.files.name)
            done += 1
            in_scene, in_tile = thin(each.plan.lattice, sample.tile, step=step, margin=margin)
            (probabilities,) = engine(sample.pixels[None])
            ids = labels.read(in_scene)
            image.add(probabilities[in_tile], ids, sample.valid[in_tile] & (ids != NODATA))
        labels.check()
        yield image


class _Labels:
    """Reads labels of an image at pixels of its grid, and keeps the values that are not in the legend."""

    def __init__(self, planned: _Planned, mapping: ClassMapping) -> None:
        own = on_own_pixels(planned.files)
        self.path = str(planned.files.label)
        self._found = FoundValues()
        self._mapping = mapping
        with opened(self.path, overviews=True) as label:
            check_bands(label, coloured=mapping.reference.coloured)
            if mapping.reference.coding is None and mapping.single is None:
                check_same_classes("the model", planned.plan.card.legend, self.path, legend_of(label))
            self.notes = (
                *note_hidden_class(label, self.path, mapping),
                *note_alteration(label, self.path, mapping.reference),
                *note_other_names(label, self.path, mapping, mapping.reference),
            )
            self._overlay = overlay_grid(planned.plan.grid, label, str(planned.files.image), own_pixels=own)

    def read(self, pixels: Roi) -> npt.NDArray[np.uint8]:
        """Return the ids of pixels, slices with a step: `(rows, columns)`, `NODATA` for those not labelled."""
        rows, cols = (len(range(part.start, part.stop, part.step)) for part in pixels)
        places = self._overlay.sampled(pixels).indices(slice(0, rows), cols)
        with opened(self.path, overviews=True) as label:
            ids = sample_ids(label, places, self._mapping.reference, self._found)
        return np.where(np.isin(ids, list(self._mapping.ignored)), np.uint8(NODATA), ids)

    def check(self) -> None:
        """Raise SceneError if values are not in the legend."""
        if self._found.unknown:
            raise SceneError(describe_unknown(self.path, self._found.unknown, self._mapping.reference))

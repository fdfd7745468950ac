"""Pairs of an image and its labels on the model's pixel grid, described without reading pixels."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from geoseg.datasets.listing import VECTORS
from geoseg.datasets.pairs import Files, find_pairs
from geoseg.errors import UsageError
from geoseg.models.bundle import Card, Scaling
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.rasters.grid import SAME_GSD, Grid, choose_gsd, grid_at, shape_at
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import in_strips
from geoseg.rasters.scene import is_placed, locate
from geoseg.rasters.sources.identity import Mark, identify_file
from geoseg.rasters.values import Units
from geoseg.tiling import Roi
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.recipe import DataSet

from .ground_squares import Blocks
from .imagery import read_images
from .label_places import LabelRaster, check_features, check_label, report_other_places
from .label_values import LabelEncoder, build_label_encoder
from .label_vectors import VectorCoding, build_vector_coding

FURTHEST = 100
"""Largest ratio between an image's GSD and the card's, either way."""
WHOLE_SIDE = 2048
"""Images of at most this many pixels squared, on the grid and in the file, are read whole."""
CHUNK_PIXELS = 1024**2
"""Grid pixels per chunk of a larger image stored in strips."""
CHUNK_SIDE, LEAST_SIDE = 512, 128
"""Side of the chunks of an image stored in blocks: usual, in image pixels, and smallest, in grid pixels."""


ChooseGSD = Callable[[tuple[float, float]], float]
"""Chooses a ground sample distance, given an image's own, down and along."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An image with its labels."""

    data_set: str
    name: str
    image: Path
    label: Path
    image_identity: tuple[Mark, ...]
    """Marks of the image's files when it was described; see `opened`."""
    labelled: LabelRaster
    """Metadata of the label, read at the same time."""
    native: tuple[int, int]
    """Height and width of the image file."""
    native_m: tuple[float, float]
    """Ground sample distance of the image file, down and along."""
    shape: tuple[int, int]
    """Height and width on the grid."""
    gsd_m: float
    """Ground sample distance of the grid."""
    grid: GeoBox | None
    """Grid at the model's GSD; None without georeference."""
    plane: GeoBox | None
    """Grid of a world file without a CRS, in an unknown unit; None without one."""
    bands: tuple[int, ...]
    """Bands for the network, counted from 1."""
    validity: Validity
    """Which pixels of the image have data."""
    dtype: str
    """NumPy data type of the image."""
    units: Units
    """Declared scale and offset of each band."""
    scaling: tuple[Scaling, ...]
    """Of each band."""
    coding: LabelEncoder | VectorCoding
    ignored: int
    """Label value of ignored pixels."""
    chunk: tuple[int, int]
    """Height and width of chunks of the grid to read at once."""
    part: Blocks | None = None
    """Squares of ground whose labels are used; None for all."""

    @property
    def key(self) -> tuple[object, ...]:
        """Identifies the image; there may be several of one file, at other ground sample distances."""
        return self.data_set, self.name, self.shape

    def chunks(self, roi: Roi | None = None) -> Iterator[Roi]:
        """Yield the chunks that cover a region of the grid, or all of it, row by row."""
        (down, along), (height, width) = self.chunk, self.shape
        rows, cols = roi or (slice(0, height), slice(0, width))
        for top in range(rows.start // down * down, rows.stop, down):
            for left in range(cols.start // along * along, cols.stop, along):
                yield slice(top, min(top + down, height)), slice(left, min(left + along, width))


def open_pairs(entry: DataSet, card: Card, sets: LabelSets) -> list[list[Pair]]:
    """Find and describe the pairs of a data set, sorted by name: as prediction sees them, and at each `train_gsd_m`.

    Raises DataError if its vector labels lie elsewhere.
    """
    coding = build_vector_coding(entry, sets) if entry.coding == "vector" else build_label_encoder(entry, sets)
    found = find_pairs(entry.images, entry.labels)
    images = read_images([files.image for files in found], entry, card)
    own_m = entry.gsd_m or card.gsd_m
    gsds_m: list[float | ChooseGSD] = [partial(choose_gsd, card), *entry.train_gsd_m]
    opened_pairs = [
        open_pair(files, imagery, scaling, entry, coding, gsds_m=gsds_m, own_m=own_m, ignored=sets.ignored)
        for files, (imagery, scaling) in zip(found, images, strict=True)
    ]
    report_other_places(found)
    pairs = [list(level) for level in zip(*opened_pairs, strict=True)]
    if isinstance(coding, VectorCoding):
        grids = zip(found, pairs[0], strict=True)
        check_features((files, pair.grid) for files, pair in grids if pair.grid is not None)
    return pairs


def open_pair(
    files: Files,
    imagery: Imagery,
    scaling: tuple[Scaling, ...],
    entry: DataSet,
    coding: LabelEncoder | VectorCoding,
    *,
    gsds_m: Sequence[float | ChooseGSD | None],
    own_m: float = 1.0,
    ignored: int,
) -> list[Pair]:
    """Describe one pair of a data set on grids of `gsds_m` metres, and for None on the image's own pixels.

    An image without georeference has pixels of `own_m` metres.

    Raises SceneError if image or label cannot be opened, or a label raster does not overlap the image or fit its size;
    UsageError if the coding is not for this kind of label, or the GSD is implausible.
    """
    is_vector = files.label.suffix.lower() in VECTORS
    if is_vector != isinstance(coding, VectorCoding):
        kind, expected = ("vector", "coding = 'vector'") if is_vector else ("raster", "another coding")
        raise UsageError(f"data set {entry.name} has the {kind} label {files.label.name}; give it {expected}.")
    with opened(str(files.image), overviews=True, identity=imagery.raster.identity) as image:
        own, plane, native_m = _locate(image, own_m)
        geobox = None if own is None else own.geobox
        if isinstance(coding, LabelEncoder):
            labelled = check_label(files, image, geobox, coloured=coding.coding.coloured)
        else:
            labelled = LabelRaster(identity=identify_file(files.label), by_place=False)
        native = Pair(
            data_set=entry.name,
            name=files.name,
            image=files.image,
            label=files.label,
            image_identity=imagery.raster.identity,
            labelled=labelled,
            native=image.shape,
            native_m=native_m,
            shape=image.shape,
            gsd_m=math.sqrt(math.prod(native_m)),
            grid=geobox,
            plane=plane,
            bands=imagery.bands,
            validity=imagery.validity,
            dtype=imagery.raster.dtype,
            units=imagery.units,
            scaling=scaling,
            coding=coding,
            ignored=ignored,
            chunk=_choose_chunk(image, image.shape),
        )
        pairs = []
        for wanted_m in gsds_m:
            gsd_m = wanted_m(native_m) if callable(wanted_m) else wanted_m
            if gsd_m is None:
                pairs.append(native)
                continue
            _check_gsd(image.name, native_m, gsd_m)
            shape = shape_at(gsd_m, image.shape, native_m)
            grid = None if own is None else grid_at(gsd_m, own, native_m).geobox
            pairs.append(replace(native, shape=shape, gsd_m=gsd_m, grid=grid, chunk=_choose_chunk(image, shape)))
        return pairs


def _locate(image: rasterio.DatasetReader, own_m: float) -> tuple[Grid | None, GeoBox | None, tuple[float, float]]:
    """Grid of an image and the plane of its world file, None without one, and its ground sample distance."""
    if is_placed(image):
        grid, native_m = locate(image.name, image)
        return grid, None, native_m
    plane = None if image.transform.is_identity else GeoBox(image.shape, image.transform, None)
    return None, plane, (own_m, own_m)


def _check_gsd(name: str, found: tuple[float, float], wanted: float) -> None:
    """Check that an image's GSD is plausible for the card's."""
    most = FURTHEST * (1 + SAME_GSD)
    if not all(1 / most <= step / wanted <= most for step in found):
        raise UsageError(
            f"card.gsd_m is {wanted:g}, but {name} has pixels of {np.mean(found):.3g} m, more than {FURTHEST} times "
            f"as {'large' if np.mean(found) > wanted else 'small'}; check both."
        )


def _choose_chunk(image: rasterio.DatasetReader, shape: tuple[int, int]) -> tuple[int, int]:
    """Choose height and width of chunks that can be read without decoding much more of the file."""
    if max(np.prod(shape), image.width * image.height) <= WHOLE_SIDE**2 or image.driver in ("JPEG", "PNG"):
        return shape  # any read of a JPEG or PNG decodes it from the start
    if in_strips(image):
        return min(shape[0], max(1, CHUNK_PIXELS // shape[1])), shape[1]
    side = max(LEAST_SIDE, min(CHUNK_SIDE, CHUNK_SIDE * shape[0] // image.height))
    return side, side

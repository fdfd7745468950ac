"""Cut labelled images into GeoTIFF chips, for tools that need them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp

from geoseg.datasets.codings import Coding
from geoseg.datasets.pairs import Files, find_pairs
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.files import check_outputs, whole
from geoseg.models.bundle import Scaling
from geoseg.models.legend import NODATA
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.rasters.bands.identify import image_bands, validity_of
from geoseg.rasters.bands.texts import BandTexts, read_texts
from geoseg.rasters.classes.colours import class_colours_of
from geoseg.rasters.classes.names import class_names_of
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.read import colormap_of
from geoseg.rasters.scene import raster_of
from geoseg.tiling import Roi
from geoseg.tiling.progress import Progress, no_progress
from geoseg.training.recipe.load import as_recipe
from geoseg.training.recipe.recipe import DataSet, Recipe
from geoseg.training.recipe.resolve import Run, resolve

from .chip_files import Cut, Labels, write_chips
from .dataset import open_data
from .label_places import report_other_places
from .label_rasters import find_used_ids, is_coloured, read_values
from .label_values import LabelEncoder
from .pairs import Pair, open_pair
from .read_pairs import read_labels

Job = tuple[str, Callable[[Path], int]]
"""Name of an image, and a function that writes its chips in a folder and returns their number."""


def tile(
    source: Recipe | str | Path,
    labels: str | Path | None = None,
    *,
    folder: str | Path,
    size: int = 512,
    overlap: float = 0.25,
    overrides: Sequence[str] = (),
    progress: Progress = no_progress,
) -> int:
    """Cut labelled images into GeoTIFF chips of one size; return their number.

    Chips of images and labels are `folder/images/NAME_ROW_COL.tif` and `folder/labels/NAME_ROW_COL.tif`, with
    unchanged values; labels on another grid are resampled to the image's by nearest neighbour. Names of ids become
    tags `CLASS_<id>`, their colours a colour table. With a recipe, chips are in `folder/training/SET/…`,
    `folder/validation/SET/…` and `folder/calibration/SET/…`, at the card's GSD, with its bands, and with labels as
    class ids, 255 where unlabelled. Partial labels get further ids, explained in a tag of the file.

    Pixels outside the image are masked. Chips without a labelled pixel are left out.

    Parameters
    ----------
    source
        Folder, pattern or file of images; or a recipe, or the path of one in TOML.
    labels
        Folder, pattern or file of labels; None for a folder with a customary layout, and for a recipe.
    folder
        Where to write; must not exist, or be empty.
    size
        Side of a chip, in pixels.
    overlap
        Share of a chip that neighbours have in common, 0 to 0.5.
    overrides
        Changes to the recipe's file, each `key.path=value`.
    progress
        Called with the number of images done.

    Raises
    ------
    BundleError, DataError, OutputError, SceneError, UsageError
        If images and labels cannot be paired or read, or `folder` cannot be written.
    """
    if size < 1 or not 0 <= overlap <= 0.5:
        raise UsageError(f"`size` must be at least 1 and `overlap` 0 to 0.5, not {size} and {overlap}.")
    cut = Cut(size=size, overlap=overlap)
    if isinstance(source, Recipe) or Path(source).suffix == ".toml":
        if labels is not None:
            raise UsageError(f"a recipe names its own labels; leave out {labels}.")
        find_jobs = partial(_find_recipe_jobs, as_recipe(source, overrides), cut)
    elif overrides:
        raise UsageError("images have no recipe to change with `overrides`.")
    else:
        find_jobs = partial(_find_image_jobs, source, labels, cut)
    written = 0
    with unplaced(), _new_folder(Path(folder)) as target:
        jobs = find_jobs()
        for number, (name, write) in enumerate(jobs):
            progress(number, len(jobs), name)
            written += write(target)
        progress(len(jobs), len(jobs), "")
        if not written:
            raise SceneError("no chip was written: no image has a labelled pixel.")
    return written


def _find_image_jobs(images: str | Path, labels: str | Path | None, cut: Cut) -> list[Job]:
    found = find_pairs(str(Path(images).absolute()), None if labels is None else str(Path(labels).absolute()))
    used = find_used_ids([files.label for files in found])
    report_other_places(found)
    return [(files.name, partial(_cut_unchanged, files, used, cut)) for files in found]


def _find_recipe_jobs(recipe: Recipe, cut: Cut) -> list[Job]:
    run = resolve(recipe)
    data = open_data(run)
    data.report_mistakes()
    return [
        (pair.name, partial(_cut_for_training, pair, run, cut, f"{side}/{pair.data_set}"))
        for sides in data.sides
        for side, pairs in sides.named.items()
        for pair in pairs
    ]


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; it becomes `folder` when the block ends without an error."""
    folder = folder.resolve()
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder} exists and is not empty; choose another `folder`.")
    check_outputs([folder / "images"], overwrite=False, create=True, choose="another `folder`")
    with whole(folder) as target:
        yield target


def _find_unused(dtype: np.dtype[Any], used: Collection[int]) -> int:
    """Find the largest unused value of a data type that is exact as a float, as rasterio takes nodata values."""
    for value in range(min(np.iinfo(dtype).max, 2**53), np.iinfo(dtype).min - 1, -1):
        if value not in used:
            return value
    raise SceneError(f"labels use every value of {dtype}; none is left for unlabelled pixels.")


def _colour_table(label: rasterio.DatasetReader, *, coloured: bool) -> Mapping[int, tuple[int, ...]] | None:
    """Colours for the ids of chips; a GeoTIFF can have a colour table for small unsigned integers alone."""
    if label.colorinterp[0] == ColorInterp.palette:
        return colormap_of(label, 1)
    if coloured or label.dtypes[0] not in ("uint8", "uint16"):
        return None
    return class_colours_of(label) or None


def _cut_unchanged(files: Files, used: Collection[int], cut: Cut, target: Path) -> int:
    with opened(str(files.image), overviews=True) as image, opened(str(files.label), overviews=True) as label:
        raster = raster_of(str(files.image), image)
        bands = image_bands(raster.bands)
        shown = [image.colorinterp[number - 1] for number in bands]
        meaningless = ColorInterp.palette, ColorInterp.alpha  # the values are neither colours of a table nor a mask
        shown = [ColorInterp.undefined if band in meaningless else band for band in shown]
        texts = [read_texts(image, number) for number in bands]
        coloured = is_coloured(label)
        dtype, nodata = np.dtype(label.dtypes[0]), label.nodata
        colours = _colour_table(label, coloured=coloured)
        names = {} if coloured else class_names_of(label)
    if nodata is None and not coloured:
        nodata = _find_unused(dtype, used)
    fill = 0 if nodata is None else nodata
    imagery = Imagery(raster=raster, bands=bands, validity=validity_of(raster.bands))
    entry = DataSet(name="chips", images=str(files.image))
    coding = LabelEncoder(data_set="chips", coding=Coding(coloured=coloured, names={}), table={}, others=None)
    unscaled = (Scaling(),) * len(bands)
    (pair,) = open_pair(files, imagery, unscaled, entry, coding, gsds_m=[None], ignored=NODATA)

    def read(roi: Roi) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        values, known = read_values(pair, coding, roi)
        split = np.stack([values >> 16, values >> 8 & 255, values & 255]) if coloured else values[None]
        return np.where(known, split, fill).astype(dtype), known

    tags = {f"CLASS_{value}": name for value, name in names.items() if value >= 0 and name.strip()}
    labels = Labels(read=read, fill=fill, nodata=nodata, colour_table=colours, tags=tags)
    return write_chips(pair, labels, list(zip(shown, texts, strict=True)), cut, target)


def _cut_for_training(pair: Pair, run: Run, cut: Cut, place: str, target: Path) -> int:
    sets = run.labels
    names = [" or ".join(sets.legend.names[i] for i in ids) for ids in sets.allowed[:-1]]

    def read(roi: Roi) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        values = read_labels(pair, roi)
        known = values != sets.ignored
        return np.where(known, values, NODATA).astype(np.uint8)[None], known

    tags = {f"CLASS_{value}": name for value, name in enumerate(names)}
    labels = Labels(read=read, fill=NODATA, nodata=NODATA, colour_table=sets.legend.colormap, tags=tags)
    known_bands = ColorInterp.__members__
    bands = [
        (known_bands.get(band.lower(), ColorInterp.undefined), BandTexts(description=band)) for band in run.card.bands
    ]
    return write_chips(pair, labels, bands, cut, target / place)

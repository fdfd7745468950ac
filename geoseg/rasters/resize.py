"""Write a raster at another resolution, block by block, with its georeference."""

from itertools import product
from math import ceil, inf, isqrt
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import OutputError, UsageError
from geoseg.files import check_outputs, discard, whole_files
from geoseg.tiling import Roi, cut, lanczos_radius
from geoseg.tiling.progress import Progress, no_progress

from .bands.identify import image_bands, name_bands, validity_of
from .classes.names import sidecar_of_names
from .dtypes import numpy_type
from .geotiff import check_complete, writing_geotiff
from .grid import Shape, scaled_shape
from .missing_data.validity import Validity, divide, is_unmasked
from .opening.open import opened, reading, unplaced
from .read import in_strips
from .resampling import Resampler
from .resizable import check_kind, check_nodata, report_imagery
from .resized_profile import TARGET_TILE, describe_like, resized_profile
from .scene import locate
from .sources.identity import ask_server, identify

CACHE_BYTES = 256 * 2**20
"""GDAL's block cache in bytes, as `rasterio.Env` takes it; the environment variable is in megabytes."""
BLOCK_PIXELS = 2048 * 2048
"""About this many pixels of the source or the target, whichever has more, are resampled at a time."""
KERNEL_PIXELS = 16 * 2**20
"""About this many pixels of strips are held at most; where the kernels need more, strips are read again in parts."""
MOST_ACROSS = 2**18
"""Longest side of a block in pixels of the target: a kernel has several values for each, of 8 bytes."""
_BYTES = 4
"""Bytes of a pixel; if its bands have more in all, fewer pixels are taken at a time."""
MAX_SIDE = 2**31 - 1
"""GDAL's limit of pixels along a side."""
SIDECAR = ".aux.xml"
"""Where GDAL keeps names of classes; one of an older raster of the same name would apply to the new one."""


def resize(
    source: str | Path,
    output: str | Path,
    *,
    gsd_m: float | None = None,
    scale: float | None = None,
    size: tuple[int, int] | None = None,
    labels: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Path:
    """Write a raster at another resolution over the same extent, as a tiled GeoTIFF.

    Imagery is Lanczos-filtered, antialiased when reducing, and clipped to its data type; masked pixels have no weight.
    Labels, masks and alpha are nearest-exact: the source pixel that contains the output pixel's centre. Data type,
    bands, nodata, mask, colours, names and tags are kept; masks of single bands become one, of the pixels that are
    valid in all of them. Attribute table and category names of labels are kept in GDAL's `.aux.xml` sidecar.

    Parameters
    ----------
    source
        Raster file, VRT or URL for GDAL.
    output
        GeoTIFF to write.
    gsd_m
        Ground sample distance of the output, in metres.
    scale
        Output pixels per source pixel, along each side.
    size
        Width and height of the output, in pixels.
    labels
        Values are class ids: take the nearest pixel.
    overwrite
        Replace an existing output.
    progress
        Called with finished blocks, all blocks, and `""`.

    Returns
    -------
    Path
        The output.

    Raises
    ------
    UsageError
        If not exactly one of `gsd_m`, `scale` and `size` is given, if it is not positive or too large for a GeoTIFF, or
        if the raster has a colour table and `labels` is not set.
    SceneError
        If the source cannot be read, or `gsd_m` is given and the source has no georeference.
    OutputError
        If the output exists and `overwrite` is not set, or it cannot be written.

    Warns
    -----
    GeosegWarning
        If imagery seems to have a nodata value, such as -9999, that it does not declare, or to be labels; if labels
        were changed when they were stored, as by JPEG.
    """
    if sum(value is not None for value in (gsd_m, scale, size)) != 1:
        raise UsageError("give exactly one of `gsd_m`, `scale` and `size`.")
    output = Path(output)
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"{output.name} must end in .tif: the output is a GeoTIFF.")
    check_outputs([output], overwrite=overwrite)
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True), unplaced():
        at_server = ask_server(str(source))
        # Overviews have no effect on reads at full resolution.
        with opened(str(source), overviews=True) as scene:
            check_kind(scene, labels=labels)
            bands = name_bands(scene)
            validity = validity_of(bands)
            check_nodata(scene, validity.alpha)
            shape, identity = _target_shape(scene, gsd_m, scale, size), at_server or identify(scene)
            if not labels:
                report_imagery(scene, image_bands(bands))
            names = sidecar_of_names(scene) if labels else None
        sidecar = output.with_name(output.name + SIDECAR)
        with whole_files([output] if names is None else [sidecar, output]) as folder:
            with opened(str(source), overviews=True, identity=identity) as scene:
                _write(scene, folder / output.name, shape, progress, labels=labels, validity=validity)
            if names is not None:
                (folder / sidecar.name).write_bytes(names)
            for old in (output, output.resolve()):
                discard(old.with_name(old.name + SIDECAR))
    return output


def _target_shape(
    scene: DatasetReader, gsd_m: float | None, scale: float | None, size: tuple[int, int] | None
) -> Shape:
    too_large = f"the output would exceed the {MAX_SIDE} pixels that a GeoTIFF can have along a side."
    if size is not None:
        width, height = size
        if width < 1 or height < 1:
            raise UsageError(f"`size` must be at least one pixel along each side, found {width}x{height}.")
        if max(size) > MAX_SIDE:
            raise UsageError(too_large)
        return height, width
    if gsd_m is not None:
        if not 0 < gsd_m < inf:
            raise UsageError(f"`gsd_m` must be positive, found {gsd_m}.")
        _, found_m = locate(scene.name, scene)
        down, along = (step / gsd_m for step in found_m)
    else:
        assert scale is not None  # exactly one of the three is given
        if not 0 < scale < inf:
            raise UsageError(f"`scale` must be positive, found {scale}.")
        down = along = scale
    if max(scene.height * down, scene.width * along) > MAX_SIDE:
        raise UsageError(too_large)
    return scaled_shape(scene.shape, (down, along))


def _write(
    scene: DatasetReader, partial: Path, shape: Shape, progress: Progress, *, labels: bool, validity: Validity
) -> None:
    resampler = Resampler(source_shape=scene.shape, target_shape=shape)
    masks = _bands_with_masks(scene)
    with writing_geotiff(partial):
        with rasterio.open(partial, "w", **resized_profile(scene, shape)) as written:
            describe_like(scene, written)
            down, across = _cut_in_blocks(scene, shape)
            for done, block in enumerate(product(down, across), 1):
                values, valid = _resample(scene, resampler, block, labels, validity)
                window = Window.from_slices(*block)
                written.write(values, window=window)
                if masks:
                    written.write_mask(valid[masks].all(axis=0), window=window)
                progress(done, len(down) * len(across), "")
        check_complete(partial, masked=bool(masks))


def _bands_with_masks(scene: DatasetReader) -> list[int]:
    """Bands, from 0, with a mask that is neither alpha nor a nodata value: of all bands, or of each, as in a VRT."""
    return [band for band, flags in enumerate(scene.mask_flag_enums) if flags in ([MaskFlags.per_dataset], [])]


def _cut_in_blocks(scene: DatasetReader, shape: Shape) -> tuple[list[slice], list[slice]]:
    """Cut the output's rows and columns into those of its blocks, each with a bounded number of source pixels.

    A scene stored in strips is read in strips, unless the kernels of strong reductions span too many of them.
    """
    height, width = shape
    share = max(scene.count * numpy_type(scene.dtypes[0]).itemsize // _BYTES, 1)
    pixels, under_kernels = BLOCK_PIXELS // share, KERNEL_PIXELS // share
    source_cols = min(scene.width, isqrt(pixels))
    if in_strips(scene):
        down, across = (2 * ceil(lanczos_radius(*sides)) for sides in zip(shape, scene.shape, strict=True))
        fitting = under_kernels // min(scene.height, down) - across
        source_cols = max(source_cols, min(scene.width, fitting))
    cols = _whole_tiles(min(source_cols * width // scene.width, MOST_ACROSS))
    under_strip = under_kernels // source_cols  # vertically first: rows of the target by columns of the source
    rows = _whole_tiles(min(pixels // source_cols * height // scene.height, pixels // cols, under_strip, MOST_ACROSS))
    return cut(slice(0, height), range(rows, height, rows)), cut(slice(0, width), range(cols, width, cols))


def _whole_tiles(pixels: int) -> int:
    """Round down to whole tiles of the output, so that each is compressed once; less than a tile is kept."""
    return max(1, pixels // TARGET_TILE * TARGET_TILE or pixels)


def _resample(
    scene: DatasetReader, resampler: Resampler, block: Roi, labels: bool, validity: Validity
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values and validity of a block of the output, each `(bands, rows, columns)`."""
    window, alpha = Window.from_slices(*resampler.source(block)), validity.alpha
    with reading(scene):
        values = scene.read(window=window)
        valid = scene.read_masks(window=window) != 0
    if alpha is None:  # else GDAL may take a band that it calls alpha for the mask of the others
        valid[[is_unmasked(scene, band) for band in scene.indexes]] = True
    else:  # which GDAL takes for none unless it is the second or fourth and last, and of bytes or 16 bits
        opacity = values[alpha - 1]
        valid &= opacity > 0
        if validity.premultiplied:  # the alpha of the copy is not declared so
            values = divide(values, opacity)
            values[alpha - 1] = opacity
    resampled = resampler.nearest(values, block)
    for band, nodata in enumerate(scene.nodatavals):
        if not labels and band + 1 != alpha:
            resampled[band] = resampler.lanczos(values[band], valid[band], block, nodata=nodata)
    return resampled, resampler.nearest(valid, block)

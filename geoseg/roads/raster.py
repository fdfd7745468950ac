"""Read class ids, or probabilities of any data type, as road probabilities."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import LEVELS, NODATA, Legend
from geoseg.rasters.bands.identify import alpha_of, name_bands
from geoseg.rasters.bands.texts import descriptions_of
from geoseg.rasters.classes.altered_ids import find_alteration, report_alterations
from geoseg.rasters.dtypes import numpy_type
from geoseg.rasters.missing_data.unread import refuse_unread
from geoseg.rasters.missing_data.validity import is_unmasked
from geoseg.rasters.opening.open import opened
from geoseg.rasters.scene import open_scene
from geoseg.rasters.tags import legend_of
from geoseg.rasters.thinning import thin
from geoseg.sentences import counted

from .arrays import Bytes, Read
from .meaning import Meaning, Values

ToLevels = Callable[[Values], Bytes]

_TOLERANCE = 0.01
"""How far probabilities may be below 0 or above 1, from rounding or ringing."""


@dataclass(frozen=True, kw_only=True)
class RoadRaster:
    """Road probabilities, read window by window."""

    read: Read
    grid: GeoBox
    """Shape, transform and CRS."""
    meaning: Meaning
    """Interpretation of the values, with those read so far."""


@contextmanager
def road_raster(
    source: str | Path,
    *,
    band: int | None = None,
    road_class: int | None = None,
    probability: bool = False,
    max_pixels: float | None = None,
) -> Iterator[RoadRaster]:
    """Open a raster as road probabilities; by default the band named "road", or the only one.

    `road_class` is needed for classes unless geoseg wrote the raster, and `probability` for unscaled integer
    probabilities, which are divided by the largest value of their type. `max_pixels` is that of `open_scene`.

    Raises SceneError if the raster cannot be read or has no georeference, UsageError if there is no such band or the
    meaning of its values is unknown.
    """
    scene = open_scene(source, max_pixels=max_pixels)
    # GDAL reports no band names if it ignores overviews; reads at full resolution do not use them.
    with opened(scene.source, overviews=True, identity=scene.identity) as dataset:
        if band is not None and not 1 <= band <= dataset.count:
            raise UsageError(f"{source} has {counted(dataset.count, 'band')}; there is no band {band}.")
        number = band or _road_band(dataset)
        if band is None and road_class is None:
            _check_subject(dataset, number)
        to_levels, meaning = _interpret(dataset, number, road_class, probability=probability)
        flags = dataset.mask_flag_enums[number - 1]
        alpha = _alpha_of(dataset, number)
        units = dataset.scales[number - 1], dataset.offsets[number - 1]
        # The nodata value of a class raster is never that of roads; under a mask or alpha band, any value may occur.
        masked = not is_unmasked(dataset, number) and not (meaning.certain and MaskFlags.nodata in flags)

        def read(rows: slice, cols: slice) -> Bytes:
            window = Window.from_slices(rows, cols)
            values = dataset.read(number, window=window)
            missing = dataset.read_masks(number, window=window) == 0 if masked else None
            if alpha is not None:
                hidden = dataset.read(alpha, window=window) == 0
                missing = hidden if missing is None else missing | hidden
            refuse_unread()
            known = values if missing is None else values[~missing]
            meaning.note(known)
            if missing is not None:
                meaning.note_hidden(values)
            if units != (1, 0) and values.dtype.kind != "f":
                _check_range(dataset.name, known, *units)
            if missing is None:
                return to_levels(values)
            if values.dtype.kind == "f":
                values[missing] = np.nan
            return np.where(missing, np.uint8(NODATA), to_levels(values))

        yield RoadRaster(read=read, grid=scene.geobox, meaning=meaning)


def _road_band(dataset: rasterio.DatasetReader) -> int:
    """Find the band named road, or else the only one besides alpha."""
    names = [name.lower() for name in descriptions_of(dataset)]
    if "road" in names:
        return names.index("road") + 1
    bands = [number for number, colour in enumerate(dataset.colorinterp, 1) if colour != ColorInterp.alpha]
    if len(bands) > 1:
        colours = ", ".join(dataset.colorinterp[number - 1].name for number in bands)
        raise UsageError(
            f"{dataset.name} has {len(bands)} bands ({colours}), none of them named road; choose the one that holds "
            "class ids or probabilities with `band`, or map an image with `geoseg predict`."
        )
    return bands[0] if bands else 1


def _check_subject(dataset: rasterio.DatasetReader, number: int) -> None:
    """Raise SceneError if geoseg wrote a band of probabilities that are not those of roads, such as the confidence."""
    legend = legend_of(dataset) if dataset.scales[number - 1] != 1 else None
    described = descriptions_of(dataset)[number - 1]
    if legend is None or not described:
        return
    roads = {"road"} if legend.road is None else {"road", legend.names[legend.road].lower()}
    if described.lower() not in roads:
        raise SceneError(
            f"{dataset.name} holds {described!r}, not the probability of roads; trace the class raster of the same "
            "run, or the probabilities of its classes (`geoseg predict --probabilities`)."
        )


def _alpha_of(dataset: rasterio.DatasetReader, number: int) -> int | None:
    """Find the band that hides pixels of another one; None without one.

    Of four bands of bytes, GDAL calls the last one alpha even if it holds probabilities of a class: then other bands
    have values where it is 0.
    """
    alpha = alpha_of(name_bands(dataset))
    if alpha is None or alpha == number:
        return None
    values, opacity = thin(dataset, [number, alpha])
    hidden = values[(opacity == 0) & np.isfinite(values)]
    return alpha if dataset.count == 2 or not hidden.size or hidden.min() == hidden.max() else None


def _interpret(
    dataset: rasterio.DatasetReader, number: int, road_class: int | None, *, probability: bool
) -> tuple[ToLevels, Meaning]:
    """Return the conversion of a band's values to levels, and their meaning."""
    dtype = numpy_type(dataset.dtypes[number - 1])
    if dtype.kind not in "iuf":
        raise SceneError(
            f"{dataset.name} holds {dataset.dtypes[number - 1]} values; roads are traced in integers or floats."
        )
    floating = dtype.kind == "f"
    scale, offset = float(dataset.scales[number - 1]), float(dataset.offsets[number - 1])
    bare = (scale, offset) == (1, 0) and not floating
    legend = legend_of(dataset) if bare and road_class is None else None
    if bare and road_class is None:
        road_class = _recorded_class(dataset.name, legend, probability=probability)
    meaning = Meaning(
        name=dataset.name,
        road_class=road_class,
        listed=0 if legend is None else len(legend.entries),
        largest=int(np.iinfo(dtype).max) if bare else None,
        nodata=dataset.nodatavals[number - 1],
        colour=_colour_of(dataset, number),
    )
    if road_class is not None:
        _check_class(dataset, number, road_class)
        report_alterations([(dataset.name, find_alteration(dataset))])
        return lambda values: np.where(values == road_class, np.uint8(LEVELS), np.uint8(0)), meaning
    if bare:
        scale = 1 / np.iinfo(dtype).max
    if dtype == np.uint8:
        table = _levels(np.arange(256), scale, offset)
        return lambda values: table[values], meaning

    def to_levels(values: Values) -> Bytes:
        if floating:
            _check_range(dataset.name, values, scale, offset)
        return _levels(values, scale, offset)

    return to_levels, meaning


def _check_class(dataset: rasterio.DatasetReader, number: int, road_class: int) -> None:
    """Raise UsageError if a band cannot hold classes, or not this one."""
    dtype = numpy_type(dataset.dtypes[number - 1])
    if dtype.kind != "f" and not np.iinfo(dtype).min <= road_class <= np.iinfo(dtype).max:
        raise UsageError(f"{dataset.name} holds {dtype} values; `road_class` cannot be {road_class}.")
    if road_class == dataset.nodatavals[number - 1]:
        raise UsageError(
            f"{dataset.name} declares {road_class} as its nodata value, so it cannot be a class; choose another "
            "`road_class`, or remove the declaration (`gdal_translate -a_nodata none`)."
        )
    scale, offset = float(dataset.scales[number - 1]), float(dataset.offsets[number - 1])
    if (scale, offset) != (1, 0):
        raise UsageError(
            f"band {number} of {dataset.name} has the scale {scale:g} and the offset {offset:g}, so that it holds "
            "probabilities, not classes; leave out `road_class`."
        )


def _colour_of(dataset: rasterio.DatasetReader, number: int) -> str | None:
    """Return the colour of an undescribed band of an image in red, green and blue."""
    colour, colours = dataset.colorinterp[number - 1], (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    image = set(colours) <= set(dataset.colorinterp)
    return colour.name if image and colour in colours and not descriptions_of(dataset)[number - 1] else None


def _recorded_class(name: str, legend: Legend | None, *, probability: bool) -> int | None:
    """Return the road class that a legend names; None for integers that are stated to be probabilities."""
    if legend is None and probability:
        return None
    if legend is not None and probability:
        raise UsageError(f"{name} holds the classes of its legend ({', '.join(legend.names)}); leave out `threshold`.")
    if legend is not None and legend.road is None:
        raise UsageError(
            f"{name} holds the classes {', '.join(legend.names)}, none of which its legend calls road; state the class "
            "id of roads (`road_class`)."
        )
    if legend is None:
        raise UsageError(
            f"{name} does not record whether it holds classes or probabilities; "
            "state the class id of roads (`road_class`) or the lowest probability of a road (`threshold`)."
        )
    return legend.road


def _check_range(name: str, values: Values, scale: float, offset: float) -> None:
    """Raise SceneError if values are not probabilities but, for instance, heights or percentages."""
    known = values[np.isfinite(values)]
    for stored in (known.min(), known.max()) if known.size else ():
        value = float(stored) * scale + offset
        if not -_TOLERANCE <= value <= 1 + _TOLERANCE:
            raise SceneError(
                f"{name} holds {value:g}, which is not a probability from 0 to 1; set a scale for its band, "
                "or state the class id of roads (`road_class`)."
            )


def _levels(values: Values, scale: float, offset: float) -> Bytes:
    levels = values.astype(np.float32) * np.float32(scale * LEVELS) + np.float32(offset * LEVELS)
    known = np.isfinite(levels)
    return np.where(known, np.clip(np.rint(np.where(known, levels, 0)), 0, LEVELS), NODATA).astype(np.uint8)

"""Inspect unknown labels: their values, and the built-in coding that fits them, if any."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.datasets.codings import CODINGS, Coding
from geoseg.datasets.listing import VECTORS
from geoseg.errors import DataError, SceneError, UsageError
from geoseg.rasters.classes.altered_ids import Alteration, find_alteration, report_alterations
from geoseg.rasters.classes.labels import code_bands, count_bands, has_palette, is_labelled, to_codes
from geoseg.rasters.opening.open import opened
from geoseg.rasters.opening.palettes import refuse_mixed_palettes
from geoseg.rasters.values import refuse_scaled_ids
from geoseg.training.data.label_rasters import is_coloured, refuse_floats
from geoseg.training.data.label_vectors import NULL, format_values, read_features
from geoseg.training.recipe.label_sets import OTHERS

if TYPE_CHECKING:
    import geopandas

SAMPLE_SIDE = 1024
"""Rows and columns to sample of a raster, at most."""
FEW = 32
"""Most values of an attribute with classes."""
EVIDENCE, CUSTOMARY_EVIDENCE = 3, 2
"""Classes of a built-in coding that must occur, since many codings have black and white; fewer if file names fit it."""
STRAY = 0.01
"""Largest share of pixels with values outside a built-in coding, such as digitising errors."""
_LAYOUTS = {
    "aerial": re.compile(r"_classes\.tif$"),
    "potsdam": re.compile("top_potsdam_|5_Labels_"),
    "vaihingen": re.compile("top_mosaic_09cm_|gts_.*for_participants"),
    "mbrsc": re.compile(r"Tile \d+/masks/"),
    "cityscapes": re.compile("_gtFine_labelIds"),
}
"""Customary file names of labels of each built-in coding."""
_IDENTIFIERS = frozenset({"id", "fid", "objectid"})


@dataclass(frozen=True, kw_only=True)
class LabelSurvey:
    """Properties of labels."""

    coding: str
    """Coding for the recipe: a built-in one if nearly all values are in it."""
    counts: Mapping[str, float]
    """Share of each value in the sample: ids, colours `#rrggbb`, or values of the attribute."""
    ignored: frozenset[str] = frozenset()
    """Values to ignore: those outside the built-in coding, and null attributes."""
    attribute: str | None = None
    """Attribute of vector labels whose values look like classes."""
    lines: bool = False
    """Vector labels are lines."""


def survey_labels(paths: Sequence[Path]) -> LabelSurvey:
    """Count the values of label rasters, or the features of vector labels, which must be of one kind."""
    vectors = {path.suffix.lower() in VECTORS: path for path in paths}
    if len(vectors) > 1:
        raise UsageError(
            f"{vectors[True]} holds vectors and {vectors[False]} pixels; labels of a data set must be of one kind: "
            "select one kind with a pattern."
        )
    return _survey_features(list(dict.fromkeys(paths))) if True in vectors else _survey_rasters(paths)


def read_thinned(
    source: rasterio.DatasetReader, bands: list[int]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Read evenly spaced pixels `(bands, rows, columns)`, and a mask `(rows, columns)` of pixels with data."""
    shape = min(source.height, SAMPLE_SIDE), min(source.width, SAMPLE_SIDE)
    pixels: npt.NDArray[np.generic] = source.read(bands, out_shape=(len(bands), *shape))
    return pixels, is_labelled(source, bands, shape=shape)


def _survey_rasters(paths: Sequence[Path]) -> LabelSurvey:
    counts: Counter[int] = Counter()
    kinds: dict[bool, Path] = {}
    altered: list[tuple[str, Alteration | None]] = []
    for path in paths:
        with opened(str(path)) as label:
            coloured = _holds_colours(label)
            kinds.setdefault(coloured, path)
            if coloured:
                refuse_mixed_palettes(label)
            else:
                refuse_scaled_ids(label)
                altered.append((str(path), find_alteration(label)))
            pixels, valid = read_thinned(label, code_bands(label, coloured=coloured))
            found, times = np.unique(to_codes(label, pixels, coloured=coloured)[valid], return_counts=True)
            counts.update(dict(zip(found.tolist(), times.tolist(), strict=True)))
    if len(kinds) > 1:
        raise SceneError(f"{kinds[True]} holds colours and {kinds[False]} ids; use labels of one kind.")
    report_alterations(altered)
    total = counts.total()
    builtin = _recognise(counts, paths[0], coloured=coloured)
    if builtin is not None:
        counts = _count_meant(counts, CODINGS[builtin])
    texts = {value: f"#{value:06x}" if coloured else str(value) for value in sorted(counts)}
    strays = set() if builtin is None else counts.keys() - CODINGS[builtin].names.keys()
    return LabelSurvey(
        coding=builtin or ("colours" if coloured else "ids"),
        counts={text: counts[value] / total for value, text in texts.items()},
        ignored=frozenset(texts[value] for value in strays),
    )


def _holds_colours(label: rasterio.DatasetReader) -> bool:
    """Whether a label raster holds colours, in bands or a palette, rather than ids."""
    refuse_floats(label)
    if count_bands(label) == 2:
        raise SceneError(f"{label.name} has 2 bands; labels have one, of ids or with a palette, or three, of colours.")
    return is_coloured(label) or has_palette(label)


def _recognise(counts: Counter[int], path: Path, *, coloured: bool) -> str | None:
    """Find the built-in coding of ids or packed colours, up to a few strays."""
    customary = {name for name, layout in _LAYOUTS.items() if layout.search(path.as_posix())}
    # Potsdam and Vaihingen have the same colours.
    for name in sorted(CODINGS, key=lambda name: name not in customary):
        coding = CODINGS[name]
        if coding.coloured != coloured or not (coloured or name in customary):  # ids fit any coding
            continue
        meant = _count_meant(counts, coding)
        seen = [value for value in meant if coding.names.get(value, "") not in {"", *coding.silent}]
        strays = sum(times for value, times in meant.items() if value not in coding.names)
        evidence = CUSTOMARY_EVIDENCE if name in customary else EVIDENCE
        if len(seen) >= evidence and strays <= STRAY * counts.total():
            return name
    return None


def _count_meant(counts: Counter[int], coding: Coding) -> Counter[int]:
    """Count colours near those of a coding as them."""
    if not coding.nearby:
        return counts
    meant: Counter[int] = Counter()
    for value, times in zip(coding.find_nearest(np.array(list(counts))).tolist(), counts.values(), strict=True):
        meant[value] += times
    return meant


def _survey_features(paths: Sequence[Path]) -> LabelSurvey:
    files = [features for features in map(read_features, paths) if len(features)]
    if not files:
        more = f" and {len(paths) - 1} more files" if len(paths) > 1 else ""
        raise DataError(f"labels {paths[0]}{more} hold no features.")
    total = sum(map(len, files))
    lines = sum(int(features.geom_type.str.contains("Line").sum()) for features in files) > total / 2
    attribute = None if lines else _find_class_attribute(files)
    if attribute is None:
        return LabelSurvey(coding="vector", counts={OTHERS: 1.0}, lines=lines)
    counts = _count_values(files, attribute)
    return LabelSurvey(
        coding="vector",
        counts={value: counts[value] / total for value in sorted(counts)},
        ignored=frozenset({NULL} & counts.keys()),
        attribute=attribute,
    )


def _find_class_attribute(files: "Sequence[geopandas.GeoDataFrame]") -> str | None:
    """Find the first attribute in all files with few values; identifiers only if there is no other."""
    shared = [name for name in files[0].columns if all(name in features for features in files)]
    few = [
        name
        for name in shared
        if name != files[0].geometry.name and 2 <= len(_count_values(files, name).keys() - {NULL}) <= FEW
    ]
    return min(few, key=lambda name: name.lower() in _IDENTIFIERS, default=None)


def _count_values(files: "Sequence[geopandas.GeoDataFrame]", attribute: str) -> Counter[str]:
    """Count the features of each value of an attribute."""
    return Counter(value for features in files for value in format_values(features[attribute]))

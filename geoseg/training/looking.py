"""Look at labelled imagery that nothing is known of: bands, ground, and the values of its labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp

from geoseg.scene import Scene, open_scene, opened, unplaced

from .codings import CODINGS
from .discovery import VECTORS, Files, find_pairs
from .label_rasters import packed_values

LOOKED_AT = 24
"""Pairs that are opened, evenly spaced in the order of their names."""
SAMPLE_SIDE = 1024
"""Labels are looked at through at most this many rows and columns."""
FEW = 32
"""An attribute with more values than this does not name classes."""


@dataclass(frozen=True, kw_only=True)
class LabelLook:
    """What labels hold."""

    coding: str
    """Coding of the recipe: a built-in one if all values are its."""
    counts: dict[str, float]
    """Share of each value in what was looked at: ids, colours `#rrggbb`, or values of the attribute."""
    attribute: str | None = None
    """Attribute of vector labels whose values look like classes."""
    lines: bool = False
    """Vector labels are lines."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a set of labelled images holds."""

    files: tuple[Files, ...]
    shapes: tuple[tuple[int, int], ...]
    """Height and width of the images that were opened."""
    scenes: tuple[Scene, ...]
    """Those of them that lie on the ground."""
    bands: tuple[ColorInterp, ...]
    dtype: str
    limits: tuple[float, float]
    """Values that a hundredth of the pixels lie below, and above."""
    labels: LabelLook


def look(images: str, labels: str | None) -> Look:
    """Find pairs and open some of them.

    Raises
    ------
    SceneError, UsageError
        If images and labels cannot be paired, or one of them cannot be opened.
    """
    files = tuple(find_pairs(images, labels))
    chosen = [files[number] for number in np.unique(np.linspace(0, len(files) - 1, LOOKED_AT).astype(int))]
    shapes, scenes, samples = [], [], []
    with unplaced():
        for pair in chosen:
            with opened(str(pair.image), overviews=True) as image:
                shapes.append(image.shape)
                samples.append(_thinned(image, list(image.indexes)))
                bands, dtype = tuple(image.colorinterp), image.dtypes[0]
                if image.crs is not None and not image.transform.is_identity:
                    scenes.append(open_scene(pair.image))
        pixels = np.concatenate([sample[np.isfinite(sample)].ravel() for sample in samples])
        return Look(
            files=files,
            shapes=tuple(shapes),
            scenes=tuple(scenes),
            bands=bands,
            dtype=dtype,
            limits=(float(np.percentile(pixels, 1)), float(np.percentile(pixels, 99))),
            labels=_look_at_labels([pair.label for pair in chosen]),
        )


def _thinned(source: rasterio.DatasetReader, bands: list[int]) -> npt.NDArray[np.generic]:
    """Pixels `(bands, rows, columns)`, each as it is, of evenly spaced rows and columns."""
    shape = min(source.height, SAMPLE_SIDE), min(source.width, SAMPLE_SIDE)
    pixels: npt.NDArray[np.generic] = source.read(bands, out_shape=(len(bands), *shape))
    return pixels


def _look_at_labels(paths: Sequence[Path]) -> LabelLook:
    if paths[0].suffix.lower() in VECTORS:
        return _look_at_features(paths)
    counts: Counter[int] = Counter()
    for path in paths:
        with opened(str(path)) as label:
            coloured = label.count >= 3 or label.colorinterp[0] == ColorInterp.palette
            bands = [1, 2, 3] if label.count >= 3 else [1]
            values = packed_values(label, _thinned(label, bands), coloured=coloured)
            values = values[label.dataset_mask(out_shape=values.shape) > 0]
            found, times = np.unique(values, return_counts=True)
            counts.update(dict(zip(found.tolist(), times.tolist(), strict=True)))
    coding = "colours" if coloured else "ids"
    for name, known in CODINGS.items():
        marked = known.coloured or "labelIds" in paths[0].stem  # ids alone say nothing of what they mean
        if known.coloured == coloured and marked and set(counts) <= set(known.names):
            coding = name
            break
    total = sum(counts.values())
    shares = {f"#{value:06x}" if coloured else str(value): times / total for value, times in sorted(counts.items())}
    return LabelLook(coding=coding, counts=shares)


def _look_at_features(paths: Sequence[Path]) -> LabelLook:
    import geopandas
    import pandas as pd

    features = pd.concat([geopandas.read_file(path) for path in dict.fromkeys(paths)], ignore_index=True)
    lines = bool(features.geometry.geom_type.str.contains("Line").mean() > 0.5)
    named = [name for name in features.columns if name != "geometry" and 2 <= features[name].nunique() <= FEW]
    attribute = None if lines or not named else named[0]
    values = features[attribute].astype(str) if attribute else pd.Series(["*"] * len(features))
    shares = values.value_counts(normalize=True).sort_index()
    return LabelLook(
        coding="vector",
        counts={str(value): float(share) for value, share in shares.items()},
        attribute=attribute,
        lines=lines,
    )

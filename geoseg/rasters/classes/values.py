"""Distinct values of a class raster, and sentences about those that its legend or a user does not explain."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from geoseg.sentences import join_words

_SHOWN = 6


def list_values(values: Collection[float]) -> str:
    """Join values in ascending order, the first few of many: `0, 1 and 2`, `0, 1, 2, 3, 4, 5 and 12 more`."""
    texts = [f"{value:g}" for value in sorted(values)]
    if len(texts) > _SHOWN + 1:
        texts = [*texts[:_SHOWN], f"{len(texts) - _SHOWN} more"]
    return join_words(texts)


def distinct(values: npt.NDArray[np.generic]) -> set[int | float]:
    """Return the distinct values of an array; fast for class rasters, whose neighbouring pixels are mostly equal."""
    flat = values.ravel()
    starts = np.ones(flat.shape, bool)
    starts[1:] = flat[1:] != flat[:-1]
    return set(np.unique(flat[starts]).tolist())


def no_such_class(name: str, wanted: Collection[int], found: Collection[float]) -> str:
    """Say that no pixel of the raster `name` has one of the classes `wanted`, and which values it has."""
    values = f"its values are {list_values(found)}" if len(found) > 1 else f"its only value is {list_values(found)}"
    return f"no pixel of {name} has the class {list_values(wanted)}, {values}"


def unlisted(name: str, values: Collection[float], classes: int) -> str:
    """Say that the raster `name` holds values that its legend of some `classes` does not list."""
    return (
        f"{name} holds the value{'s' * (len(values) > 1)} {list_values(values)}, which its legend (0 to {classes - 1}) "
        "does not list: check that the legend belongs to it, and declare its nodata value if that is one "
        "(`gdal_translate -a_nodata …`)."
    )

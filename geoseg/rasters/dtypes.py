"""Data types of rasters as NumPy knows them."""

from typing import Any

import numpy as np


def numpy_type(name: str) -> np.dtype[Any]:
    """Return the type in which rasterio reads pixels of type `name`; NumPy has no complex integers."""
    return np.dtype(name.replace("complex_int16", "complex64"))

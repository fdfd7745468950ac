"""Data types of rasters as NumPy knows them."""

from typing import Any

import numpy as np


def numpy_type(name: str) -> np.dtype[Any]:
    """Return the type as which rasterio reads pixels of a type of GDAL's, one of which NumPy lacks."""
    return np.dtype(name.replace("complex_int16", "complex64"))

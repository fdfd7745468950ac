"""Images for tests of resizing, and their georeference."""

import numpy as np
from rasterio.transform import Affine

UTM = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)}


def photo(bands, height, width, dtype=np.uint8, seed=0):
    """Return noise `(bands, height, width)` without 0."""
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(dtype)

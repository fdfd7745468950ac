"""Class rasters as geoseg and others write them."""

import json

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from geoseg.blocks import LEVELS
from geoseg.scene import unplaced

PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


@pytest.fixture
def write_ids(tmp_path):
    """Write ids `(height, width)`, or bands of them, as a raster and return its path; `levels` are probabilities."""

    def write(
        ids, name="classes.tif", *, crs="EPSG:32633", transform=PLACE, legend=None, folder=".", levels=False, **profile
    ):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        bands = ids if ids.ndim == 3 else ids[None]
        shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
        place = {} if crs is None else {"crs": crs, "transform": transform}
        with unplaced(), rasterio.open(path, "w", driver="GTiff", **shape, **place, **profile) as dataset:
            dataset.write(bands)
            if levels:
                dataset.scales = [1 / LEVELS] * len(bands)
            if legend is not None:
                dataset.update_tags(GEOSEG_LEGEND=json.dumps(legend.to_json()))
        return path

    return write


@pytest.fixture
def blobs():
    """Make ids `(height, width)` of five classes in patches, the same for the same seed."""

    def make(height, width, seed=0, classes=5):
        random = np.random.default_rng(seed)
        coarse = random.integers(0, classes, (height // 4 + 2, width // 4 + 2), dtype=np.uint8)
        ids = np.kron(coarse, np.ones((4, 4), np.uint8))[2 : height + 2, 1 : width + 1]
        noise = random.random(ids.shape) < 0.1
        return np.where(noise, random.integers(0, classes, ids.shape), ids).astype(np.uint8)

    return make

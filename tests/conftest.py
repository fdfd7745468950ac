"""Scenes that are built, engines that stand in for a network, and the folder of real imagery."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import settings
from rasterio import Affine
from standins import load_echo, make_card

from geoseg.models.bundle import MEMBER

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

UTM = "EPSG:32633"
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


@pytest.fixture
def real_data() -> Path:
    """Folder of real imagery; the test is skipped where there is none."""
    folder = os.environ.get("GEOSEG_TEST_DATA")
    if not folder:
        pytest.skip("GEOSEG_TEST_DATA names no folder of real imagery")
    return Path(folder)


@pytest.fixture
def write_scene(tmp_path):
    """Write pixels `(bands, height, width)` as a GeoTIFF and return its path."""

    def write(pixels, name="scene.tif", *, crs=UTM, transform=PLACE, mask=None, **profile):
        path = tmp_path / name
        bands, height, width = pixels.shape
        shape = {"count": bands, "height": height, "width": width, "dtype": pixels.dtype}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **shape, **profile) as dataset,
        ):
            dataset.write(pixels)
            if mask is not None:
                dataset.write_mask(mask)
        return path

    return write


@pytest.fixture
def noise():
    """Pixels `(3, height, width)` of independent bytes below 255, the same for the same shape."""

    def make(height, width, bands=3):
        return np.random.default_rng(height * 10_007 + width).integers(0, 255, (bands, height, width), dtype=np.uint8)

    return make


@pytest.fixture
def write_bundle(tmp_path):
    """Write a bundle that has a card but no network, for engines that need none."""

    def write(name="stand-in.keras", **changes):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(MEMBER, json.dumps(make_card(**changes).to_json()))
        return path

    return write


@pytest.fixture
def echo():
    """Loader of a network that echoes its input."""
    return load_echo

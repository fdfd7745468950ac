"""Scenes that are built, engines that stand in for a network, and the folder of real imagery."""

import json
import os
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import settings
from rasterio import Affine
from standins import load_echo, make_card

from geoseg.models.bundle import MEMBER
from geoseg.models.legend import LEVELS
from geoseg.rasters.opening.open import unplaced

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores, on which TensorFlow's threads would wait in turn
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# A shell that starts tests in the background makes them ignore Ctrl-C, and so the commands that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

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
        if bands == 3:
            profile = {"photometric": "rgb"} | profile  # as GDAL's default for bytes
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


@pytest.fixture
def write_ids(tmp_path):
    """Write ids `(height, width)`, or bands of them, as a raster and return its path; `levels` are probabilities."""

    def write(
        ids,
        name="classes.tif",
        *,
        crs=UTM,
        transform=PLACE,
        gsd_m=1,
        legend=None,
        tags=None,
        band_tags=None,
        colours=None,
        folder=".",
        levels=False,
        **profile,
    ):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        bands = ids if ids.ndim == 3 else ids[None]
        shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
        place = {} if crs is None else {"crs": crs, "transform": transform @ Affine.scale(gsd_m)}
        with unplaced(), rasterio.open(path, "w", driver="GTiff", **shape, **place, **profile) as dataset:
            dataset.write(bands)
            if levels:
                dataset.scales = [1 / LEVELS] * len(bands)
            if legend is not None:
                dataset.update_tags(GEOSEG_LEGEND=json.dumps(legend.to_json()))
            dataset.update_tags(**(tags or {}))
            dataset.update_tags(1, **(band_tags or {}))
            if colours:
                dataset.write_colormap(1, colours)
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

"""A scene for shipped models."""

from pathlib import Path

import pytest
import rasterio
from rasterio.windows import Window

SAMPLES = Path(__file__).parents[2] / "sample_rasters"


@pytest.fixture
def suburb(tmp_path):
    """A part of a sample scene, of two pieces or more with the shipped models."""
    path, window = tmp_path / "suburb.tif", Window(100, 100, 360, 700)
    with rasterio.open(SAMPLES / "suburb.tif") as sample:
        place = {
            "transform": sample.transform @ rasterio.Affine.translation(window.col_off, window.row_off),
            "height": window.height,
            "width": window.width,
        }
        with rasterio.open(path, "w", **sample.profile | place) as part:
            part.write(sample.read(window=window))
    return path

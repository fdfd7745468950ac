"""What is said of GeoTIFFs that were not written to their end."""

import errno
import os

import numpy as np
import pytest
import rasterio

from geoseg.rasters.geotiff import check_complete, naming_errors


def test_a_file_that_is_cut_off(tmp_path):
    """Where the disk has room again, the sentence is not lost on the way."""
    path = tmp_path / "cut.tif"
    shape = {"width": 64, "height": 64, "count": 1, "dtype": "uint8", "transform": rasterio.Affine.scale(2)}
    with rasterio.open(path, "w", driver="GTiff", **shape) as raster:
        raster.write(np.ones((1, 64, 64), np.uint8))
    check_complete(path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(OSError, match="cut off") as raised, naming_errors(path):
        check_complete(path)
    assert raised.value.strerror == "the file is cut off; is the disk full?"


def test_a_reason_of_the_operating_system(tmp_path):
    """It stays as it is."""
    with pytest.raises(OSError, match="No space left on device") as raised, naming_errors(tmp_path / "full.tif"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.errno == errno.ENOSPC

"""Masks painted from lines whose place and length are known."""

import numpy as np
import pytest
import shapely
from rasterio import Affine
from rasterio.features import rasterize


@pytest.fixture(scope="session")
def paint():
    """Return a function that paints lines, given in map coordinates, as roads: pixels whose centre they cover."""

    def painted(shape, lines, *, width, transform=None):
        lines = [shapely.LineString(line) for line in lines]
        areas = [line.buffer(width / 2, cap_style="flat") for line in lines]
        return rasterize(areas, out_shape=shape, transform=transform or Affine.identity()).astype(np.bool_)

    return painted

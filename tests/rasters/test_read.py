"""Pixels as networks take them."""

import numpy as np

from geoseg.models.bundle import Scaling
from geoseg.rasters.read import scaled


def test_values_beyond_the_range_are_cut_off():
    """What is darker than the offset is 0, what is too bright 255, and bytes that are taken as they are stay."""
    values = np.array([0, 100, 400, 5000], np.uint16)
    np.testing.assert_array_equal(scaled(values, Scaling(offset=100, gain=0.25)), np.float32([0, 0, 75, 255]))
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(scaled(levels, Scaling()), levels.astype(np.float32))

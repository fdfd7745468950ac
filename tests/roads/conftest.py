"""Masks painted from known lines, and networks traced from them."""

import numpy as np
import pytest
import shapely
from rasterio import Affine
from rasterio.features import rasterize

from geoseg.roads import trace_network
from geoseg.roads.trace import finish_network, plan_tracing, trace_rows


@pytest.fixture(scope="session")
def paint():
    """Return a function that paints lines, in map coordinates, as roads: pixels whose centre they cover."""

    def painted(shape, lines, *, width, transform=None):
        lines = [shapely.LineString(line) for line in lines]
        areas = [line.buffer(width / 2, cap_style="flat") for line in lines]
        return rasterize(areas, out_shape=shape, transform=transform or Affine.identity()).astype(np.bool_)

    return painted


@pytest.fixture(scope="session")
def paint_bands():
    """Return a function that fills rectangles `(rows, columns, level)` of an empty grid, later ones over earlier."""

    def painted(shape, *bands):
        levels = np.zeros(shape, np.uint8)
        for rows, cols, level in bands:
            levels[rows, cols] = level
        return levels

    return painted


@pytest.fixture(scope="session")
def trace_levels():
    """Return a function that traces probabilities `(rows, columns)` in levels on a metric grid."""

    def traced(levels, settings=None, *, gsd=1.0, crs="EPSG:32632", transform=None, **choices):
        transform = transform or Affine(gsd, 0, 500_000, 0, -gsd, 1_000_000)
        return trace_network(lambda rows, cols: levels[rows, cols], levels.shape, transform, crs, settings, **choices)

    return traced


@pytest.fixture(scope="session")
def trace_parts():
    """Return a function that traces levels on a metric grid as `trace_levels`, from rows that arrive in parts."""

    def traced(levels, cuts, *, gsd=1.0, **choices):
        transform = Affine(gsd, 0, 500_000, 0, -gsd, 1_000_000)
        tracing = plan_tracing(levels.shape, transform, "EPSG:32632")
        chains = trace_rows(tracing, np.split(levels, cuts), **choices)
        return finish_network(tracing, chains, lambda rows, cols: levels[rows, cols])

    return traced


@pytest.fixture(scope="session")
def tangle():
    """Return levels of a tangle of ragged roads with gaps, a plaza and a ring."""
    from scipy import ndimage

    rng = np.random.default_rng(8)
    size = (420, 380)
    bands = ndimage.gaussian_filter(rng.standard_normal(size), 11)
    noise = ndimage.gaussian_filter(rng.standard_normal(size), 1.5)
    share = 0.5 + 3 * (0.3 - np.abs(bands / bands.std())) + 0.4 * noise / noise.std()
    share[60:150, 200:300] = 1
    y, x = np.ogrid[: size[0], : size[1]]
    share[250:380, 60:190] = np.abs(np.hypot(y - 315, x - 125)[250:380, 60:190] - 45) < 4
    levels = np.rint(np.clip(share, 0, 1) * 254).astype(np.uint8)
    levels[:25, :40] = 255
    return levels

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from geoseg.polygons.components import NODATA

RASTERS = arrays(
    np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0, 1, 2, NODATA])
)


@given(RASTERS, st.integers(1, 12), st.floats(0.5, 6))
@settings(deadline=None, max_examples=300)
def test_simplified_polygons_are_a_coverage(traced, values, rows, tolerance):
    """At any tolerance, polygons are a valid coverage, and no polygon or hole is lost."""
    polygons, classes = traced(values, rows, tolerance)
    before, classes_before = traced(values, rows)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert classes.tolist() == classes_before.tolist()
    assert shapely.get_num_interior_rings(polygons).tolist() == shapely.get_num_interior_rings(before).tolist()


@pytest.mark.parametrize("rows", [7, 30, 512])
@pytest.mark.parametrize("tolerance", [0.8, 1.5, 4.0])
def test_blots(traced, blots, rows, tolerance):
    """Borders of large areas move within the tolerance, and the polygons cover the raster exactly."""
    values = blots(3, (90, 70))
    polygons, _ = traced(values, rows, tolerance)
    before, _ = traced(values, rows)
    assert shapely.coverage_is_valid(polygons)
    assert shapely.area(polygons).sum() == pytest.approx(values.size, abs=1e-6)
    moved = shapely.hausdorff_distance(shapely.boundary(polygons), shapely.boundary(before))
    assert moved.max() <= tolerance + 1e-9
    assert shapely.get_num_coordinates(polygons).sum() < 0.8 * shapely.get_num_coordinates(before).sum()


def test_areas_narrower_than_the_tolerance_keep_their_size(traced):
    """No polygon loses more than a quarter of its area, whatever the tolerance."""
    values = np.zeros((40, 40), np.uint16)
    values[np.arange(5, 35), np.arange(5, 35)] = 1
    values[np.arange(5, 35), np.arange(6, 36)] = 1
    values[30:33, 4:8] = 2
    polygons, _ = traced(values, 64, 10.0)
    before, _ = traced(values, 64)
    assert (shapely.area(polygons) >= 0.75 * shapely.area(before)).all()


@pytest.mark.parametrize("slope", [1 / 7, 0.4, 1.0, 2.3])
def test_stairs_become_a_line(traced, slope):
    """A tolerance of 1.5 pixels removes the stair steps of a straight border."""
    y, x = np.mgrid[:80, :80]
    values = (y > slope * (x - 30) + 30).astype(np.uint16)
    polygons, _ = traced(values, 512, 1.5)
    before, _ = traced(values, 512)
    assert shapely.get_num_coordinates(before).sum() > 40
    # Two triangles or quadrilaterals, and a corner of the raster or two.
    assert shapely.get_num_coordinates(polygons).sum() <= 14


def test_metres_of_either_axis(traced):
    """The tolerance is in metres: a bump of one pixel is removed if the pixel is one metre high, not if it is ten."""
    values = np.zeros((40, 40), np.uint16)
    values[np.arange(40) >= 20] = 1
    values[19, 10:20] = 1
    low, _ = traced(values, 64, 1.5, pixel_m=(1.0, 10.0))
    high, _ = traced(values, 64, 1.5, pixel_m=(10.0, 1.0))
    assert shapely.get_num_coordinates(low).sum() == 10
    assert shapely.get_num_coordinates(high).sum() == 18


@pytest.mark.parametrize("strip", [slice(9, 10), slice(8, 11), slice(10, 11)])
def test_strip_without_data_stays(traced, strip):
    """Two borders between the same two nodes do not collapse into one."""
    values = np.zeros((20, 20), np.uint16)
    values[:, 10:] = 1
    values[4:16, strip] = NODATA
    polygons, _ = traced(values, 64, 6.0)
    assert shapely.coverage_is_valid(polygons)
    assert shapely.area(polygons).sum() < 400
    assert len(shapely.union_all(polygons).interiors) == 1


@pytest.mark.parametrize("seed", range(1, 6))
def test_borders_keep_clear_of_each_other(traced, seed):
    """Vertices keep a tenth of a pixel from other borders, so that rounding cannot make them cross."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:100, :300]
    values = (np.floor((y + rng.uniform(0.02, 0.3) * x) / 4) % 3).astype(np.uint16)  # flat stripes,
    values[rng.random(values.shape) < 0.02] = 3  # and specks among them
    polygons, _ = traced(values, 512, 3.0)
    rings = shapely.get_rings(polygons)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[1:] == ring[:-1]
    starts, ends = points[:-1][inside], points[1:][inside]
    lines = shapely.linestrings(np.stack([starts, ends], axis=1))
    bends = shapely.points(np.unique(points, axis=0))
    near_bend, near_line = shapely.STRtree(lines).query(bends, predicate="dwithin", distance=0.1 - 1e-9)
    at = shapely.get_coordinates(bends)[near_bend]
    assert ((at == starts[near_line]) | (at == ends[near_line])).all(axis=1).all()

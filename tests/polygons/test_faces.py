import gc
import tracemalloc

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from geoseg.polygons.bands import Band
from geoseg.polygons.components import NODATA
from geoseg.polygons.faces import trace_faces
from geoseg.polygons.sieve import MIN_AREA, MeasuredBand, sieve

RASTERS = arrays(
    np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=10), elements=st.sampled_from([0, 1, 2, NODATA])
)


def canonical(polygons, classes):
    """Class and shape of each polygon, without collinear points, sorted."""
    shapes = shapely.to_wkt(shapely.normalize(shapely.simplify(polygons, 0)), rounding_precision=-1)
    return sorted(zip(classes.tolist(), shapes.tolist(), strict=True))


def at_once(values):
    """Polygons of a whole raster, by GDAL."""
    found = list(rasterio.features.shapes(values, mask=values != NODATA, connectivity=4))
    polygons = np.array([shapely.geometry.shape(shape) for shape, _ in found], dtype=object)
    return polygons, np.array([value for _, value in found], dtype=int)


@given(RASTERS, st.integers(1, 10))
@settings(deadline=None, max_examples=300)
def test_bands_give_the_polygons_of_the_whole(traced, values, rows):
    """At any band height, the polygons equal GDAL's for the whole raster."""
    assert canonical(*traced(values, rows)) == canonical(*at_once(values))


@given(RASTERS, st.integers(1, 10))
@settings(deadline=None, max_examples=300)
def test_neighbours_share_their_borders(traced, values, rows):
    """Polygons are a valid coverage: no gaps, no overlaps, the same vertices on both sides of a border."""
    polygons, _ = traced(values, rows)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)


@given(RASTERS, st.integers(1, 10), st.integers(1, 10))
@settings(deadline=None)
def test_rings_do_not_depend_on_bands(traced, values, rows, other):
    """At any band height, each ring has the same points from the same start."""

    def texts(polygons):
        return sorted(shapely.to_wkt(polygons, rounding_precision=-1).tolist())

    assert texts(traced(values, rows)[0]) == texts(traced(values, other)[0])


@pytest.mark.parametrize("rows", [1, 2, 3, 64])
def test_chequerboard(traced, rows):
    """Squares that touch only at corners are separate polygons."""
    polygons, classes = traced(np.indices((7, 7)).sum(axis=0).astype(np.uint16) % 2, rows)
    assert len(polygons) == 49
    assert (shapely.area(polygons) == 1).all()
    assert np.bincount(classes).tolist() == [25, 24]


def test_holes_that_touch_at_a_corner_are_two(traced):
    """Holes that touch each other or the outer ring at one point are separate rings."""
    values = np.zeros((6, 6), np.uint16)
    values[1, 1] = values[2, 2] = values[0, 4] = values[1, 3] = 1
    polygons, classes = traced(values, 2)
    ground = polygons[classes == 0]
    assert [len(polygon.interiors) for polygon in ground] == [3]
    assert ground[0].is_valid
    assert ground[0].area == 32


def test_outer_rings_run_counter_clockwise_on_a_map(traced, blots):
    """With rows downward, as on a north-up map, outer rings are counter-clockwise and holes clockwise."""
    polygons, _ = traced(blots(1, (80, 80)), 16)
    flipped = shapely.transform(polygons, lambda points: points * [1, -1])
    assert shapely.is_ccw(shapely.get_exterior_ring(flipped)).all()
    holes = [ring for polygon in flipped for ring in polygon.interiors]
    assert holes
    assert not shapely.is_ccw(holes).any()


def test_faces_are_yielded_once_finished(traced):
    """Faces are yielded with the band in which they end, in the order of their first pixels."""
    values = np.repeat(np.arange(6, dtype=np.uint16), 2)[:, None] * np.ones((1, 4), np.uint16)
    polygons, classes = traced(values, 3)
    assert classes.tolist() == [0, 1, 2, 3, 4, 5]
    assert [polygon.bounds[1] for polygon in polygons] == [0, 2, 4, 6, 8, 10]


def test_memory_does_not_grow_with_height(blots):
    """Finished faces are released: peak memory at four times the height is nearly the same."""
    columns = 1500
    pattern = blots(4, (64, columns), coarse=8)
    pattern[0] = 4  # no area spans all bands

    def peak(bands):
        def read():
            for number in range(bands):
                yield MeasuredBand(values=pattern, pixel_area=np.full(64, MIN_AREA // 30), last=number == bands - 1)

        sieved = enumerate(sieve(read, columns, (1, 1)))
        cut = (Band(values=each, pixel_m=(1.0, 1.0), last=number == bands - 1) for number, each in sieved)
        gc.collect()
        tracemalloc.start()
        count = sum(len(faces.value) for faces in trace_faces(cut, columns, np.ones(NODATA + 1, np.bool_), 1.5))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used, count

    peak(2)  # compiles
    (low, few), (high, many) = peak(10), peak(40)
    assert many > 3 * few > 300
    assert high < 1.15 * low  # the sieve keeps two bytes for each component of each band

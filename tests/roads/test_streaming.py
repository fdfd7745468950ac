"""What must not depend on how rows arrive, or on how many there are."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine
from scipy import ndimage

from geoseg.roads import trace_roads, write_geojson

UTM = "EPSG:32632"
METRE = Affine(1, 0, 500_000, 0, -1, 1_000_000)


@pytest.fixture(scope="module")
def rough():
    """Return a tangle of rough roads over three strips."""
    rng = np.random.default_rng(8)
    bands = ndimage.gaussian_filter(rng.standard_normal((2300, 90)), 9)
    noise = ndimage.gaussian_filter(rng.standard_normal((2300, 90)), 1.5)
    return np.abs(bands / bands.std() + 0.3 * noise / noise.std()) < 0.35


@pytest.fixture(scope="module")
def whole(rough, tmp_path_factory):
    """Return the file that the whole mask at once gives."""
    path = tmp_path_factory.mktemp("whole") / "roads.geojson"
    assert write_geojson(trace_roads([rough], rough.shape, METRE, UTM), path, UTM).count > 100
    return path.read_bytes()


@settings(max_examples=8, deadline=None)
@given(heights=st.lists(st.integers(0, 900), max_size=30))
def test_strips_do_not_change_a_byte(rough, whole, tmp_path_factory, heights):
    """However the rows are cut into strips, the file is the same to the last byte."""
    path = tmp_path_factory.mktemp("cut") / "roads.geojson"
    strips = np.split(rough, np.minimum(np.cumsum(heights), len(rough)))
    write_geojson(trace_roads(iter(strips), rough.shape, METRE, UTM), path, UTM)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("rows", [1, 64])
def test_even_strips_do_not_change_a_byte(rough, whole, tmp_path, rows):
    """Row by row and in blocks, too."""
    strips = (rough[top : top + rows] for top in range(0, len(rough), rows))
    write_geojson(trace_roads(strips, rough.shape, METRE, UTM), tmp_path / "roads.geojson", UTM)
    assert (tmp_path / "roads.geojson").read_bytes() == whole


@pytest.mark.parametrize("lower", [300, 777])
def test_seams_leave_no_mark(rough, lower):
    """Moved down by empty rows, so that every seam falls elsewhere, the same roads come out, moved."""
    moved = np.pad(rough, ((lower, 0), (0, 0)))
    here = sorted(road.length_m for road in trace_roads([rough], rough.shape, METRE, UTM))
    back = Affine(1, 0, 500_000, 0, -1, 1_000_000 + lower)
    there = sorted(road.length_m for road in trace_roads([moved], moved.shape, back, UTM))
    # Arrival decides which way a line is drawn and which junctions of a tangle merge first: a few lines may differ.
    assert len(there) == pytest.approx(len(here), rel=0.02)
    assert sum(there) == pytest.approx(sum(here), rel=0.005)


def test_seams_leave_no_mark_on_streets(paint):
    """Where junctions are apart, seams change no road by more than a centimetre."""
    lines = [[(x, 8), (x + 20, 2190)] for x in (15, 60)] + [[(5, y), (95, y + 30)] for y in range(40, 2150, 61)]
    mask = paint((2220, 100), lines, width=6)
    moved = np.pad(mask, ((555, 0), (0, 0)))
    here = sorted(road.length_m for road in trace_roads([mask], mask.shape, METRE, UTM))
    back = Affine(1, 0, 500_000, 0, -1, 1_000_555)
    there = sorted(road.length_m for road in trace_roads([moved], moved.shape, back, UTM))
    assert there == pytest.approx(here, abs=0.01)


def test_memory_does_not_grow_with_height():
    """Three times the rows need the same memory within a fifth, while the roads are taken as they come."""

    def peak(height, width=96):
        block = np.zeros((64, width), bool)
        block[28:34] = True
        block[:, 20:26] = block[:, 70:76] = True
        tracemalloc.start()
        try:
            strips = (block for _ in range(height // 64))
            count = sum(1 for _ in trace_roads(strips, (height, width), METRE, UTM))
            return count, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2048)  # what is imported and cached once
    few, low = peak(4096)
    many, tall = peak(12288)
    assert many > 2.9 * few
    assert tall < 1.2 * low

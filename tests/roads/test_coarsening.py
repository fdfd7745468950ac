import numpy as np
import pytest
from rasterio import Affine

from geoseg.roads import coarsening
from geoseg.roads.coarsening import coarsen, coarsen_rows, coarsening_factor


@pytest.mark.parametrize(
    ("pixel_m", "factor"), [(0.05, 6), (0.1, 3), (0.15, 2), (0.2, 2), (0.299, 1), (0.3, 1), (2, 1)]
)
def test_fine_pixels_are_averaged_to_three_decimetres(pixel_m, factor):
    """The smallest square with sides of at least 0.3 m becomes one pixel."""
    assert coarsening_factor(pixel_m) == factor


def test_means_ignore_nodata():
    """Each pixel is the rounded mean of the valid pixels of its square, in any window and of rows in any parts."""
    levels = np.random.default_rng(0).integers(0, 256, (23, 31), dtype=np.uint8)
    levels[:6, :6] = 255
    read = coarsen(lambda rows, cols: levels[rows, cols], levels.shape, 3)
    padded = np.pad(np.where(levels == 255, np.nan, levels), [(0, 1), (0, 2)], constant_values=np.nan)
    squares = padded.reshape(8, 3, 11, 3).swapaxes(1, 2).reshape(8, 11, 9)
    known = np.isfinite(squares).any(axis=2)
    expected = np.full((8, 11), 255.0)
    expected[known] = np.floor(np.nanmean(squares[known], axis=1) + 0.5)
    np.testing.assert_array_equal(read(slice(0, 8), slice(0, 11)), expected)
    np.testing.assert_array_equal(read(slice(3, 8), slice(5, 9)), expected[3:8, 5:9])
    for cuts in ([], [1, 2, 11, 16, 22], [3, 6], range(23)):
        parts = coarsen_rows(np.split(levels, cuts), 3)
        np.testing.assert_array_equal(np.concatenate(list(parts)), expected)


def test_few_pixels_are_read_at_a_time(monkeypatch):
    """Windows of very fine pixels are read in strips, with the same means."""
    levels = np.random.default_rng(0).integers(0, 256, (43, 31), dtype=np.uint8)
    window = slice(1, 15), slice(0, 11)
    expected = coarsen(lambda rows, cols: levels[rows, cols], levels.shape, 3)(*window)
    counts = []

    def read(rows, cols):
        counts.append(levels[rows, cols].size)
        return levels[rows, cols]

    monkeypatch.setattr(coarsening, "_MOST_PIXELS", 4 * 9 * 11)
    np.testing.assert_array_equal(coarsen(read, levels.shape, 3)(*window), expected)
    assert len(counts) == 4
    assert max(counts) <= 4 * 9 * 11


def test_fine_raster_gives_the_same_network(paint, trace_levels):
    """At 0.1 m pixels, a street 6 m wide has the correct position, length and width."""
    transform = Affine(0.1, 0, 500_000, 0, -0.1, 1_000_000)
    line = [(500_005, 999_975), (500_075, 999_960)]
    mask = paint((500, 800), [line], width=6, transform=transform)
    network = trace_levels(np.where(mask, 254, 0).astype(np.uint8), transform=transform)
    assert len(network) == 1
    assert network.edges.width_m[0] == pytest.approx(6, abs=0.15)
    assert network.edges.length_m[0] == pytest.approx(np.hypot(70, 15), abs=1.2)
    ends = np.sort(network.line(0)[[0, -1]], axis=0)
    np.testing.assert_allclose(ends, np.sort(np.array(line), axis=0), atol=1)

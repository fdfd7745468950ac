import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.roads.windows import windows


def cut(mask, heights):
    stops = np.minimum(np.cumsum(heights), len(mask))
    return np.split(mask, stops)


@given(
    height=st.integers(1, 40),
    heights=st.lists(st.integers(0, 9), max_size=12),
    rows=st.integers(1, 12),
    halo=st.integers(0, 15),
)
def test_windows_are_those_of_the_whole_mask(height, heights, rows, halo):
    """However the mask is cut, a window is the mask's rows around its core, and the cores add up to the mask."""
    mask = np.random.default_rng(height).random((height, 3)) < 0.5
    found = list(windows(cut(mask, heights), mask.shape, rows=rows, halo=halo))
    tops = range(0, height, rows)
    assert len(found) == len(tops)
    for top, (window, core) in zip(tops, found, strict=True):
        np.testing.assert_array_equal(window, mask[max(top - halo, 0) : top + rows + halo])
        np.testing.assert_array_equal(window[core], mask[top : top + rows])


@pytest.mark.parametrize(("rows", "message"), [(3, "end at row 3"), (6, "1 rows more")])
def test_strips_must_add_up(rows, message):
    """Too few or too many rows are an error that says how many, not a shorter network."""
    with pytest.raises(ValueError, match=message):
        list(windows([np.zeros((rows, 4), bool)], (5, 4), rows=2, halo=1))


def test_strips_must_be_as_wide_as_the_mask():
    """A strip of another width is refused."""
    with pytest.raises(ValueError, match="4 pixels wide"):
        list(windows([np.zeros((5, 3), bool)], (5, 4), rows=2, halo=1))

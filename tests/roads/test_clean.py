import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from geoseg.roads.clean import clean


def small_components(mask, structure, pixels, tallest):
    """Collect components one by one, straight from the definition."""
    labels, count = ndimage.label(mask, structure)
    small = []
    for component in (labels == number for number in range(1, count + 1)):
        rows = np.flatnonzero(component.any(axis=1))
        if component.sum() < pixels and rows[-1] - rows[0] < tallest:
            small.append(component)
    return small


@given(
    seed=st.integers(0, 10_000),
    density=st.floats(0.2, 0.8),
    pixels=st.integers(1, 12),
    rows=st.integers(1, 9),
    halo=st.integers(1, 6),
)
def test_cleaning_in_strips_is_cleaning_the_whole(seed, density, pixels, rows, halo):
    """Specks go and holes are filled as in the whole mask, whatever the strips and the halo."""
    mask = np.random.default_rng(seed).random((31, 14)) < density
    expected = mask.copy()
    for speck in small_components(mask, np.ones((3, 3)), pixels, halo):
        expected[speck] = False
    for hole in small_components(~expected, None, pixels, halo):
        inner = hole[1:-1, 1:-1]
        if inner.sum() == hole.sum():
            expected[hole] = True
    found = np.concatenate(list(clean([mask], mask.shape, speck_px=pixels, hole_px=pixels, rows=rows, halo=halo)))
    np.testing.assert_array_equal(found, expected)

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from geoseg.roads.skeleton.mask import runs


@settings(deadline=None)  # the first call compiles
@given(
    shape=array_shapes(min_dims=2, max_dims=2, max_side=70),
    share=st.sampled_from([0.0, 0.01, 0.3, 0.95, 1.0]),
    seed=st.integers(0, 99),
)
def test_runs_are_the_mask(shape, share, seed):
    """Runs painted again are the mask; none is empty, none touches the next, and they are in reading order."""
    mask = (np.random.default_rng(seed).random(shape) < share).astype(np.uint8)
    found = runs(mask)
    painted = np.zeros_like(mask)
    for row, first, stop in found:
        painted[row, first:stop] = 1
    np.testing.assert_array_equal(painted, mask)
    row, first, stop = found.T.astype(np.int64)
    assert (first < stop).all()
    stride = shape[1] + 1
    assert ((row * stride + stop)[:-1] < (row * stride + first)[1:]).all()


def test_many_runs():
    """There is room for more runs than were allowed for at first."""
    assert len(runs(np.tile(np.array([1, 0], np.uint8), (100, 50)))) == 5000

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.vectors.densify import densify


@given(st.lists(st.tuples(*[st.integers(-40, 40)] * 2), min_size=3, max_size=8, unique=True), st.floats(0.5, 30))
@settings(deadline=None)
def test_steps_are_the_same_both_ways(corners, longest):
    """No step exceeds the limit, corners stay, and a reversed ring has the same points, bit for bit."""
    ring = np.array([*corners, corners[0]]) / 7 + 500_000
    points, start = densify(np.concatenate([ring, ring[::-1]]), np.array([0, len(ring), 2 * len(ring)]), longest)
    there, back = points[: start[1]], points[start[1] :]
    assert (np.hypot(*np.diff(there, axis=0).T) <= longest * (1 + 1e-9)).all()
    assert {tuple(point) for point in ring.tolist()} <= {tuple(point) for point in there.tolist()}
    np.testing.assert_array_equal(there, back[::-1])

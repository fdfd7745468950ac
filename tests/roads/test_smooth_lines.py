from itertools import pairwise

import numpy as np
import pytest


@pytest.mark.parametrize("ends", [((-9, -9), (309, 309)), ((-9, 180), (309, 20)), ((-9, 40), (120, 309))])
def test_roads_leave_the_scene_at_any_angle(trace_levels, paint, ends):
    """Roads that leave at a corner or an acute angle end on the edge of the scene, in nodes marked accordingly."""
    for width in (3, 8):
        network = trace_levels(np.where(paint((300, 300), [ends], width=width), 254, 0).astype(np.uint8))
        assert len(network) == 1
        assert network.nodes.on_scene_edge.all()


def test_roads_by_the_hundred(trace_levels):
    """Each of more roads than are drawn at a time is a line of its own, along its axis."""
    levels = np.zeros((30 * 16, 40 * 40), np.uint8)
    levels.reshape(30, 16, 40, 40)[:, 5:11, :, 3:37] = 254
    network = trace_levels(levels)
    lines = sorted(network.vertices[first:last].tolist() for first, last in pairwise(network.start.tolist()))
    rows, columns = np.mgrid[:30, :40] * 1024
    middle = np.sort((40 * columns + 20 * 1024 + 1j * (16 * rows + 8 * 1024)).ravel())
    found = np.sort([complex(*np.mean(line, axis=0)) for line in lines])
    np.testing.assert_allclose(found, middle, atol=1024)

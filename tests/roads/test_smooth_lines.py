from itertools import pairwise

import numpy as np
import pytest
from affine import Affine

from geoseg.rasters.ground import place


@pytest.mark.parametrize("ends", [((-9, -9), (309, 309)), ((-9, 180), (309, 20)), ((-9, 40), (120, 309))])
def test_roads_leave_the_scene_at_any_angle(trace_levels, paint, ends):
    """Roads that leave at a corner or an acute angle end on the edge of the scene, in nodes marked accordingly."""
    for width in (3, 8):
        network = trace_levels(np.where(paint((300, 300), [ends], width=width), 254, 0).astype(np.uint8))
        assert len(network) == 1
        assert network.nodes.on_scene_edge.all()


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 135])
@pytest.mark.parametrize("pixel", [(1, 0, 1), (1, 0, 2), (2, 0, 1), (1, 0.7, 1.5)])
def test_dead_ends_on_any_grid(trace_levels, paint, pixel, angle):
    """A road ends where its pixels end, whatever their shape: thinning takes more metres along their longer side."""
    along_m, lean_m, down_m = pixel
    transform = Affine(along_m, lean_m, 500_000, 0, -down_m, 1_000_000)
    shape = int(240 / down_m), int(240 / along_m)
    way = 80 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    middle = place(transform, np.array([[shape[1] / 2 + 0.3, shape[0] / 2 + 0.4]]))[0]
    line = np.array([middle - way, middle + way])
    fine = 8
    finer = Affine(along_m / fine, lean_m / fine, 500_000, 0, -down_m / fine, 1_000_000)
    painted = paint((shape[0] * fine, shape[1] * fine), [line], width=12, transform=finer)
    coverage = painted.reshape(shape[0], fine, shape[1], fine).mean((1, 3))
    network = trace_levels(np.rint(coverage * 254).astype(np.uint8), transform=transform)
    assert len(network) == 1
    found = place(transform, network.vertices[[0, -1]] / 1024)
    apart = [np.hypot(*(line - each).T).max() for each in (found, found[::-1])]
    assert min(apart) < 1.25 * max(along_m, np.hypot(lean_m, down_m))


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

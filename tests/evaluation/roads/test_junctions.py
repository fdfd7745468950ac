"""Junctions are matched one to one."""

import numpy as np
import pytest

from geoseg.evaluation.roads.junctions import match_junctions


def star(x, y, roads):
    """Roads that leave a place."""
    angles = 2 * np.pi * np.arange(roads) / roads
    return [[(x, y), (x + 30 * np.cos(angle), y + 30 * np.sin(angle))] for angle in angles]


def test_found_missed_and_false(network):
    """Junctions are found, perhaps with another degree, missed, or false; only false ones have a place of their own."""
    truth = network(*star(0, 0, 3), *star(200, 0, 4), *star(400, 0, 3))
    found = match_junctions(truth, network(*star(5, 0, 3), *star(200, 1, 3), *star(600, 0, 5)), reach_m=8)
    assert (found.found, found.right_degree, found.missed, found.false) == (2, 1, 1, 1)
    assert found.true_degree.tolist() == [4, 3, 3, 0]
    assert found.found_degree.tolist() == [3, 3, 0, 5]
    assert found.place[:, 0] == pytest.approx([200, 0, 400, 600])
    np.testing.assert_allclose(found.offset_m, [1, 5, np.nan, np.nan])


def test_one_to_one(network):
    """A junction found twice counts once, with the nearest match."""
    found = match_junctions(network(*star(0, 0, 3)), network(*star(4, 0, 3), *star(-3, 0, 4)))
    assert (found.found, found.right_degree, found.false) == (1, 0, 1)
    assert found.offset_m[0] == pytest.approx(3)


def test_without_junctions(network):
    """Networks without junctions, and empty ones, have no matches."""
    found = match_junctions(network(), network([(0, 0), (9, 0)]))
    assert (found.found, found.right_degree, found.missed, found.false) == (0, 0, 0, 0)
    assert match_junctions(network(), network(*star(0, 0, 3))).false == 1

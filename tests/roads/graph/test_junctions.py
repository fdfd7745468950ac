import numpy as np


def test_carriageways_are_crossed_one_by_one(trace_levels, paint):
    """A street across two carriageways, 13 m between axes, has a node with each."""
    carriageways = paint((200, 300), [[(-5, 90), (305, 90)], [(-5, 103), (305, 103)]], width=7)
    street = paint((200, 300), [[(150, -5), (150, 205)]], width=6)
    network = trace_levels(np.where(carriageways | street, 254, 0).astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1] * 6 + [4] * 2
    crossings = network.nodes.vertices[network.nodes.degree == 4] / 1024
    np.testing.assert_allclose(sorted(crossings.tolist()), [(150, 90), (150, 103)], atol=1)


def test_crossing_roads_keep_their_axes(trace_levels, paint):
    """At a crossing of roads of different widths at 50°, lines stay on the axes and meet in one node."""
    lines = [[(10, 100), (290, 100)], [(100, 20), (235, 180)]]
    mask = paint((200, 300), lines[:1], width=12) | paint((200, 300), lines[1:], width=6)
    network = trace_levels(np.where(mask, 254, 0).astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 1, 4]
    crossing = network.nodes.vertices[network.nodes.degree == 4][0] / 1024
    assert np.hypot(*(crossing - (167.5, 100))) < 1
    vertices = network.vertices / 1024
    to_first = np.abs(vertices[:, 1] - 100)
    direction = np.array([135, 160]) / np.hypot(135, 160)
    to_second = np.abs((vertices[:, 0] - 100) * direction[1] - (vertices[:, 1] - 20) * direction[0])
    assert np.minimum(to_first, to_second).max() < 1.2

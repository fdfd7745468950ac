import numpy as np
import pytest


@pytest.mark.parametrize("ends", [((-9, -9), (309, 309)), ((-9, 180), (309, 20)), ((-9, 40), (120, 309))])
def test_roads_leave_the_scene_at_any_angle(trace_levels, paint, ends):
    """Roads that leave at a corner or an acute angle end on the edge of the scene, in nodes marked accordingly."""
    for width in (3, 8):
        network = trace_levels(np.where(paint((300, 300), [ends], width=width), 254, 0).astype(np.uint8))
        assert len(network) == 1
        assert network.nodes.on_scene_edge.all()

import numpy as np
import pytest
from road_accuracy import accuracy

from geoseg.evaluation.roads.noding import line_graph

CROSS = [np.array([(0.0, 0.0), end]) for end in ((100.0, 0.0), (-100.0, 0.0), (0.0, 100.0), (0.0, -100.0))]


def test_the_truth_has_no_fault():
    """A network compared with itself is complete and correct, with no offset and all junctions."""
    found = accuracy(line_graph(CROSS), line_graph(CROSS))
    assert (found.completeness, found.correctness, found.junctions, found.spurs_per_km) == (1, 1, 1, 0)
    assert found.offset_p95_m == pytest.approx(0, abs=1e-9)
    assert found.length_error == pytest.approx(0)


def test_faults_by_closed_form():
    """A missing quarter, an offset of 2 m and a spur of 20 m each show in their measure."""
    moved = [line + np.array([0, 2.0]) for line in CROSS[:3]]
    spur = np.array([(50.0, 2.0), (50.0, 22.0)])
    parts = [moved[0][:1] * 0 + [[0, 2], [50, 2]], np.array([(50.0, 2.0), (100.0, 2.0)])]
    found = accuracy(line_graph(CROSS), line_graph([*map(np.array, parts), *moved[1:], spur]))
    assert found.completeness == pytest.approx(0.75, abs=0.02)
    assert found.correctness == pytest.approx(1 - 19 / 320, abs=0.01)
    assert found.length_error == pytest.approx(320 / 400 - 1)
    assert found.junctions == 0  # it is there, but with three roads
    assert found.spurs_per_km == pytest.approx(1 / 0.4)
    assert found.offset_mean_m == pytest.approx(4 / 3, abs=0.1)

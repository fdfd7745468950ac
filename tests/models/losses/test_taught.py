import keras
import numpy as np
import pytest
from keras import ops

from geoseg.models.losses.taught import TaughtCrossEntropy, known_classes

OURS, ROADS = ("building", "road", "water"), ("other", "road")


def loss_of(teacher, student, wanted, found):
    """The loss of one pixel, given the probabilities of both."""
    loss = TaughtCrossEntropy(known_classes(teacher, student))
    pixels = [ops.convert_to_tensor(np.float32(values)[None, None, None]) for values in (wanted, found)]
    return float(ops.convert_to_numpy(loss.call(*pixels))[0, 0, 0])


def test_equal_classes():
    """Between the same classes, in any order, it is Keras's categorical cross-entropy."""
    wanted, found = np.float32([0.7, 0.2, 0.1]), np.float32([0.5, 0.3, 0.2])
    expected = float(keras.losses.categorical_crossentropy(wanted, found))
    assert loss_of(OURS, OURS, wanted, found) == pytest.approx(expected, rel=1e-5)
    assert loss_of(OURS[::-1], OURS, wanted[::-1], found) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_of_fewer_classes():
    """What a teacher calls other may be any class that only the student has."""
    expected = -(0.4 * np.log(0.3) + 0.6 * np.log(0.5 + 0.2))
    assert loss_of(ROADS, OURS, [0.6, 0.4], [0.5, 0.3, 0.2]) == pytest.approx(expected, rel=1e-5)
    assert loss_of(ROADS, OURS, [0.6, 0.4], [0.2, 0.3, 0.5]) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_of_more_classes():
    """Classes that only the teacher has count as one, or not at all if the student has none of its own."""
    expected = -(0.4 * np.log(0.3) + 0.6 * np.log(0.7))
    assert loss_of(OURS, ROADS, [0.5, 0.4, 0.1], [0.7, 0.3]) == pytest.approx(expected, rel=1e-5)
    alone = -(0.5 * np.log(0.8) + 0.4 * np.log(0.2))
    assert loss_of(OURS, ("building", "road"), [0.5, 0.4, 0.1], [0.8, 0.2]) == pytest.approx(alone, rel=1e-5)


def test_least_where_both_agree():
    """No other probabilities of the student have a lower loss than the teacher's."""
    wanted = np.random.default_rng(3).dirichlet(np.ones(3))
    least = loss_of(OURS, OURS, wanted, wanted)
    others = np.random.default_rng(4).dirichlet(np.ones(3), 50)
    assert min(loss_of(OURS, OURS, wanted, other) for other in others) > least


def test_impossible_classes():
    """A class that the student gives nothing has a finite loss."""
    assert np.isfinite(loss_of(OURS, OURS, [0, 0, 1], [1, 0, 0]))

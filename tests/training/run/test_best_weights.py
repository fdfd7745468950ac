"""Weights of the best epoch of a run that was killed and resumed."""

import keras
import numpy as np
import pytest

from geoseg.training.run.best_weights import BestWeights


def network_of(value):
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.set_weights([np.full((1, 1), value, np.float32)])
    return network


@pytest.mark.parametrize(("kept", "resumed_after", "left"), [
    ([1, 4], 4, 4),
    ([1, 4], 7, 4),
    ([1, 4], 3, 1),
    ([1, 4], 0, None),
    ([1, 4, 6], 5, 4),
    ([2], 1, None),
    ([], 3, None),
])  # fmt: skip
def test_a_resumed_run_has_the_best_weights_of_its_history(tmp_path, kept, resumed_after, left):
    """Weights of an epoch that is to be repeated give way to those of the best epoch before it."""
    path = tmp_path / "best.weights.h5"
    for epoch in kept:
        BestWeights(path).save(network_of(epoch), epoch)
    again = BestWeights(path)
    again.go_back(resumed_after)
    assert path.exists() is (left is not None)
    if left is not None:
        network = network_of(0)
        network.load_weights(path)
        assert float(network.get_weights()[0][0, 0]) == left
    again.save(network_of(9), 9)
    again.go_back(8)
    assert path.exists() is (left is not None)

"""Mixed precision changes how a network computes, not what."""

import keras
import numpy as np
import pytest

from geoseg.models.precision import mixed


def scores(network, pixels):
    return keras.ops.convert_to_numpy(network(pixels, training=False))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_scores_stay_close(narrow, policy):
    """Scores are float32 probabilities, near those of the float32 network, but not the same."""
    network = narrow("attention_resunet", 3)
    pixels = np.random.default_rng(1).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    exact, found = scores(network, pixels), scores(mixed(network, policy), pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(found, exact, atol=0.05)
    assert not np.array_equal(found, exact)


def test_which_layers_change(narrow):
    """Layers compute in 16 bits with float32 weights, except for the input, its scaling, and the scores."""
    changed = mixed(narrow("attention_resunet", 3), "mixed_bfloat16")
    kept = {layer.name for layer in changed.layers if layer.compute_dtype == "float32"}
    assert kept == {"pixels", "scaling", "probabilities"}
    assert {variable.dtype for variable in changed.weights} == {"float32"}


def test_networks_in_networks():
    """The layers of a network that is itself a layer change, too; a sequential network has a last layer."""
    inner = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3), keras.layers.ReLU()])
    network = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.Conv2D(2, 1)])
    changed = mixed(network, "mixed_bfloat16")
    convolution, relu = changed.layers[0].layers
    assert [layer.compute_dtype for layer in (convolution, relu, changed.layers[1])] == [
        "bfloat16", "float32", "float32"
    ]  # fmt: skip
    np.testing.assert_array_equal(changed.get_weights()[0], network.get_weights()[0])

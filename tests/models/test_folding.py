import keras
import numpy as np
import pytest
from keras import layers

from geoseg.models.folding import fold_batch_norm
from geoseg.models.networks.presets import PRESETS, build_preset


def unsettle(network):
    """Give the normalisations statistics as after training; untrained ones are close to the identity."""
    rng = np.random.default_rng(7)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.0, weights.shape) for weights in layer.get_weights()])
    return network


def norms(network):
    return sum(isinstance(layer, layers.BatchNormalization) for layer in network.layers)


def scores(network, tiles):
    return keras.ops.convert_to_numpy(network(tiles, training=False))


def norm(tensor, **settings):
    return layers.BatchNormalization(**settings)(tensor)


def conv(tensor, channels=4, **settings):
    return layers.Conv2D(channels, 3, padding="same", **settings)(tensor)


def depthwise(tensor, **settings):
    return layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, **settings)(tensor)


def shared(pixels):
    """One convolution with two calls, one of them normalised."""
    layer = layers.Conv2D(4, 3, padding="same")
    return layers.Add()([norm(layer(pixels)), layer(pixels * 2)])


def norm_of_two(pixels):
    """One normalisation with two calls, each after its own convolution."""
    layer = layers.BatchNormalization()
    return layers.Add()([layer(conv(pixels)), layer(conv(pixels))])


def branched(pixels):
    """A convolution whose output is also used without normalisation."""
    features = conv(pixels)
    return layers.Add()([layers.ReLU()(norm(features)), features])


def nested(pixels):
    """A nested network, copied unchanged."""
    inner = keras.Input((None, None, 3))
    return layers.ReLU()(keras.Model(inner, layers.ReLU()(norm(conv(inner))))(pixels))


FOLDED = {
    "convolution": lambda pixels: norm(conv(pixels)),
    "convolution without a bias": lambda pixels: norm(conv(pixels, use_bias=False)),
    "strided convolution": lambda pixels: norm(conv(pixels, strides=2)),
    "grouped convolution": lambda pixels: norm(conv(conv(pixels, 4), 6, groups=2)),
    "depthwise convolution": lambda pixels: norm(depthwise(pixels)),
    "depthwise convolution without a bias": lambda pixels: norm(depthwise(pixels, use_bias=False)),
    "normalisation without a gain": lambda pixels: norm(conv(pixels), scale=False),
    "normalisation without a shift": lambda pixels: norm(conv(pixels), center=False, epsilon=0.1),
    "normalisation called by keyword": lambda pixels: layers.BatchNormalization()(inputs=conv(pixels)),
}
KEPT = {
    "normalised pixels": norm,
    "activated convolution": lambda pixels: norm(conv(pixels, activation="relu")),
    "transposed convolution": lambda pixels: norm(layers.Conv2DTranspose(4, 3)(pixels)),
    "normalised rows": lambda pixels: norm(conv(pixels), axis=1),
    "statistics of the batch": lambda pixels: layers.BatchNormalization()(conv(pixels), training=True),
    "shared convolution": shared,
    "shared normalisation": norm_of_two,
    "branched convolution": branched,
}


def build(body):
    """A network that ends in an activation, on tiles of 8 px: normalised rows need a known side."""
    pixels = keras.Input((8, 8, 3))
    return unsettle(keras.Model(pixels, layers.ReLU()(body(pixels))))


@pytest.fixture
def tiles():
    return np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("case", FOLDED)
def test_normalisation_after_a_linear_convolution_is_folded(case, tiles):
    """The normalisation after a linear Conv2D or DepthwiseConv2D is folded, and scores stay the same."""
    keras.utils.set_random_seed(0)
    network = build(FOLDED[case])
    folded = fold_batch_norm(network)
    assert (norms(network), norms(folded)) == (1, 0)
    np.testing.assert_allclose(scores(folded, tiles), scores(network, tiles), atol=1e-5)


@pytest.mark.parametrize("case", KEPT)
def test_other_normalisations_stay(case, tiles):
    """A normalisation that no single convolution can include stays, and scores stay the same."""
    keras.utils.set_random_seed(0)
    network = build(KEPT[case])
    folded = fold_batch_norm(network)
    assert norms(folded) == 1
    np.testing.assert_allclose(scores(folded, tiles), scores(network, tiles), atol=1e-5)


def test_outputs_stay(tiles):
    """A normalisation or convolution that is an output stays."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    features, ends = conv(pixels), norm(conv(pixels))
    network = unsettle(keras.Model(pixels, [layers.ReLU()(norm(features)), features, ends]))
    folded = fold_batch_norm(network)
    assert norms(folded) == 2
    for found, expected in zip(folded(tiles), network(tiles), strict=True):
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (found, expected)), atol=1e-5)


@pytest.mark.parametrize("body", [nested, conv], ids=["nested network", "no normalisation"])
def test_networks_with_nothing_to_fold_keep_their_scores(body, tiles):
    """A network without a foldable normalisation is returned unchanged."""
    network = build(body)
    np.testing.assert_array_equal(scores(fold_batch_norm(network), tiles), scores(network, tiles))


def test_sequences_are_left_alone():
    """A sequential network has no graph to rewrite."""
    network = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.BatchNormalization()])
    assert fold_batch_norm(network) is network


@pytest.mark.parametrize("preset", ["attention_resunet", "efficientnet_unet"])
def test_presets_lose_every_normalisation(preset):
    """All normalisations of geoseg's networks are folded, no other layer is lost, and scores agree within 1e-4."""
    keras.utils.set_random_seed(0)
    network = unsettle(build_preset(preset, bands=3, classes=5, width=4))
    folded = fold_batch_norm(network)
    assert norms(network) > 20
    assert norms(folded) == 0
    assert len(folded.layers) == len(network.layers) - norms(network)
    side = 2 ** PRESETS[preset].depth
    tiles = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    np.testing.assert_allclose(scores(folded, tiles), scores(network, tiles), atol=1e-4)

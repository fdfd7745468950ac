import keras
import numpy as np
import pytest

from geoseg.models.networks.backbones import ENCODERS
from geoseg.models.networks.efficientnet_lite import lite0_features
from geoseg.models.networks.encoders import encoder_features


@pytest.fixture
def tiles():
    """Raw pixels of two tiles of 64 px, in float32 as networks take them."""
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)


def features(name, tiles, weights=None):
    """Feature maps of a fresh encoder on the tiles."""
    pixels = keras.Input((None, None, tiles.shape[-1]))
    network = keras.Model(pixels, encoder_features(name, pixels, weights=weights))
    return [keras.ops.convert_to_numpy(tensor) for tensor in network(tiles, training=False)]


@pytest.mark.parametrize("name", ENCODERS)
def test_taps_halve_from_level_to_level(name):
    """Each encoder starts at random, for any bands; its taps are halvings of the tile down to the promised depth."""
    sides = [tensor.shape[1] for tensor in encoder_features(name, keras.Input((64, 64, 4)), weights=None)]
    depth = ENCODERS[name].depth
    assert sides == [64 >> level for level in range(depth + 1)][-len(sides) :]
    assert sides[0] >= 32


def test_vgg_takes_red_green_blue(tiles, tmp_path):
    """On raw pixels, the encoder with published weights gives the features of VGG16 on pixels that Keras prepared."""
    keras.utils.set_random_seed(0)
    reference = keras.applications.VGG16(weights=None, include_top=False, input_shape=(None, None, 3))
    reference.save_weights(tmp_path / "vgg.weights.h5")
    outputs = [reference.get_layer(tap).output for tap in ENCODERS["vgg16"].taps]
    prepared = keras.applications.vgg16.preprocess_input(tiles.copy())
    expected = keras.Model(reference.input, outputs)(prepared, training=False)
    found = features("vgg16", tiles, str(tmp_path / "vgg.weights.h5"))
    for have, want in zip(found, expected, strict=True):
        values = keras.ops.convert_to_numpy(want)
        np.testing.assert_allclose(have, values, rtol=1e-3, atol=1e-5 * values.max())


def test_efficientnet_from_a_file_is_that_of_keras(tiles, tmp_path, monkeypatch):
    """Published weights give the same features from a file as when Keras downloads them and scales pixels again."""
    keras.utils.set_random_seed(0)
    path = str(tmp_path / "efficientnet.weights.h5")
    keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(None, None, 3)).save_weights(path)
    found = features("efficientnetb0", tiles, path)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *arguments, **settings: path)
    expected = features("efficientnetb0", tiles, "imagenet")
    for have, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


def test_lite0_keeps_published_weights(tiles, tmp_path):
    """Weights are read back from a file, and Keras downloads none."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    reference = keras.Model(pixels, lite0_features(pixels))
    reference.save_weights(tmp_path / "lite0.weights.h5")
    expected = [keras.ops.convert_to_numpy(tensor) for tensor in reference(tiles, training=False)]
    found = features("efficientnet_lite0", tiles, str(tmp_path / "lite0.weights.h5"))
    for have, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="cannot download"):
        features("efficientnet_lite0", tiles, "imagenet")


def test_lite0_has_the_published_shape():
    """EfficientNet-Lite0 has as many weights as the published network up to its last stage."""
    pixels = keras.Input((None, None, 3))
    assert keras.Model(pixels, lite0_features(pixels)).count_params() == 2_387_616

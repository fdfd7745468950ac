"""The ONNX graph against Keras, for each layer class and network."""

import keras
import numpy as np
import pytest

from geoseg.errors import BundleError
from geoseg.models.folding import fold_batch_norm
from geoseg.models.networks.presets import build_preset

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from geoseg.models.export.onnx import to_onnx  # noqa: E402 - only where onnx is installed

layers = keras.layers


def noise(side, bands=3):
    return np.random.default_rng(side).uniform(0, 255, (2, side, side, bands)).astype(np.float32)


def run(network, tiles):
    """Run the ONNX graph of a network on tiles with channels last."""
    graph = to_onnx(network, tiles.shape[1]).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"pixels": tiles.transpose(0, 3, 1, 2)})[0].transpose(0, 2, 3, 1)


def agree(network, tiles, *, fold=False, atol=1e-4):
    expected = keras.ops.convert_to_numpy(network(tiles, training=False))
    assert np.ptp(expected, axis=(0, 1, 2)).max() > 1e-2, "a network that answers the same everywhere proves nothing"
    np.testing.assert_allclose(run(fold_batch_norm(network) if fold else network, tiles), expected, atol=atol)


@pytest.mark.parametrize(
    ("preset", "encoder"),
    [
        ("attention_resunet", None),
        ("attention_fusionnet", None),
        ("vgg_unet", "vgg16"),
        ("efficientnet_unet", "efficientnet_lite0"),
    ],
)
def test_presets(preset, encoder):
    """The ONNX graph of every folded network gives its probabilities to 1e-4."""
    keras.utils.set_random_seed(0)
    network = build_preset(preset, bands=3, classes=5, width=2, encoder=encoder)
    last = network.get_layer("probabilities")  # untrained, it would hardly differ from pixel to pixel
    last.set_weights([5 * last.get_weights()[0], last.get_weights()[1]])
    agree(network, noise(64), fold=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(4, (3, 5), padding="same", activation="softmax"),
        lambda: layers.Conv2D(4, 3, strides=2, padding="same", activation="sigmoid"),
        lambda: layers.Conv2D(4, 2, strides=2, use_bias=False),
        lambda: layers.Conv2D(6, 3, dilation_rate=2, padding="same", groups=3),
        lambda: layers.DepthwiseConv2D(5, strides=2, padding="same", depth_multiplier=2),
        lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
        lambda: layers.UpSampling2D(2, interpolation="bilinear"),
        lambda: layers.UpSampling2D((2, 3)),
        lambda: layers.ZeroPadding2D(((0, 1), (2, 3))),
        lambda: layers.ReLU(max_value=100.0),
        lambda: layers.Activation("silu"),
        lambda: layers.Rescaling([1 / 127.5, 0.5, 2.0], offset=[-1.0, 3.0, 0.0]),
        lambda: layers.Normalization(mean=[1.0, 20.0, 100.0], variance=[4.0, 0.5, 90.0]),
        lambda: layers.GlobalAveragePooling2D(keepdims=True),
    ],
    ids=lambda make: type(make()).__name__,
)
def test_layer(make):
    """Each layer alone gives the same output as in Keras; `same` padding is TensorFlow's, the odd zero after."""
    keras.utils.set_random_seed(1)
    entry = keras.Input((None, None, 3), name="pixels")
    agree(keras.Model(entry, make()(entry)), noise(12), atol=1e-3)


def test_batch_norm_that_cannot_be_folded():
    """A normalisation without a convolution before it keeps its statistics."""
    entry = keras.Input((None, None, 3), name="pixels")
    norm = layers.BatchNormalization()
    network = keras.Model(entry, norm(entry))
    statistics = [[1.0, 2.0, 3.0], [0.5, 0.0, -1.0], [100.0, 120.0, 90.0], [30.0, 900.0, 4000.0]]
    norm.set_weights([np.array(values, np.float32) for values in statistics])
    agree(network, noise(8))


def test_squeeze_and_excitation():
    """Squeeze-and-excitation, as in EfficientNets, keeps channels in order through pooling and reshaping."""
    entry = keras.Input((None, None, 3), name="pixels")
    squeezed = layers.Reshape((1, 1, 3))(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(entry)))
    excited = layers.Conv2D(3, 1, activation="sigmoid", kernel_initializer="random_normal")(squeezed)
    agree(keras.Model(entry, layers.Dropout(0.2)(layers.Multiply()([entry, excited]))), noise(8))


@pytest.mark.parametrize(
    ("named", "make"),
    [
        ("LayerNormalization", layers.LayerNormalization()),
        ("activated by elu", layers.Conv2D(2, 1, activation="elu")),
        ("slope", layers.ReLU(negative_slope=0.1)),
        ("axis 1", lambda entry: layers.Concatenate(axis=1)([entry, layers.ReLU()(entry)])),
        ("bicubic", layers.UpSampling2D(interpolation="bicubic")),
        ("product of 3", lambda entry: layers.Multiply()([entry, layers.ReLU()(entry), layers.Dropout(0.5)(entry)])),
        ("reshaping", layers.Reshape((4, 16, 3))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_translation_is_refused(named, make):
    """An unsupported layer or setting is refused by name, not approximated."""
    entry = keras.Input((8, 8, 3), name="pixels")
    with pytest.raises(BundleError, match=named):
        to_onnx(keras.Model(entry, make(entry)), 8)

"""The ONNX graph of a bundle, read without Keras, against Keras: layer by layer."""

import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.models.graph.onnx import to_checked_onnx, to_onnx
from geoseg.models.graph.read import read_network
from geoseg.models.legend import AERIAL
from geoseg.models.saved_network import save_bundle

onnxruntime = pytest.importorskip("onnxruntime")

layers = keras.layers


def noise(side):
    return np.random.default_rng(side).uniform(0, 255, (2, side, side, 3)).astype(np.float32)


def run(bundle, tiles):
    """Run the ONNX graph of a bundle on tiles with channels last."""
    graph = to_onnx(read_network(bundle), tiles.shape[1]).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"pixels": tiles.transpose(0, 3, 1, 2)})[0].transpose(0, 2, 3, 1)


@pytest.fixture
def save(tmp_path):
    """Save a body between pixels and a linear score per class; return the network and its path."""

    def make(body, multiple=12, **settings):
        keras.utils.set_random_seed(1)
        entry = keras.Input((None, None, 3), name="pixels")
        network = keras.Model(entry, layers.Conv2D(len(AERIAL), 1, name="scores")(body(entry)), **settings)
        random = np.random.default_rng(2)
        for layer in network.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.set_weights([random.uniform(0.5, 1.5, values.shape) for values in layer.get_weights()])
        save_bundle(network, make_card(tile=multiple, multiple=multiple, overlap=0), tmp_path / "body.keras")
        return network, tmp_path / "body.keras"

    return make


def agree(network, bundle, side):
    expected = keras.ops.convert_to_numpy(network(noise(side), training=False))
    assert np.ptp(expected, axis=(0, 1, 2)).max() > 1e-2, "a network that answers the same everywhere proves nothing"
    np.testing.assert_allclose(run(bundle, noise(side)), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def convolved(**settings):
    return layers.Conv2D(4, 3, padding="same", **settings)


def chain(*steps):
    """Apply layers one after the other."""

    def apply(tensor):
        for step in steps:
            tensor = step(tensor)
        return tensor

    return apply


def gated(pixels):
    """Squeeze-and-excitation, as in EfficientNets."""
    squeezed = layers.Reshape((1, 1, 3))(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(pixels)))
    return layers.Multiply()([pixels, layers.Conv2D(3, 1, activation="sigmoid")(squeezed)])


def averaged(pixels):
    """The average of a strided layer, added to every pixel: the size of its map may be odd."""
    average = layers.GlobalAveragePooling2D(keepdims=True)(convolved(strides=2)(pixels))
    return layers.Add()([average, convolved()(pixels)])


def branched(pixels):
    """Two inputs in an order that matters."""
    return layers.Concatenate()([convolved(activation="relu")(pixels), layers.ReLU()(pixels), pixels])


BODIES = {
    "oblong kernel": lambda: layers.Conv2D(4, (3, 5), padding="same", activation="relu"),
    "strided": lambda: chain(convolved(strides=2, activation="sigmoid"), layers.UpSampling2D()),
    "valid": lambda: chain(layers.Conv2D(4, 2, strides=2, use_bias=False), layers.UpSampling2D()),
    "dilated in groups": lambda: layers.Conv2D(6, 3, dilation_rate=2, padding="same", groups=3),
    "depthwise": lambda: chain(
        layers.DepthwiseConv2D(5, strides=2, padding="same", depth_multiplier=2), layers.UpSampling2D()
    ),
    "pooled": lambda: chain(layers.MaxPooling2D(3, strides=2, padding="same"), layers.UpSampling2D()),
    "bilinear": lambda: chain(layers.MaxPooling2D(), layers.UpSampling2D(interpolation="bilinear")),
    "oblong steps": lambda: chain(layers.MaxPooling2D((2, 3)), layers.UpSampling2D((2, 3))),
    "zeros around": lambda: chain(layers.ZeroPadding2D(((0, 1), (2, 3))), layers.Conv2D(4, (2, 6))),
    "ReLU": layers.ReLU,
    "ReLU with a limit": lambda: layers.ReLU(max_value=100.0),
    "silu": lambda: layers.Activation("silu"),
    "softmax": lambda: chain(layers.Rescaling(1 / 255), layers.Activation("softmax")),
    "rescaled bands": lambda: layers.Rescaling([1 / 127.5, 0.5, 2.0], offset=[-1.0, 3.0, 0.0]),
    "normalised bands": lambda: layers.Normalization(mean=[1.0, 20.0, 100.0], variance=[4.0, 0.5, 90.0]),
    "normalised pixels": layers.BatchNormalization,
    "normalised without a gain": lambda: chain(convolved(activation="relu"), layers.BatchNormalization(scale=False)),
    "folded": lambda: chain(convolved(use_bias=False), layers.BatchNormalization(epsilon=0.1)),
    "folded depthwise": lambda: chain(layers.DepthwiseConv2D(3, padding="same"), layers.BatchNormalization()),
    "dropout": lambda: layers.Dropout(0.5),
    "gated": lambda: gated,
    "branched": lambda: branched,
}


@pytest.mark.parametrize("name", BODIES)
def test_layers(save, name):
    """Each layer gives the same output as in Keras; `same` padding is TensorFlow's, the odd zero after."""
    network, bundle = save(BODIES[name]())
    agree(network, bundle, 12)
    agree(network, bundle, 24)


@pytest.mark.parametrize("side", [12, 13])
def test_maps_of_odd_size(save, side):
    """`same` padding is the one of the map's actual size, even if a stride does not divide it."""
    network, bundle = save(averaged, multiple=1)
    agree(network, bundle, side)


def test_adapted_normalization(save):
    """A Normalization adapted to images uses the statistics in its weights."""
    norm = layers.Normalization()
    norm.adapt(noise(8))
    network, bundle = save(norm)
    agree(network, bundle, 12)


def test_norms_are_folded(save):
    """A normalisation after a linear convolution costs nothing: no operator is left of it."""
    _, bundle = save(chain(convolved(), layers.BatchNormalization()))
    assert [node.op_type for node in to_onnx(read_network(bundle), 12).graph.node] == ["Conv", "Conv", "Identity"]


def test_shapes_are_written(save):
    """An export names the shapes of its ends, for any number of tiles, and is valid to ONNX's own checker."""
    _, bundle = save(BODIES["strided"](), name="strided")
    graph = to_checked_onnx(read_network(bundle), 24).graph
    assert graph.name == "strided"
    for end, channels in ((graph.input[0], 3), (graph.output[0], len(AERIAL))):
        tiles, *sizes = end.type.tensor_type.shape.dim
        assert tiles.dim_param == "tiles"
        assert [size.dim_value for size in sizes] == [channels, 24, 24]

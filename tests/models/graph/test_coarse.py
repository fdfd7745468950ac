"""Networks that convolve before they upsample, against the same networks as they are."""

import numpy as np
import pytest

from geoseg.models.graph.coarse import convolve_coarse
from geoseg.models.graph.network import Layer, Network
from geoseg.models.graph.onnx import to_onnx
from geoseg.models.graph.shapes import feature_shapes
from geoseg.models.openvino_core import openvino_core

SIDE = 12
CORE = openvino_core()


def convolution(name, source, *, inputs, filters=4, kernel=3, bias=True, **changes):
    random = np.random.default_rng(len(name))
    weights = {"kernel": random.normal(size=(kernel, kernel, inputs, filters)).astype(np.float32)}
    if bias:
        weights["bias"] = random.normal(size=filters).astype(np.float32)
    settings = {
        "kernel_size": [kernel, kernel],
        "filters": filters,
        "groups": 1,
        "strides": [1, 1],
        "dilation_rate": [1, 1],
        "padding": "same",
        "activation": "linear",
        "use_bias": bias,
    }
    return Layer(name=name, kind="Conv2D", inputs=(source,), settings=settings | changes, weights=weights)


def upsampling(name, source, size=(2, 2), interpolation="nearest"):
    return Layer(
        name=name, kind="UpSampling2D", inputs=(source,), settings={"size": size, "interpolation": interpolation}
    )


def concatenation(name, *sources):
    return Layer(name=name, kind="Concatenate", inputs=sources, settings={"axis": -1})


def network(*layers):
    """A network of layers after `pixels` and a half-sized map `coarse` of 5 channels."""
    coarse = convolution("coarse", "pixels", inputs=3, filters=5, strides=[2, 2])
    return Network(
        name="test",
        entry="pixels",
        input_shape=(None, None, 3),
        classes=0,
        layers=(coarse, *layers),
        output=layers[-1].name,
    )


def run(network):
    pixels = np.random.default_rng(7).uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    compiled = CORE.compile_model(
        CORE.read_model(to_onnx(network, SIDE).SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return compiled(pixels)[0]


def kinds(network):
    return [layer.kind for layer in network.layers]


CHANGED = {
    "3 x 3": [upsampling("up", "coarse"), convolution("out", "up", inputs=5)],
    "1 x 1": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, kernel=1, padding="valid")],
    "1 x 1 in steps of three": [
        convolution("small", "pixels", inputs=3, strides=[3, 4]),
        upsampling("up", "small", (3, 4)),
        convolution("out", "up", inputs=4, kernel=1),
    ],
    "without a bias": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, bias=False)],
    "activated": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, activation="relu")],
    "concatenated": [
        upsampling("up", "coarse"),
        concatenation("joined", "up", "pixels"),
        convolution("out", "joined", inputs=8),
    ],
    "concatenated after others": [
        upsampling("up", "coarse"),
        concatenation("joined", "pixels", "up", "pixels"),
        convolution("out", "joined", inputs=11, activation="silu"),
    ],
    "a decoder's two": [
        upsampling("up", "coarse"),
        concatenation("joined", "up", "pixels"),
        convolution("shortcut", "joined", inputs=8, kernel=1),
        convolution("inner", "joined", inputs=8),
        Layer(name="out", kind="Add", inputs=("inner", "shortcut"), settings={}),
    ],
}


@pytest.mark.parametrize("layers", CHANGED.values(), ids=CHANGED)
def test_outputs_are_the_same(layers):
    """At every pixel, the border's too, outputs are those of the network as it is, but for rounding."""
    plain = network(*layers)
    changed = convolve_coarse(plain)
    assert kinds(changed) != kinds(plain)
    assert feature_shapes(changed, SIDE)["out"] == feature_shapes(plain, SIDE)["out"]
    np.testing.assert_allclose(run(changed), run(plain), rtol=1e-5, atol=1e-4)


def test_what_is_repeated_is_not_convolved():
    """No upsampled map and no concatenation is left to convolve; only the shortcut is repeated."""
    changed = convolve_coarse(network(*CHANGED["a decoder's two"]))
    assert sorted(kinds(changed)) == sorted([*("Conv2D",) * 4, "Conv2DTranspose", "UpSampling2D", *("Add",) * 3]), (
        "coarse and, for each of the two, a part per source"
    )
    assert [layer.settings["filters"] for layer in changed.layers if layer.kind == "Conv2DTranspose"] == [4]


UNCHANGED = {
    "bilinear": [upsampling("up", "coarse", interpolation="bilinear"), convolution("out", "up", inputs=5)],
    "repeated three times": [
        convolution("small", "coarse", inputs=5, strides=[3, 3]),
        upsampling("up", "small", (3, 3)),
        convolution("out", "up", inputs=4),
    ],
    "5 x 5": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, kernel=5)],
    "without padding": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, padding="valid")],
    "in steps": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, strides=[2, 2])],
    "dilated": [upsampling("up", "coarse"), convolution("out", "up", inputs=5, dilation_rate=[2, 2])],
    "concatenated without repetition": [
        concatenation("joined", "coarse", "coarse"),
        convolution("out", "joined", inputs=10),
    ],
}


@pytest.mark.parametrize("layers", UNCHANGED.values(), ids=UNCHANGED)
def test_others_stay(layers):
    """Layers for which no coarse convolution is equal are left as they are."""
    plain = network(*layers)
    assert kinds(convolve_coarse(plain)) == kinds(plain)

import keras
import numpy as np
import pytest

from geoseg.models.networks.presets import DEFAULT_PRESET, PRESETS, build_preset
from geoseg.models.networks.unet import MAX_WIDENING, build_unet

CLASSES = 5


@pytest.mark.parametrize(("preset", "bands"), [*((preset, 4) for preset in PRESETS), (DEFAULT_PRESET, 3)])
def test_presets(preset, bands, narrow):
    """Each preset maps raw pixels of 3 or 4 bands to probabilities, through as many halvings as its depth."""
    network = narrow(preset, bands)
    assert network.name == preset
    depth = PRESETS[preset].depth
    side = 2 ** (depth + 1)
    tiles = np.random.default_rng(0).integers(0, 256, (2, side, side, bands)).astype(np.float32)
    convolution = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    probe = keras.Model(network.input, [convolution.input, *(layer.output for layer in network.layers)])
    scaled, *features = map(keras.ops.convert_to_numpy, probe(tiles, training=False))

    scores = features[-1]
    assert scores.shape == (2, side, side, CLASSES)
    assert scores.dtype == np.float32
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-6)

    sides = {tensor.shape[1] for tensor in features if tensor.ndim == 4 and tensor.shape[1] % 2 == 0}
    assert sides == {side >> level for level in range(depth + 1)}

    assert tiles.max() > 250
    # The published weights of VGG take pixels less their mean; all others take about one.
    assert np.abs(scaled).max() <= (152 if preset == "vgg_unet" else 1)


def test_default_preset_has_attention_gates_and_residual_blocks(narrow):
    """The default is the attention residual U-Net: a gate on each skip, and a shortcut round each block."""
    network = narrow(DEFAULT_PRESET, 3)
    gates = [layer for layer in network.layers if isinstance(layer, keras.layers.Multiply)]
    shortcuts = [layer for layer in network.layers if layer.name.endswith("_sum")]
    assert len(gates) == 4
    assert len(shortcuts) == 4 + 1 + 4


def test_widths_double_down_to_a_limit(narrow):
    """Channels double at each level and stop at 16 times the width, however deep the network."""
    network = narrow("unet6", 3)
    widths = [network.get_layer(f"encoder_{level}a_conv").filters for level in range(7)]
    assert widths == [2, 4, 8, 16, 32, 32, 32]
    assert widths[-1] == 2 * MAX_WIDENING


def test_a_closed_gate_closes_the_skip():
    """An attention gate weighs the encoder's features: where its weight is zero, they do not reach the decoder."""
    keras.utils.set_random_seed(0)
    network = build_unet(bands=3, classes=2, depth=1, width=2, skip="attention")
    gate = network.get_layer("skip_0_gate_weight")
    gate.set_weights([np.zeros_like(gate.kernel), np.float32([-1000.0])])
    probe = keras.Model(network.input, network.get_layer("skip_0_gate").output)
    tiles = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(probe(tiles)), 0)
    gate.set_weights([np.zeros_like(gate.kernel), np.float32([1000.0])])
    encoder = keras.Model(network.input, network.get_layer("skip_0_gate").input[0])
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(part(tiles)) for part in (probe, encoder)))


def test_a_mixed_precision_policy_leaves_probabilities_in_float32():
    """Probabilities are blended and compared: they are float32 in every training precision."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build_unet(bands=3, classes=2, depth=1, width=2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.output.dtype == "float32"
    assert network.get_layer("decoder_0b_conv").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"block": "dense"}, "block 'dense' is unknown; choose one of plain, residual"),
        ({"skip": "none"}, "skip 'none' is unknown; choose one of concat, add, attention, attention_add"),
        ({"encoder": "resnet50"}, "encoder 'resnet50' is unknown; choose one of vgg16, efficientnetb0"),
        ({"encoder": "vgg16", "depth": 5}, "vgg16 needs a depth of 4, not 5"),
        ({"encoder": "efficientnetb0", "depth": 4}, "efficientnetb0 needs a depth of 5, not 4"),
        ({"encoder_weights": "imagenet"}, "`encoder_weights` needs an `encoder`"),
        ({"encoder": "vgg16", "encoder_weights": "imagenet", "bands": 4}, "red, green and blue, not for 4 bands"),
    ],
)
def test_parameters_that_do_not_fit(parameters, message):
    """A parameter that is unknown, or does not fit the others, is refused by name and with the valid choices."""
    with pytest.raises(ValueError, match=message):
        build_unet(**({"bands": 3, "classes": CLASSES} | parameters))


def test_an_unknown_preset():
    """An unknown preset is refused with the known names."""
    with pytest.raises(ValueError, match="preset 'segnet' is unknown; choose one of unet, deep_unet"):
        build_preset("segnet", bands=3, classes=CLASSES)

"""The 8-bit form of a network: made by NNCF, stored in the bundle, run by OpenVINO."""

import zipfile

import numpy as np
import pytest
from standins import make_card

from geoseg.errors import BundleError, UsageError
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import EngineOptions, average_orientations
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.int8.quantize import make_form
from geoseg.models.int8.stored import GRAPH, Form, read_form, write_form
from geoseg.models.networks.unet import build_unet
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.rendering import render_scene

INT8 = EngineOptions(precision="int8")


def rendered(seeds, side=64):
    return np.stack([render_scene(seed, (side, side)).image[..., :3] for seed in seeds]).astype(np.float32)


@pytest.fixture(scope="session")
def quantised(bundle, tmp_path_factory):
    """The default preset with an 8-bit form that is calibrated on rendered scenes."""
    pytest.importorskip("nncf")
    form, count = make_form(bundle, iter(rendered(range(8))), most=8)
    assert count == 8
    path = tmp_path_factory.mktemp("int8") / "int8.keras"
    write_form(bundle, form, read_card(bundle), path)
    return path


@pytest.fixture
def with_form(bundle, tmp_path):
    """Write a bundle with any 8-bit form."""

    def write(graph, weights):
        write_form(bundle, Form(graph=graph, weights=weights), read_card(bundle), tmp_path / "odd.keras")
        return tmp_path / "odd.keras"

    return write


def test_agrees_with_float32_and_is_not_float32(quantised):
    """On scenes it was not calibrated on, int8 gives most pixels the class of float32, with other probabilities."""
    for side in (64, 128):
        pixels = rendered(range(20, 22), side)
        exact, found = (
            np.concatenate([OpenVINOEngine(quantised, options)(tile[None]) for tile in pixels])
            for options in (None, INT8)
        )
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
        assert np.mean(found.argmax(axis=-1) == exact.argmax(axis=-1)) > 0.9
        assert np.abs(found - exact).mean() < 0.05
        assert np.abs(found - exact).max() > 1e-3


def test_layers_have_8_bits(quantised):
    """The network's convolutions run on 8-bit integers, not on float32 that is rounded."""
    engine = OpenVINOEngine(quantised, INT8)
    engine(rendered([0]))
    kinds = [
        (node.get_rt_info()["layerType"].astype(str), node.get_rt_info()["runtimePrecision"].astype(str))
        for node in engine._compiled.model.get_runtime_model().get_ops()
    ]
    convolutions = [precision for kind, precision in kinds if kind == "Convolution"]
    assert len(convolutions) > 10
    assert np.mean([precision in ("i8", "u8") for precision in convolutions]) > 0.9


def test_scores_do_not_depend_on_the_batch(quantised, tiles):
    """A tile has the same scores, bit for bit, alone and in any batch, and after tiles of another size."""
    batch = tiles(3)
    single, threes = (
        OpenVINOEngine(quantised, INT8),
        OpenVINOEngine(quantised, EngineOptions(batch_size=3, precision="int8")),
    )
    single(tiles(1, 128))
    alone = np.concatenate([single(batch[number : number + 1]) for number in range(3)])
    np.testing.assert_array_equal(threes(batch), alone)
    np.testing.assert_array_equal(threes(batch[::-1]), alone[::-1])


def test_augmented_scores(quantised, tiles):
    """Test-time augmentation averages the scores of int8."""
    augmented = OpenVINOEngine(quantised, EngineOptions(tta="flips", precision="int8"))(tiles(1))
    np.testing.assert_array_equal(augmented, average_orientations("flips", tiles(1), OpenVINOEngine(quantised, INT8)))


def test_keras_reads_the_same_network(bundle, quantised):
    """A bundle with an 8-bit form has the network that it had, in Keras and in float32."""
    before, after = load_network(bundle), load_network(quantised)
    for one, other in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pixels = rendered([3])
    np.testing.assert_array_equal(OpenVINOEngine(bundle)(pixels), OpenVINOEngine(quantised)(pixels))


def test_saved_again_without_the_form(quantised, tmp_path):
    """A network that is saved anew, perhaps with other weights, has no 8-bit form of the old ones."""
    save_bundle(load_network(quantised), read_card(quantised), tmp_path / "again.keras")
    with pytest.raises(UsageError, match=r"again\.keras has no 8-bit form; make one with `geoseg models quantize`"):
        read_form(tmp_path / "again.keras")


def test_written_again_over_a_form(quantised, bundle, tmp_path):
    """A second form replaces the first; every member is there once."""
    write_form(quantised, Form(graph=b"new", weights=b""), read_card(bundle), tmp_path / "again.keras")
    assert read_form(tmp_path / "again.keras").graph == b"new"
    with zipfile.ZipFile(tmp_path / "again.keras") as archive, zipfile.ZipFile(quantised) as first:
        assert sorted(archive.namelist()) == sorted(first.namelist())
        assert archive.testzip() is None


def test_damaged_form(with_form, quantised):
    """A form that cannot be read, or is cut off, is refused when the engine is loaded, in one sentence."""
    form = read_form(quantised)
    for graph, weights in ((b"<net", b""), (form.graph, form.weights[:100]), (b"", b"")):
        with pytest.raises(
            BundleError, match=r"8-bit form in .*odd\.keras cannot be read \(.*\); make it again"
        ) as caught:
            OpenVINOEngine(with_form(graph, weights), INT8)
        assert "\n" not in str(caught.value)


def test_form_of_another_network(quantised, tmp_path, with_form):
    """A form with other classes or bands than the card names is refused."""
    form = read_form(quantised)
    for bands in (3, 4):
        network = build_unet(bands=bands, classes=5 - (bands == 3), depth=1, width=4)
        card = make_card(bands=("red", "green", "blue", "nir")[:bands])
        if bands == 3:
            card = make_card(legend=type(card.legend)(classes=card.legend.classes[:4]))
        save_bundle(network, card, tmp_path / "other.keras")
        write_form(tmp_path / "other.keras", form, card, tmp_path / "mixed.keras")
        with pytest.raises(BundleError, match=r"8-bit form in .*mixed\.keras cannot be read"):
            OpenVINOEngine(tmp_path / "mixed.keras", INT8)


def test_cut_off_member(quantised, tmp_path):
    """An archive whose form fails its checksum is refused."""
    content = bytearray(quantised.read_bytes())
    with zipfile.ZipFile(quantised) as archive:
        start = archive.getinfo(GRAPH).header_offset
    content[start + 200] ^= 0xFF
    (tmp_path / "damaged.keras").write_bytes(content)
    with pytest.raises(BundleError, match=r"8-bit form in .*damaged\.keras cannot be read"):
        OpenVINOEngine(tmp_path / "damaged.keras", INT8)

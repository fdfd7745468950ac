import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.errors import UsageError
from geoseg.models.engines.engine import ORIENTATIONS, EngineOptions, average_orientations
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.networks.presets import DEFAULT_PRESET, build_preset
from geoseg.models.saved_network import load_network, save_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The default network at the shipped width, untrained."""
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("bundle") / "default.keras"
    save_bundle(build_preset(DEFAULT_PRESET, bands=3, classes=5, width=16), make_card(), path)
    return path


@pytest.fixture(scope="module")
def single(bundle):
    return KerasEngine(bundle)


@pytest.fixture(scope="module")
def fives(bundle):
    return KerasEngine(bundle, EngineOptions(batch_size=5))


def tiles(count, side=64):
    return np.random.default_rng(side).uniform(0, 255, (count, side, side, 3)).astype(np.float32)


def test_scores_are_the_network_s(bundle, single):
    """The engine gives the scores of the bundle's network, up to rounding by folded normalisations."""
    expected = keras.ops.convert_to_numpy(load_network(bundle)(tiles(1), training=False))
    scores = single(tiles(1))
    assert scores.dtype == np.float32
    assert scores.shape == (1, 64, 64, single.classes)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("side", [64, 96, 128])
def test_scores_do_not_depend_on_the_batch(single, fives, side):
    """A tile has the same scores, bit for bit, alone and at any position of any batch.

    On a CPU: at 96 px, TensorFlow's kernels for five tiles round differently from those for one.
    """
    batch = tiles(5, side)
    alone = np.concatenate([single(batch[number : number + 1]) for number in range(5)])
    for count in (1, 2, 3, 5):
        np.testing.assert_array_equal(fives(batch[:count]), alone[:count])
    np.testing.assert_array_equal(fives(batch[::-1]), alone[::-1])


def test_tiles_may_change_size(single):
    """An engine can switch to another tile size and back, with the same scores."""
    first, other = single(tiles(1, 32)), single(tiles(1, 48))
    assert other.shape == (1, 48, 48, 5)
    np.testing.assert_array_equal(single(tiles(1, 32)), first)


@pytest.mark.parametrize("tta", ["flips", "d4"])
def test_augmented_scores(bundle, single, tta):
    """Test-time augmentation averages the engine's scores over the orientations."""
    engine = KerasEngine(bundle, EngineOptions(batch_size=2, tta=tta))
    np.testing.assert_array_equal(
        engine(tiles(2, 32)), average_orientations(tta, tiles(2, 32), lambda turned: pairs(single, turned))
    )


def pairs(single, turned):
    return np.concatenate([single(turned[:1]), single(turned[1:])])


def test_too_many_tiles(fives):
    """More tiles than the batch size are refused, not silently split."""
    with pytest.raises(ValueError, match="6 tiles do not fit a batch of 5"):
        fives(tiles(6))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 8.00 GiB"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes."),  # JAX
        RuntimeError("CUDA out of memory. Tried to allocate 8.00 GiB."),  # PyTorch
        Exception("OOM when allocating tensor with shape[8,2048,2048,16] on GPU:0"),  # TensorFlow
    ],
)
def test_too_little_memory_is_told(bundle, monkeypatch, error):
    """Each backend's out-of-memory error becomes a sentence that says what to lower."""
    engine = KerasEngine(bundle)

    def full(batch):
        raise error

    monkeypatch.setattr(engine._network, "predict_on_batch", full)
    with pytest.raises(UsageError, match=r"one tile of 64 px; lower `tile`"):
        engine(tiles(1))


def test_other_errors_pass(bundle, monkeypatch):
    """Other errors reach the caller unchanged."""
    engine = KerasEngine(bundle)

    def broken(batch):
        raise ValueError("shape")

    monkeypatch.setattr(engine._network, "predict_on_batch", broken)
    with pytest.raises(ValueError, match="shape"):
        engine(tiles(1))


@pytest.fixture
def asymmetric():
    """Two tiles without any symmetry."""
    return np.arange(2 * 6 * 6 * 3, dtype=np.float32).reshape(2, 6, 6, 3)


def shifted(pixels):
    """A network that reads the pixel to one side: it commutes with the first orientation only."""
    return np.roll(pixels, 1, axis=2)[..., :2] * np.float32(2)


@pytest.mark.parametrize("tta", ORIENTATIONS)
def test_orientations_are_undone(asymmetric, tta):
    """A network that echoes its input gives the same bits with and without augmentation."""
    np.testing.assert_array_equal(average_orientations(tta, asymmetric, lambda turned: turned), asymmetric)


@pytest.mark.parametrize("tta", ORIENTATIONS)
def test_orientations_are_distinct(asymmetric, tta):
    """The network sees each of the 1, 4 or 8 orientations once."""
    seen = []

    def score(turned):
        seen.append(turned.tobytes())
        return turned

    average_orientations(tta, asymmetric, score)
    assert len(set(seen)) == len(seen) == {"none": 1, "flips": 4, "d4": 8}[tta]


def test_flips_are_mirror_images(asymmetric):
    """Flips are the four mirror images, left and right or top and bottom: the mean agrees with a loop by hand."""
    axes = [(), (1,), (2,), (1, 2)]
    by_hand = sum(np.flip(shifted(np.flip(asymmetric, axis)), axis) for axis in axes) / 4
    np.testing.assert_array_equal(average_orientations("flips", asymmetric, shifted), by_hand)


def test_d4_is_the_symmetry_of_the_square(asymmetric):
    """D4 is the flips of the tile and of its transpose: the mean agrees with a loop by hand."""
    axes = [(), (1,), (2,), (1, 2)]
    upright = sum(np.flip(shifted(np.flip(asymmetric, axis)), axis) for axis in axes)
    across = asymmetric.transpose(0, 2, 1, 3)
    transposed = sum(np.flip(shifted(np.flip(across, axis)), axis) for axis in axes).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(average_orientations("d4", asymmetric, shifted), (upright + transposed) / 8)
    assert not np.array_equal(average_orientations("d4", asymmetric, shifted), shifted(asymmetric))


def test_scores_stay_float32(asymmetric):
    """The mean does not widen the scores."""
    assert average_orientations("d4", asymmetric, shifted).dtype == np.float32


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16", "bfloat16"])
def test_precision_is_not_the_bundle_s(tmp_path, policy):
    """A network that was saved in half or mixed precision is run in float32, as results record."""
    keras.config.set_dtype_policy(policy)
    try:
        network = build_preset("unet", bands=3, classes=5, width=2)
    finally:
        keras.config.set_dtype_policy("float32")
    save_bundle(network, make_card(), tmp_path / "half.keras")
    found = KerasEngine(tmp_path / "half.keras")(tiles(1))
    assert found.dtype == np.float32
    exact = build_preset("unet", bands=3, classes=5, width=2)
    exact.set_weights(network.get_weights())
    np.testing.assert_array_equal(found, KerasEngine(exact)(tiles(1)))

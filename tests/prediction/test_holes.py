"""What the network sees where a scene has no data."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from standins import Echo, make_card

from geoseg.models.bundle import Scaling
from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_devices import load_on_devices
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.legend import NODATA
from geoseg.prediction.blocks import predict_block
from geoseg.prediction.conversion.sample_tiles import read_samples
from geoseg.prediction.devices.predict_block import predict_block_on_devices
from geoseg.prediction.holes import fill_holes
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

CARD = make_card(tile=32, overlap=8, multiple=2, scaling={"uint8": Scaling(), "float32": Scaling()})
even = pytest.mark.filterwarnings("ignore:.*(are 120 in all bands|nearly one colour):geoseg.errors.GeosegWarning")
"""Scenes of one value look like fill that is not declared, and like one colour."""
TYPES = [np.uint8, np.uint16, np.int16, np.float32, np.float64]


def masks(*, most=12):
    """Masks with at least one pixel of each kind."""
    shapes = npst.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=most)
    return npst.arrays(bool, shapes).filter(lambda valid: valid.any() and not valid.all())


def numbered(valid, dtype=np.int16):
    """Pixels `(rows, columns, bands)` that hold their own row and column."""
    return np.stack(np.indices(valid.shape), axis=-1).astype(dtype)


@given(valid=masks(), dtype=st.sampled_from(TYPES))
def test_mirror_image_in_the_nearest_valid_pixel(valid, dtype):
    """Valid pixels stay; others become the valid mirror image in one of the nearest valid pixels, or that pixel."""
    filled = fill_holes(numbered(valid, dtype), valid)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled[valid], numbered(valid, dtype)[valid])
    known = np.argwhere(valid)
    for hole in np.argwhere(~valid):
        distances = ((known - hole) ** 2).sum(axis=1)
        nearest = known[distances == distances.min()]
        mirrored = [2 * pixel - hole for pixel in nearest]
        allowed = {
            tuple(image) if ((image >= 0) & (image < valid.shape)).all() and valid[tuple(image)] else tuple(pixel)
            for pixel, image in zip(nearest, mirrored, strict=True)
        }
        assert tuple(filled[tuple(hole)].astype(int)) in allowed


@given(valid=masks(), garbage=st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 3e38]))
def test_invalid_values_do_not_matter(valid, garbage):
    """Whatever a file holds where it has no data, nothing of it is left: an even surface stays even."""
    pixels = np.where(valid, np.float32(7), np.float32(garbage))[..., None].repeat(3, axis=-1)
    np.testing.assert_array_equal(fill_holes(pixels, valid), np.full_like(pixels, 7))


@pytest.mark.parametrize("axis", [0, 1])
def test_beside_a_straight_edge(axis):
    """Beyond a straight edge, a tile is reflected as NumPy pads arrays."""
    pixels = np.random.default_rng(1).integers(0, 4000, (20, 20, 3)).astype(np.uint16)
    valid = np.ones((20, 20), bool)
    np.moveaxis(valid, axis, 0)[13:] = False
    padding = [(0, 0)] * 3
    padding[axis] = (0, 7)
    expected = np.pad(np.moveaxis(np.moveaxis(pixels, axis, 0)[:13], 0, axis), padding, mode="reflect")
    np.testing.assert_array_equal(fill_holes(pixels, valid), expected)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_to_fill(share):
    """Tiles without holes, and tiles without data, are passed on as they are, without a copy."""
    pixels = np.ones((8, 8, 3), np.uint8)
    assert fill_holes(pixels, np.full((8, 8), bool(share))) is pixels


class Witness(Echo):
    """Remembers the lowest and the highest value that it was shown."""

    low, high = np.inf, -np.inf

    def __call__(self, pixels):
        assert np.isfinite(pixels).all()
        self.low, self.high = min(self.low, pixels.min()), max(self.high, pixels.max())
        return super().__call__(pixels)


@pytest.fixture
def even_scene(write_scene):
    """A scene of one value with NaN in a collar, a hole as large as tiles, and specks."""
    pixels = np.full((3, 110, 130), 120, np.float32)
    row, col = np.indices((110, 130))
    pixels[:, 3 * row + col < 90] = np.nan
    pixels[:, 40:90, 50:100] = np.nan
    pixels[1, 7::13, 5::11] = np.inf
    return write_scene(pixels, nodata=np.nan)


@even
def test_the_network_sees_valid_values_only(even_scene):
    """Neither NaN, infinite values, nor the zeros that stand for them reach the network."""
    planned = plan(open_scene(even_scene), CARD, Settings())
    witness = Witness()
    rows = list(predict_block(planned, planned.roi, witness))
    assert (witness.low, witness.high) == (120, 120)
    assert {NODATA} < {int(value) for part in rows for value in np.unique(part.classes)}


@even
def test_samples_are_filled(even_scene):
    """Tiles to calibrate a network on are those that prediction passes to it."""
    samples = list(read_samples(str(even_scene), make_card(scaling={"float32": Scaling()}), 32))
    assert any(not sample.valid.all() for sample in samples)
    assert all((sample.pixels == 120).all() for sample in samples)


@pytest.fixture(scope="module")
def network():
    """A network that looks at neighbours."""
    keras.utils.set_random_seed(7)
    pixels = keras.Input((None, None, 3))
    wide = keras.layers.Conv2D(4, 9, padding="same", activation="relu")(pixels)
    return keras.Model(pixels, keras.layers.Conv2D(5, 1, activation="softmax")(wide))


@even
@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_holes_leave_no_trace_in_an_even_scene(even_scene, write_scene, network, overlap):
    """On the host and on devices, pixels beside holes are predicted as if there were none."""
    choices = Settings(overlap=overlap, probabilities=True)
    whole = write_scene(np.full((3, 110, 130), 120, np.float32), name="whole.tif")
    engine = KerasEngine(network)
    devices = load_on_devices(network, EngineOptions(), find_backend().devices("cpu")[:1])
    for predict, runner in ((predict_block, engine), (predict_block_on_devices, devices)):
        broken, unbroken = (
            np.concatenate([rows.probabilities for rows in predict(planned, planned.roi, runner)], axis=1)
            for planned in (plan(open_scene(scene), CARD, choices) for scene in (even_scene, whole))
        )
        valid = broken[0] != NODATA
        assert 0.3 < valid.mean() < 0.9
        np.testing.assert_array_equal(broken[:, valid], unbroken[:, valid])

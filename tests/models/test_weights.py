import shutil

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import make_card

from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.models.weights import compact_archive, rounded


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small network with random weights, which compress like trained ones, unlike zeros."""
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("bundle") / "small.keras"
    save_bundle(build_preset("attention_resunet", bands=3, classes=5, width=16), make_card(), path)
    return path


@pytest.mark.parametrize(("bits", "share"), [(23, 1.0), (10, 0.6)])
def test_archive_is_smaller_and_loads(bundle, tmp_path, bits, share):
    """Keras loads exactly the rounded weights, and the file shrinks; with all bits kept, no weight changes."""
    path = tmp_path / "compact.keras"
    shutil.copy(bundle, path)
    compact_archive(path, mantissa_bits=bits)
    before, after = load_network(bundle).get_weights(), load_network(path).get_weights()
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, rounded(old, bits))
    assert path.stat().st_size <= share * bundle.stat().st_size


@given(st.floats(-(2.0**99), 2.0**99, width=32), st.integers(1, 22))
def test_rounding_is_to_the_nearest(value, bits):
    """Against exact arithmetic: the significand as an integer is rounded half to even."""
    fraction, exponent = np.frexp(np.float64(np.float32(value)))
    expected = np.ldexp(np.rint(np.ldexp(fraction, bits + 1)), exponent - bits - 1)
    normal = value == 0 or abs(value) >= 2.0**-125
    if normal:
        assert float(rounded(np.array([value], np.float32), bits)[0]) == expected


def test_bits_are_those_of_a_float(bundle):
    """A mantissa has 23 bits."""
    with pytest.raises(ValueError, match="1 to 23"):
        compact_archive(bundle, mantissa_bits=24)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.rendering.texture import fractal_noise, wave


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.floats(0.5, 300.0), st.floats(1.0, 9.0))
def test_noise_has_the_shape_asked_for(shape, coarsest, finest):
    """Any shape and any feature sizes give finite float32 noise of that shape."""
    noise = fractal_noise(np.random.default_rng(0), shape, coarsest=coarsest, finest=finest)
    assert noise.shape == shape
    assert noise.dtype == np.float32
    assert np.isfinite(noise).all()


@pytest.mark.parametrize(("coarsest", "roughness"), [(4.0, 0.9), (16.0, 0.5), (16.0, 0.8)])
def test_noise_is_centred_and_of_unit_variance(coarsest, roughness):
    """Over a field far larger than its coarsest feature, mean is near zero and deviation near one."""
    noise = fractal_noise(np.random.default_rng(1), (600, 600), coarsest=coarsest, roughness=roughness)
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(1.0, abs=0.3)


def test_coarse_noise_is_smooth():
    """Noise without fine octaves changes little from pixel to pixel."""
    noise = fractal_noise(np.random.default_rng(2), (256, 256), coarsest=64.0, finest=16.0)
    assert np.abs(np.diff(noise, axis=1)).max() < 0.25 * noise.std()


def test_wave_is_a_sine():
    """The parabolic wave has a sine's period, zeros and extremes, and stays within 6 % of it."""
    phase = np.linspace(-3, 3, 1001, dtype=np.float32)
    np.testing.assert_allclose(wave(phase), np.sin(2 * np.pi * phase), atol=0.06)
    np.testing.assert_allclose(wave(phase + 1), wave(phase), atol=1e-5)

import numpy as np
import pytest

from geoseg.models.losses.class_weights import effective_number, label_weights, median_frequency


def test_median_frequency_gives_every_class_the_median_s_part_of_the_loss():
    """Weight times pixels is the same for every class that has any, and the median class weighs 1."""
    pixels = np.array([10, 1000, 0, 200])
    weights = median_frequency(pixels)
    assert weights[3] == 1
    np.testing.assert_allclose((weights * pixels)[[0, 1, 3]], 200)
    assert weights[2] == 0


def test_effective_number_is_its_series():
    """A class's weight is one over the sum of beta**i over its samples, scaled to a mean of 1."""
    pixels, beta = np.array([3, 40, 700]) * 64, 0.99
    expected = np.array([1 / sum(beta**i for i in range(samples)) for samples in (3, 40, 700)])
    weights = effective_number(pixels, sample=64, beta=beta)
    np.testing.assert_allclose(weights, expected / expected.mean())


def test_effective_number_goes_from_inverse_frequency_to_none():
    """With few samples the weight is one over their number; with very many, all weights are equal."""
    few, many = np.array([1, 2, 4]), np.array([1, 2, 4]) * 10**8
    np.testing.assert_allclose(effective_number(few, sample=100) * few, [12 / 7] * 3, rtol=1e-4)
    np.testing.assert_allclose(effective_number(many, sample=100), 1)


@pytest.mark.parametrize("rule", [median_frequency, lambda pixels: effective_number(pixels, sample=10)])
def test_no_pixels_no_weight(rule):
    """Without labelled pixels all weights are zero, without a division by zero."""
    assert not rule(np.zeros(3, np.int64)).any()


def test_a_partial_label_weighs_what_its_classes_do():
    """A label of several classes has their mean weight, weighted by pixels, so that the parts sum to the whole."""
    weights, pixels = np.array([4.0, 1.0, 0.5]), np.array([100, 400, 0])
    single, other, both, rest = label_weights([[0], [1], [0, 1], [2]], weights, pixels)
    assert (single, other, rest) == (4.0, 1.0, 0.5)
    assert both * 500 == pytest.approx(single * 100 + other * 400)

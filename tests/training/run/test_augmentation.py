"""Augmentation: images and labels are changed together, and reproducibly."""

import numpy as np
import pytest
from skimage.color import rgb2hsv

from geoseg.training.recipe.recipe import Augmentation
from geoseg.training.run.augmentation import Augmenter, margin_side

IGNORED = 6
NOTHING = Augmentation(
    flips=False, right_angles=False, rotation=0.0, zoom=0.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0,
    noise=0.0, blur=0.0,
)  # fmt: skip
SIDE = 24


def only(**choice):
    return NOTHING.model_copy(update=choice)


def windows(side, *, count=8, values=6, bands=3, seed=0):
    """Pixels that encode their labels, in blocks of 6 pixels, to see where they were moved."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, values, (count, -(-side // 6), -(-side // 6)), dtype=np.uint8)
    labels = blocks.repeat(6, axis=1).repeat(6, axis=2)[:, :side, :side]
    return (labels[..., None] * np.array([40] * bands)).astype(np.uint8), labels


def augmented(choice, seed, *, colour=True, **parts):
    augmenter = Augmenter(choice, side=SIDE, ignored=IGNORED, colour=colour)
    return augmenter(*windows(margin_side(choice, SIDE), **parts), seed)


def inside(values):
    """Mask of pixels equal to all neighbours, where bilinear and nearest resampling agree."""
    around = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(1, 2))
    same = (around == values[:, 1:-1, 1:-1, None, None]).all(axis=(-2, -1))
    return np.pad(same, ((0, 0), (1, 1), (1, 1)))


def test_nothing_chosen_changes_nothing():
    """With every change turned off, windows are unchanged."""
    images, labels = windows(SIDE)
    pixels, moved = augmented(NOTHING, 1)
    np.testing.assert_allclose(pixels, images, atol=1e-3)
    np.testing.assert_array_equal(moved, labels)
    assert (pixels.dtype, moved.dtype) == (np.float32, np.uint8)


@pytest.mark.parametrize(
    "choice",
    [only(flips=True), only(right_angles=True), only(rotation=30.0), only(zoom=0.35), only(rotation=20.0, zoom=0.3)],
)
def test_image_and_labels_move_together(choice):
    """Away from edges, moved pixels still encode their moved labels; some pixels are moved."""
    pixels, moved = augmented(choice, 5)
    assert pixels.shape == (8, SIDE, SIDE, 3)
    sure = inside(moved) & (moved < IGNORED)
    assert sure.mean() > 0.2
    assert (np.abs(pixels[..., 0] - moved * 40.0) < 1)[sure].mean() > 0.9  # two moves interpolate twice
    still = windows(margin_side(choice, SIDE))[1]
    offset = (still.shape[1] - SIDE) // 2
    assert (moved != still[:, offset : offset + SIDE, offset : offset + SIDE]).any()


def test_flips_and_right_angles_are_exact():
    """Each window is in one of the eight orientations, and all eight occur."""
    images, _ = windows(SIDE, count=1)
    eight = [np.rot90(side, turns) for side in (images[0], images[0][:, ::-1]) for turns in range(4)]
    augmenter = Augmenter(only(flips=True, right_angles=True), side=SIDE, ignored=IGNORED, colour=True)
    drawn = {
        next(number for number, one in enumerate(eight) if np.allclose(pixels[0], one, atol=1e-3))
        for pixels, _ in (augmenter(*windows(SIDE, count=1), seed) for seed in range(60))
    }
    assert drawn == set(range(8))


def test_the_margin_holds_what_a_move_shows():
    """With the margin, windows show no pixel from outside, unless rotated by more than 45 degrees."""
    for choice in (only(zoom=0.35), only(rotation=45.0), only(rotation=30.0, zoom=0.2)):
        _, moved = augmented(choice, 3, count=40)
        assert (moved < IGNORED).all()


def test_what_is_uncovered_is_ignored():
    """Pixels from outside the original window are 0 in the image, and ignored."""
    augmenter = Augmenter(only(zoom=0.9), side=SIDE, ignored=IGNORED, colour=True)
    # Without the margin that the zoom asks for.
    pixels, moved = augmenter(np.full((8, SIDE, SIDE, 3), 200, np.uint8), np.ones((8, SIDE, SIDE), np.uint8), 2)
    assert set(np.unique(moved)) == {1, IGNORED}
    assert (pixels[inside(moved) & (moved == IGNORED)] == 0).all()
    np.testing.assert_allclose(pixels[inside(moved) & (moved == 1)], 200, atol=0.01)


def test_labels_keep_to_the_values_there_are():
    """Labels are resampled by nearest neighbour: no new value appears."""
    _, moved = augmented(Augmentation(rotation=90.0), 4, values=3)
    assert set(np.unique(moved)) <= {0, 1, 2, IGNORED}


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_the_same_seed_gives_the_same_batch(bands):
    """Results depend only on the batch's seed, not on earlier calls or on the augmenter."""
    first = augmented(Augmentation(rotation=10.0), 7, bands=bands, colour=bands >= 3)
    augmenter = Augmenter(Augmentation(rotation=10.0), side=SIDE, ignored=IGNORED, colour=bands >= 3)
    given = windows(margin_side(Augmentation(rotation=10.0), SIDE), bands=bands)
    other = augmenter(*given, 8)
    again = augmenter(*given, 7)
    for one, two, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one != different).any()


def colours():
    """Pixels that are not grey, dark or bright."""
    random = np.random.default_rng(2)
    return random.integers([60, 100, 140], [90, 130, 180], (12, SIDE, SIDE, 3), dtype=np.uint8)


def coloured(choice, images=None, *, colour=True):
    images = colours() if images is None else images
    labels = np.zeros(images.shape[:3], np.uint8)
    return Augmenter(choice, side=SIDE, ignored=IGNORED, colour=colour)(images, labels, 11)[0] / 255


def test_contrast_goes_both_ways():
    """Each window's deviation from its mean is scaled by its own factor within 1 ± contrast; the mean stays."""
    before, after = colours() / 255, coloured(only(contrast=0.3))
    np.testing.assert_allclose(after.mean(axis=(1, 2)), before.mean(axis=(1, 2)), atol=1e-3)
    factors = after.std(axis=(1, 2)) / before.std(axis=(1, 2))
    np.testing.assert_allclose(factors, factors[:, :1].repeat(3, axis=1), rtol=1e-3)
    assert 0.7 <= factors.min() < 0.9
    assert 1.1 < factors.max() <= 1.3


def test_brightness_adds_a_number_of_each_window():
    """All pixels of a window change by the same share of full scale, at most `brightness`."""
    change = coloured(only(brightness=0.2)) - colours() / 255
    np.testing.assert_allclose(change, change[:, :1, :1, :1] + np.zeros_like(change), atol=1e-4)
    assert -0.2 <= change.min() < -0.05
    assert 0.05 < change.max() <= 0.2


def test_saturation_is_multiplied_and_hue_is_turned():
    """Hue, saturation and value change as chosen, and nothing else does."""
    before, paler = rgb2hsv(colours() / 255), rgb2hsv(coloured(only(saturation=0.4)))
    np.testing.assert_allclose(paler[..., [0, 2]], before[..., [0, 2]], atol=2e-3)
    factors = np.median(paler[..., 1] / before[..., 1], axis=(1, 2))
    assert 0.6 <= factors.min() < 0.85
    assert 1.15 < factors.max() <= 1.4001
    turned = rgb2hsv(coloured(only(hue=0.1)))
    np.testing.assert_allclose(turned[..., 1:], before[..., 1:], atol=2e-3)
    angles = np.median((turned[..., 0] - before[..., 0] + 0.5) % 1 - 0.5, axis=(1, 2))
    assert 0 < np.abs(angles).max() <= 0.05


def test_bands_beyond_colour_keep_their_values():
    """Saturation and hue change only red, green and blue, not a fourth band, and nothing without colours."""
    images = np.concatenate([colours(), colours()[..., :1]], axis=-1)
    after = coloured(only(saturation=0.4, hue=0.1), images)
    np.testing.assert_allclose(after[..., 3], images[..., 3] / 255, atol=1e-5)
    assert np.abs(after[..., :3] - images[..., :3] / 255).max() > 0.01
    np.testing.assert_allclose(coloured(only(saturation=0.4, hue=0.1), images, colour=False), images / 255, atol=1e-5)


def test_noise_has_a_strength_of_each_window():
    """Noise is normal with mean 0, and a deviation up to `noise` that differs between windows."""
    grey = np.full((12, SIDE, SIDE, 3), 128, np.uint8)
    change = coloured(only(noise=0.05), grey) - 128 / 255
    deviations = change.std(axis=(1, 2, 3))
    assert 0 < deviations.min() < 0.02
    assert 0.03 < deviations.max() < 0.055
    assert np.abs(change.mean(axis=(1, 2, 3))).max() < 0.005


def test_blur_makes_some_windows_smoother():
    """Blurred windows keep their mean and lose detail; other windows are unchanged."""
    before, after = colours() / 255, coloured(only(blur=1.0))
    ratio = (after.std(axis=(1, 2)) / before.std(axis=(1, 2))).mean(axis=-1)
    assert ratio.min() < 0.95
    assert ratio.max() == pytest.approx(1, abs=1e-3)


def test_pixels_stay_in_range():
    """Pixels stay within 0 and 255, however strong the changes."""
    strong = Augmentation(brightness=1.0, contrast=1.0, saturation=1.0, hue=1.0, noise=1.0)
    images = np.random.default_rng(0).integers(0, 256, (8, *[margin_side(strong, SIDE)] * 2, 3), dtype=np.uint8)
    pixels, _ = Augmenter(strong, side=SIDE, ignored=IGNORED, colour=True)(
        images, np.zeros(images.shape[:3], np.uint8), 0
    )
    assert pixels.min() >= 0
    assert pixels.max() <= 255.001

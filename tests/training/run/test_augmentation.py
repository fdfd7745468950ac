"""Augmentation: images and labels are changed together, and reproducibly."""

import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter, map_coordinates

from geoseg.tiling import reflect
from geoseg.training.recipe.learning import Augmentation
from geoseg.training.run.augmentation import Augmenter

IGNORED = 6
NOTHING = Augmentation(
    flips=False, right_angles=False, rotation=0.0, zoom=0.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0,
    noise=0.0, blur=0.0,
)  # fmt: skip
SIDE = 24


def only(**choice):
    return NOTHING.model_copy(update=choice)


def augmenter_of(choice, *, bands=3, colour=True):
    return Augmenter(choice, side=SIDE, bands=bands, colour=colour)


def windows(side, *, count=8, values=6, bands=3, seed=0):
    """Pixels that encode their labels, in blocks of 6 pixels, to see where they were moved."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, values, (count, -(-side // 6), -(-side // 6)), dtype=np.uint8)
    labels = blocks.repeat(6, axis=1).repeat(6, axis=2)[:, :side, :side]
    return (labels[..., None] * np.array([40] * bands)).astype(np.uint8), labels


def run(augmenter, images, labels, seed, **changes):
    batch = {"images": images, "labels": labels} | augmenter.draw(seed, len(images)) | changes
    return tuple(ops.convert_to_numpy(part) for part in augmenter(batch))


def augmented(choice, seed, *, colour=True, **parts):
    augmenter = augmenter_of(choice, bands=parts.get("bands", 3), colour=colour)
    return run(augmenter, *windows(augmenter.margin_side, **parts), seed)


def centre(windows):
    """The middle of windows with a margin."""
    first = (windows.shape[1] - SIDE) // 2
    return windows[:, first : first + SIDE, first : first + SIDE]


def inside(values):
    """Mask of pixels equal to all neighbours, where bilinear and nearest resampling agree."""
    around = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(1, 2))
    same = (around == values[:, 1:-1, 1:-1, None, None]).all(axis=(-2, -1))
    return np.pad(same, ((0, 0), (1, 1), (1, 1)))


def test_nothing_chosen_changes_nothing():
    """With every change turned off, windows are unchanged."""
    augmenter = augmenter_of(NOTHING)
    images, labels = windows(augmenter.margin_side)
    pixels, moved = run(augmenter, images, labels, 1)
    np.testing.assert_allclose(pixels, centre(images), atol=1e-3)
    np.testing.assert_array_equal(moved, centre(labels))
    assert (pixels.dtype, moved.dtype) == (np.float32, np.uint8)


@pytest.mark.parametrize(
    "choice",
    [only(flips=True), only(right_angles=True), only(rotation=30.0), only(zoom=0.35), only(rotation=20.0, zoom=0.3)],
)
def test_image_and_labels_move_together(choice):
    """Away from edges, moved pixels encode their moved labels; some pixels are moved."""
    pixels, moved = augmented(choice, 5)
    assert pixels.shape == (8, SIDE, SIDE, 3)
    sure = inside(moved)
    assert sure.mean() > 0.2
    assert (np.abs(pixels[..., 0] - moved * 40.0) < 1)[sure].all()
    assert (moved != centre(windows(augmenter_of(choice).margin_side)[1])).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_moved_pixels_are_interpolated_between_four(dtype):
    """Pixels are those of SciPy's linear interpolation at the places that the matrix gives, labels the nearest."""
    choice = only(rotation=30.0, zoom=0.3)
    augmenter = augmenter_of(choice)
    random = np.random.default_rng(4)
    images = random.integers(0, 256, (3, *[augmenter.margin_side] * 2, 3)).astype(dtype)
    labels = random.integers(0, 6, images.shape[:3], dtype=np.uint8)
    pixels, moved = run(augmenter, images, labels, 9)
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    for window, matrix in enumerate(augmenter.draw(9, 3)["matrix"]):
        offsets = np.tensordot(matrix, np.stack(np.meshgrid(steps, steps, indexing="ij")), axes=1)
        places = offsets + (augmenter.margin_side - 1) / 2
        for band in range(3):
            expected = map_coordinates(images[window, ..., band].astype(np.float64), places, order=1)
            np.testing.assert_allclose(pixels[window, ..., band], expected, atol=0.02)
        assert (moved[window] == map_coordinates(labels[window], places, order=0)).mean() > 0.999


def test_flips_and_right_angles_are_exact():
    """Each window is in one of the eight orientations, and all eight occur."""
    augmenter = augmenter_of(only(flips=True, right_angles=True))
    given = windows(augmenter.margin_side, count=1)
    still = centre(given[0])[0]
    eight = [np.rot90(side, turns) for side in (still, still[:, ::-1]) for turns in range(4)]
    drawn = {
        next(number for number, one in enumerate(eight) if np.allclose(pixels[0], one, atol=1e-3))
        for pixels, _ in (run(augmenter, *given, seed) for seed in range(60))
    }
    assert drawn == set(range(8))


def test_horizontal_flips():
    """Street scenes are mirrored left and right, and never stand on their heads."""
    augmenter = augmenter_of(only(flips="horizontal"))
    given = windows(augmenter.margin_side, count=1)
    still = centre(given[0])[0]
    drawn = [run(augmenter, *given, seed)[0][0] for seed in range(12)]
    mirrored = [np.allclose(pixels, still[:, ::-1], atol=1e-3) for pixels in drawn]
    assert all(mirror or np.allclose(pixels, still, atol=1e-3) for pixels, mirror in zip(drawn, mirrored, strict=True))
    assert 0 < sum(mirrored) < 12


@pytest.mark.parametrize("choice", [only(zoom=0.35), only(rotation=45.0), only(rotation=180.0, zoom=0.2)])
def test_the_margin_holds_what_a_move_shows(choice):
    """No window reaches beyond its margin, which is a whole number of pixels on each side."""
    augmenter = augmenter_of(choice)
    reach = np.abs(augmenter.draw(3, 1000)["matrix"]).sum(axis=2).max() * (SIDE + 3) / 2
    assert reach <= (augmenter.margin_side - 1) / 2
    assert (augmenter.margin_side - SIDE) % 2 == 0


def test_labels_keep_to_the_values_there_are():
    """Labels are resampled by nearest neighbour: no new value appears."""
    _, moved = augmented(Augmentation(rotation=90.0), 4, values=3)
    assert set(np.unique(moved)) == {0, 1, 2}


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_the_same_seed_gives_the_same_batch(bands):
    """Results depend only on the batch's seed, not on earlier calls or on the augmenter."""
    first = augmented(Augmentation(rotation=10.0), 7, bands=bands, colour=bands >= 3)
    augmenter = augmenter_of(Augmentation(rotation=10.0), bands=bands, colour=bands >= 3)
    given = windows(augmenter.margin_side, bands=bands)
    other = run(augmenter, *given, 8)
    again = run(augmenter, *given, 7)
    for one, two, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one != different).any()


def test_windows_do_not_depend_on_their_batch():
    """Half a batch has the windows of the whole one: several devices share it."""
    augmenter = augmenter_of(Augmentation(rotation=10.0))
    images, labels = windows(augmenter.margin_side)
    whole = run(augmenter, images, labels, 7)
    half = {name: values[4:] for name, values in augmenter.draw(7, 8).items()}
    for one, other in zip(whole, run(augmenter, images[4:], labels[4:], 7, **half), strict=True):
        np.testing.assert_allclose(one[4:], other, atol=1e-3)


def test_windows_of_an_atlas():
    """Windows cut from images of any size, reflected at their edges, are those of windows cut before."""
    augmenter = augmenter_of(Augmentation(rotation=30.0))
    side = augmenter.margin_side
    random = np.random.default_rng(3)
    sizes = [(90, 120), (17, 40), (1, 5), (64, 64)]
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    labels = [random.integers(0, 6, size, dtype=np.uint8) for size in sizes]
    starts = np.cumsum([0] + [height * width for height, width in sizes])
    chosen = [(0, 3, 5), (0, -20, 80), (1, -9, -4), (2, -3, 2), (3, 40, 30), (3, 0, 0)]
    places = np.array([(starts[number], *sizes[number], top, left) for number, top, left in chosen], np.int32)
    insides = [
        (number, np.ix_(*(reflect(at, at + side, size) for at, size in zip(begin, sizes[number], strict=True))))
        for number, *begin in chosen
    ]
    expected = run(
        augmenter,
        np.stack([images[number][inside] for number, inside in insides]),
        np.stack([labels[number][inside] for number, inside in insides]),
        5,
    )
    atlas = {
        "places": places,
        "atlas": np.concatenate([image.reshape(-1, 3) for image in images]),
        "atlas_labels": np.concatenate([values.ravel() for values in labels]),
    }
    found = augmenter(augmenter.draw(5, len(chosen)) | atlas)
    np.testing.assert_allclose(ops.convert_to_numpy(found[0]), expected[0], atol=1e-3)
    np.testing.assert_array_equal(ops.convert_to_numpy(found[1]), expected[1])


def colours(side):
    """Pixels that are not grey, dark or bright."""
    random = np.random.default_rng(2)
    return random.integers([60, 100, 140], [90, 130, 180], (12, side, side, 3), dtype=np.uint8)


def coloured(choice, images=None, *, colour=True):
    """Windows before and after the changes, 0 to 1, and the changes."""
    augmenter = augmenter_of(choice, bands=3 if images is None else images.shape[-1], colour=colour)
    images = colours(augmenter.margin_side) if images is None else images
    labels = np.zeros(images.shape[:3], np.uint8)
    changes = augmenter.draw(11, len(images))
    return centre(images) / 255, run(augmenter, images, labels, 11)[0] / 255, changes


def test_contrast_goes_both_ways():
    """Each window's deviation from its mean is scaled by its own factor within 1 ± contrast; the mean stays."""
    before, after, _ = coloured(only(contrast=0.3))
    np.testing.assert_allclose(after.mean(axis=(1, 2)), before.mean(axis=(1, 2)), atol=0.005)
    factors = after.std(axis=(1, 2)) / before.std(axis=(1, 2))
    np.testing.assert_allclose(factors, factors[:, :1].repeat(3, axis=1), rtol=1e-3)
    assert 0.7 <= factors.min() < 0.9
    assert 1.1 < factors.max() <= 1.3


def test_brightness_adds_a_number_of_each_window():
    """All pixels of a window change by the same share of full scale, at most `brightness`."""
    before, after, _ = coloured(only(brightness=0.2))
    change = after - before
    np.testing.assert_allclose(change, change[:, :1, :1, :1] + np.zeros_like(change), atol=1e-4)
    assert -0.2 <= change.min() < -0.05
    assert 0.05 < change.max() <= 0.2


def test_saturation_scales_the_distance_from_grey():
    """Pillow's `Color` enhancement by a factor within 1 ± saturation gives the same pixels, which it rounds."""
    augmenter = augmenter_of(only(saturation=0.4))
    factors = []
    before, after, changes = coloured(only(saturation=0.4), colours(augmenter.margin_side))
    for one, other, matrix in zip(before, after, changes["colours"], strict=True):
        factors.append(matrix[0, 0] - matrix[1, 0] / 0.587 * 0.299)
        expected = ImageEnhance.Color(Image.fromarray(np.rint(one * 255).astype(np.uint8))).enhance(factors[-1])
        np.testing.assert_allclose(other * 255, np.asarray(expected), atol=1.6)
    assert 0.6 <= min(factors) < 0.85
    assert 1.15 < max(factors) <= 1.4001


def test_hue_turns_colours_around_grey():
    """Sum of the bands and distance from grey stay; colours turn by up to a share `hue` of half a circle."""
    before, after, _ = coloured(only(hue=0.1))
    np.testing.assert_allclose(after.sum(axis=-1), before.sum(axis=-1), atol=1e-4)
    one, other = (pixels - pixels.mean(axis=-1, keepdims=True) for pixels in (before, after))
    lengths = np.linalg.norm(one, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(other, axis=-1), lengths, atol=1e-4)
    angles = np.arccos(np.clip((one * other).sum(axis=-1) / lengths**2, -1, 1)) / np.pi
    np.testing.assert_allclose(angles, angles[:, :1, :1] + np.zeros_like(angles), atol=5e-3)
    assert 0.05 < angles.max() <= 0.101


def test_bands_beyond_colour_keep_their_values():
    """Saturation and hue change only red, green and blue, not a fourth band, and nothing without colours."""
    images = colours(augmenter_of(NOTHING).margin_side)
    images = np.concatenate([images, images[..., :1]], axis=-1)
    before, after, _ = coloured(only(saturation=0.4, hue=0.1), images)
    np.testing.assert_allclose(after[..., 3], before[..., 3], atol=1e-5)
    assert np.abs(after[..., :3] - before[..., :3]).max() > 0.01
    before, after, _ = coloured(only(saturation=0.4, hue=0.1), images, colour=False)
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_noise_has_a_strength_of_each_window():
    """Noise is normal with mean 0, differs between windows, and has a deviation of each, up to `noise`."""
    side = augmenter_of(NOTHING).margin_side
    before, after, _ = coloured(only(noise=0.05), np.full((12, side, side, 3), 128, np.uint8))
    change = after - before
    deviations = change.std(axis=(1, 2, 3))
    assert 0 < deviations.min() < 0.02
    assert 0.03 < deviations.max() < 0.055
    assert np.abs(change.mean(axis=(1, 2, 3))).max() < 0.005
    correlations = np.corrcoef(change.reshape(12, -1)) - np.eye(12)
    assert np.abs(correlations).max() < 0.1


def test_blur_is_normal():
    """SciPy's normal filter, cut off at two pixels, gives the same pixels; deviations reach up to `blur`."""
    augmenter = augmenter_of(only(blur=1.0))
    images = colours(augmenter.margin_side)
    _, after, changes = coloured(only(blur=1.0), images)
    near = changes["blur"][:, 1] / changes["blur"][:, 0]
    deviations = np.sqrt(-0.5 / np.log(np.maximum(near, 1e-30)))
    assert deviations.min() < 0.3
    assert 0.8 < deviations.max() <= 1
    for window, deviation in enumerate(deviations):
        expected = gaussian_filter(images[window] / 255, (deviation, deviation, 0), radius=2)
        np.testing.assert_allclose(after[window], centre(expected[None])[0], atol=1e-4)


def test_pixels_stay_in_range():
    """Pixels stay within 0 and 255, however strong the changes."""
    strong = Augmentation(brightness=1.0, contrast=1.0, saturation=1.0, hue=1.0, noise=1.0)
    side = augmenter_of(strong).margin_side
    images = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), dtype=np.uint8)
    _, after, _ = coloured(strong, images)
    assert after.min() >= 0
    assert after.max() <= 1

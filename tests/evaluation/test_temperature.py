"""Fitting a temperature: what made probabilities overconfident is found, also from partial labels."""

import numpy as np
import pytest

from geoseg.errors import DataError
from geoseg.evaluation.probability_samples import SampledImage, choose_step, thin
from geoseg.evaluation.temperature import fit_temperature, probabilities_at
from geoseg.tiling import Lattice

CLASSES, SIDE = 4, 60
SINGLE = np.eye(CLASSES, dtype=bool)
PARTIAL = np.vstack([SINGLE, [[False, True, True, True]]])
REST = CLASSES
"""Label value of "not class 0"."""


def make_images(count=6, *, temperature=1.0, data_set="", seed=0):
    """Images whose labels are drawn from their probabilities, which `temperature` then makes over- or underconfident.

    Returns (samples, labels, probabilities) of each.
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        logits = random.normal(0, 2, (SIDE, SIDE, CLASSES)).astype(np.float32)
        honest = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        labels = (honest.cumsum(axis=-1) < random.random((SIDE, SIDE, 1))).sum(axis=-1).clip(0, CLASSES - 1)
        shown = honest ** (1 / temperature)
        shown /= shown.sum(axis=-1, keepdims=True)
        made.append((SampledImage(f"{number:02}", data_set), labels.astype(np.uint8), shown))
    return made


def filled(made, relabel=lambda labels: labels, labelled=lambda labels: np.ones(labels.shape, bool)):
    for image, labels, shown in made:
        image.add(shown, relabel(labels), labelled(labels))
    return [image for image, *_ in made]


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_scaled_network_is_recovered(scale):
    """Logits multiplied by a number need that number as temperature, and then have next to no calibration error."""
    fit = fit_temperature(filled(make_images(temperature=1 / scale)), SINGLE)
    assert fit.temperature == pytest.approx(scale, rel=0.03)
    assert fit.after.error < 0.015
    assert fit.images == 6
    assert fit.pixels == 6 * SIDE**2 == sum(each.pixels for each in fit.before.bins)
    if scale == 1:
        assert fit.before.error == pytest.approx(fit.after.error, abs=0.01)
    else:
        assert fit.before.error > 0.05


def sure_of_the_first(right):
    """Two images with a probability of 0.9 of the first class, and that class where `right` `(pixels,)`."""
    shown = np.tile(np.float32([0.9, 0.1]), (1, right.size, 1))
    images = [SampledImage(name) for name in "ab"]
    for image in images:
        image.add(shown, (~right[None]).astype(np.uint8), np.ones((1, right.size), bool))
    return images


def test_error_in_closed_form():
    """Sure at 0.9 and right at 0.7, the error is 0.2; the temperature makes the confidence 0.7, without error."""
    fit = fit_temperature(sure_of_the_first(np.arange(100) < 70), np.eye(2, dtype=bool))
    assert fit.before.error == pytest.approx(0.2, abs=1 / 254)
    assert fit.temperature == pytest.approx(np.log(9) / np.log(0.7 / 0.3), rel=1e-3)
    assert fit.after.error == pytest.approx(0, abs=1 / 254)
    assert fit.sentence() == (
        f"probabilities are calibrated with temperature {fit.temperature:.3f}, fitted on 200 pixels of 2 images: "
        f"expected calibration error {fit.before.error:.3f} before, {fit.after.error:.3f} after, cross-fitted."
    )
    assert fit.provenance() == {
        "temperature": round(fit.temperature, 4),
        "ece_before": round(fit.before.error, 4),
        "ece_after": round(fit.after.error, 4),
        "pixels": 200,
        "images": 2,
    }


def test_a_coin_is_not_calibrated():
    """Confidence without any information would need an infinite temperature."""
    with pytest.raises(DataError, match=r"no temperature from 0\.1 to 10 fits"):
        fit_temperature(sure_of_the_first(np.arange(100) < 50), np.eye(2, dtype=bool))


def test_partial_labels_are_fitted_by_the_classes_they_allow():
    """Labels of "class 0" and "not class 0" recover the temperature too; their error is that of this question."""
    made = make_images(temperature=1 / 2.5, data_set="partial")
    fit = fit_temperature(filled(made, lambda labels: np.where(labels > 0, REST, labels).astype(np.uint8)), PARTIAL)
    assert fit.temperature == pytest.approx(2.5, rel=0.05)
    sure = np.concatenate([shown[..., 0].ravel() for *_, shown in made])
    right = (sure > 0.5) == np.concatenate([(labels == 0).ravel() for _, labels, _ in made])
    confidence = np.maximum(sure, 1 - sure)
    inside = np.minimum((confidence * 15).astype(int), 14)
    expected = sum(
        abs(right[inside == number].mean() - confidence[inside == number].mean()) * (inside == number).mean()
        for number in np.unique(inside)
    )
    assert fit.before.error == pytest.approx(expected, abs=5e-3)
    assert fit.after.error < 0.015


def test_each_data_set_answers_its_own_question():
    """Full labels of one data set and partial ones of another count as what each tells apart."""
    full = filled(make_images(4, temperature=1 / 2, data_set="full"))
    partial = make_images(4, temperature=1 / 2, data_set="partial", seed=1)
    coarse = filled(partial, lambda labels: np.where(labels > 0, REST, labels).astype(np.uint8))
    fit = fit_temperature([*full, *coarse], PARTIAL)
    assert fit.temperature == pytest.approx(2, rel=0.05)
    assert fit.after.error < 0.015  # that of the partial labels would be large if "not class 0" were always right
    assert fit.before.error > 0.05


def test_the_errors_are_of_images_to_check_on():
    """Where there are other images, one is enough to fit, and both errors are of the others."""
    fitted, others = filled(make_images(1, temperature=1 / 2)), filled(make_images(4, seed=3))
    fit = fit_temperature(fitted, SINGLE, check_on=others)
    assert fit.temperature == pytest.approx(2, rel=0.05)
    assert (fit.images, fit.checked, fit.provenance()["checked_images"]) == (1, 4, 4)
    assert sum(each.pixels for each in fit.after.bins) == 4 * SIDE**2
    assert fit.before.error < 0.015 < fit.after.error  # the others needed no temperature
    assert not fit.helps
    assert fit.unused_sentence().endswith(f"({fit.after.error:.3f}, on 4 other images).")
    with pytest.raises(DataError, match="1 image with labels; two are needed"):
        fit_temperature(fitted, SINGLE, check_on=[SampledImage("unlabelled")])


def test_the_error_after_is_cross_fitted():
    """Halves of the images, every other by name, that need different temperatures do not hide it from the error."""
    made = make_images(6, temperature=1 / 4)
    honest = make_images(6, seed=1)
    mixed = [pair[number % 2] for number, pair in enumerate(zip(made, honest, strict=True))]
    images = filled(mixed)
    fit = fit_temperature(images[::-1], SINGLE)  # in any order
    overconfident = fit_temperature(images[::2], SINGLE).temperature
    assert overconfident == pytest.approx(4, rel=0.05)
    assert 1.2 < fit.temperature < overconfident
    assert fit.sentence().endswith("no less: they were calibrated already, or the images differ too much.")
    # Each half is scored with the other's: honest ones at 4, overconfident ones at 1.
    gaps = []
    for (_, labels, shown), temperature in zip(mixed, (1.0, 4.0) * 3, strict=True):
        found = probabilities_at(np.log(shown.reshape(-1, CLASSES)), temperature)
        gaps.append(found.max(axis=1).mean() - (found.argmax(axis=1) == labels.ravel()).mean())
    assert fit.after.error > 0.5 * np.mean(np.abs(gaps)) > 0.05


def test_ignored_pixels_count_in_nothing():
    """Pixels that are not labelled change neither temperature nor error nor number of pixels."""
    made = make_images(temperature=1 / 2)
    left = np.tile(np.arange(SIDE) < SIDE // 2, (SIDE, 1))
    half = filled(make_images(temperature=1 / 2), labelled=lambda labels: left)
    cut = []
    for image, labels, shown in made:
        image.add(shown[:, : SIDE // 2], labels[:, : SIDE // 2], np.ones((SIDE, SIDE // 2), bool))
        cut.append(image)
    one, other = fit_temperature(half, SINGLE), fit_temperature(cut, SINGLE)
    assert one.provenance() == other.provenance()
    assert one.pixels == 6 * SIDE * (SIDE // 2)


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (lambda: [], "no images with labels"),
        (lambda: filled(make_images(1)), "1 image with labels; two are needed"),
        (lambda: filled(make_images(3), labelled=lambda labels: np.zeros(labels.shape, bool)), "no images with labels"),
        (
            lambda: filled(make_images(3), labelled=lambda labels: labels == 1),
            "all labelled pixels have the same label",
        ),
        (lambda: filled(make_images(3), lambda labels: (labels + 1) % 4), "no temperature from 0.1 to 10 fits"),
    ],
)
def test_labels_that_do_not_tell(images, found):
    """Too few images, labels of one value, and labels that contradict the network are refused in one sentence."""
    with pytest.raises(DataError, match=f"cannot be calibrated: {found}"):
        fit_temperature(images(), SINGLE)


@pytest.mark.parametrize("shape", [(100, 70), (33, 200), (20, 20)])
@pytest.mark.parametrize(("step", "overlap"), [(1, 0), (1, 8), (3, 8), (7, 16)])
def test_thinned_pixels_are_even(shape, step, overlap):
    """With half the overlap as margin, every tile's pixels together are one even grid, each taken once."""
    lattice = Lattice(shape=shape, tile=32, overlap=overlap)
    seen = np.zeros(shape, int)
    image = np.arange(np.prod(shape)).reshape(shape)
    for tile in lattice.tiles():
        in_scene, in_tile = thin(lattice, tile, step=step, margin=overlap // 2)
        seen[in_scene] += 1
        framed = np.full((32, 32), -1)
        rows, cols = (range(part.start, part.stop) for part in (tile.rows, tile.cols))
        for row in rows:
            for col in cols:
                if 0 <= row < shape[0] and 0 <= col < shape[1]:
                    framed[row - rows[0], col - cols[0]] = image[row, col]
        np.testing.assert_array_equal(framed[in_tile], image[in_scene])
    expected = np.zeros(shape, int)
    expected[step // 2 :: step, step // 2 :: step] = 1
    np.testing.assert_array_equal(seen, expected)


def test_memory_is_bounded():
    """However many pixels and classes there are, about two million probabilities are kept."""
    for pixels, classes in ((1e4, 5), (1e9, 5), (1e9, 254)):
        step = choose_step(pixels, classes)
        assert pixels / step**2 * classes <= 2**21
        assert step == 1 or pixels / (step - 1) ** 2 * classes > 2**21

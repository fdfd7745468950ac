"""Training windows as a run's network sees them, and what it is compiled with."""

from contextlib import closing

import numpy as np
import pytest
from keras import ops

from geoseg.training.build import build_augmenter, build_batches, compile_network

SIDE = 96
AUGMENTED = {"rotation": 15.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "noise": 0.0}


@pytest.fixture
def open_town(write_raster, open_recipe):
    """Open an image of noise, given its labels, and the schedule of windows of 32 pixels."""

    def open_(labels, *, schedule, **tables):
        write_raster("town/images/a.tif", np.random.default_rng(0).integers(0, 256, (3, *labels.shape), np.uint8))
        write_raster("town/labels/a.tif", labels[None].astype(np.uint8))
        entry = {"name": "town", "images": "town", "split": {"validation": 0.0}}
        schedule = {"window": 32, "batch": 4, **schedule}
        return open_recipe(entry, schedule=schedule, augmentation=AUGMENTED, **tables)

    return open_


@pytest.fixture
def labels_of(open_town):
    """Labels `(windows, 32, 32)` of the augmented windows of an image, given its labels."""

    def draw(labels, steps=30, *, balanced=False, resident=False):
        data = open_town(labels, schedule={"steps": steps, "balanced": balanced})
        augmenter = build_augmenter(data.run)
        with closing(build_batches(data.run, data, augmenter, resident=resident)) as batches:
            found = [ops.convert_to_numpy(augmenter(*batches[step])[1]) for step in range(steps)]
        return np.concatenate(found)

    return draw


@pytest.mark.parametrize("resident", [False, True])
def test_windows_reach_the_border_of_an_image(labels_of, resident):
    """Pixels at an image's border are trained on, though windows may be turned and zoomed at random."""
    rows, cols = np.indices((SIDE, SIDE))
    from_border = np.minimum(np.minimum(rows, SIDE - 1 - rows), np.minimum(cols, SIDE - 1 - cols))
    seen = np.bincount(labels_of(np.digitize(from_border, [8, 16]), resident=resident).ravel(), minlength=3)
    there = np.bincount(np.digitize(from_border, [8, 16]).ravel(), minlength=3)
    shares = seen / there / (seen.sum() / there.sum())
    assert shares[0] > 0.3
    assert shares[1] > 0.6


def test_balanced_windows_show_the_class_they_were_drawn_for(labels_of):
    """A rare class of three is in nearly a third of the balanced windows, after they were moved."""
    labels = (np.indices((2 * SIDE, 2 * SIDE)).sum(axis=0) > 2 * SIDE).astype(int)
    labels[60:66, 120:126] = 2
    shown = [(labels_of(labels, balanced=balanced) == 2).any(axis=(1, 2)).mean() for balanced in (False, True)]
    assert shown[0] < 0.15
    assert 0.25 < shown[1] < 0.45


def test_half_precision_keeps_small_gradients(open_town):
    """All layers learn in float16 from a loss whose gradients by pixel are too small for float16."""
    data = open_town(
        np.indices((SIDE, SIDE))[0] % 3,
        schedule={"steps": 1, "precision": "mixed_float16", "weight_decay": 0.0, "rate": 0.02, "warmup": 0.0},
        network={"preset": "unet", "width": 2, "depth": 1},
        loss={"terms": [{"name": "cross_entropy", "weight": 1e-5}]},
    )
    augmenter = build_augmenter(data.run)
    with closing(build_batches(data.run, data, augmenter, resident=False)) as batches:
        network = compile_network(data.run, data, augmenter, ["cpu:0"])
        kernels = [weight for weight in network.trainable_variables if weight.name == "kernel"]
        before = [np.array(kernel) for kernel in kernels]
        network.fit(batches, verbose=0, shuffle=False)
        after = [np.array(kernel) for kernel in kernels]
    moved = [(one != other).mean() for one, other in zip(before, after, strict=True)]
    assert len(moved) > 4
    assert min(moved) > 0.5, moved

import numpy as np
import pytest
from keras import ops

from geoseg.training.recipe.learning import Augmentation
from geoseg.training.run.views import Views

WINDOWS = np.broadcast_to(np.arange(16, dtype=np.float32).reshape(4, 4, 1), (11, 4, 4, 1))


def all_symmetries(window):
    """The eight symmetries of a square window, by NumPy."""
    return {np.rot90(mirrored, turns).tobytes() for mirrored in (window, window[:, ::-1]) for turns in range(4)}


@pytest.mark.parametrize(
    ("flips", "right_angles", "number"),
    [
        (True, True, 8),
        ("horizontal", True, 8),
        (False, True, 4),
        (True, False, 4),
        ("horizontal", False, 2),
        (False, False, 1),
    ],
)
def test_views_of_a_batch(flips, right_angles, number):
    """Windows are shown in all views that augmentation allows, in turn, and back in their own orientation."""
    views = Views(Augmentation(flips=flips, right_angles=right_angles))
    shown = ops.convert_to_numpy(views.show(ops.convert_to_tensor(WINDOWS)))
    distinct = [view.tobytes() for view in shown]
    assert len(set(distinct)) == number
    assert set(distinct) <= all_symmetries(WINDOWS[0])
    assert distinct[number:] == distinct[: len(distinct) - number]
    np.testing.assert_array_equal(ops.convert_to_numpy(views.undo(ops.convert_to_tensor(shown))), WINDOWS)


def test_street_scenes_stay_upright():
    """Without flips from top to bottom and right angles, the sky stays above."""
    views = Views(Augmentation(flips="horizontal", right_angles=False))
    shown = ops.convert_to_numpy(views.show(ops.convert_to_tensor(WINDOWS)))
    assert (np.sort(shown, axis=2) == WINDOWS).all()


def test_only_turned():
    """Without flips, no window is mirrored."""
    views = Views(Augmentation(flips=False))
    shown = ops.convert_to_numpy(views.show(ops.convert_to_tensor(WINDOWS)))
    assert {view.tobytes() for view in shown} == {np.rot90(WINDOWS[0], turns).tobytes() for turns in range(4)}

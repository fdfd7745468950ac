"""Views of training windows: mirrored and turned by right angles, and back."""

from collections.abc import Callable

from keras import ops

from geoseg.models.backend import Tensor
from geoseg.training.recipe.learning import Augmentation

from .devices import places_in_batch

Change = Callable[[Tensor], Tensor]


class Views:
    """Shows each window of a batch in another of the views that augmentation allows, up to eight.

    A network should give the same answer in all of them. The view depends only on a window's place in the batch, which
    is enough, since windows come in random order and are already augmented.
    """

    def __init__(self, choice: Augmentation) -> None:
        chosen = {
            (_mirror, _mirror): choice.flips is not False,
            (_turn_half, _turn_half): choice.flips is True or choice.right_angles,
            (_turn_right, _turn_left): choice.right_angles,
        }
        self._changes = [change for change, allowed in chosen.items() if allowed]

    def show(self, windows: Tensor) -> Tensor:
        """Show windows `(windows, side, side, values)` in their views."""
        for bit, (change, _) in enumerate(self._changes):
            windows = _apply(change, windows, bit)
        return windows

    def undo(self, views: Tensor) -> Tensor:
        """Turn results in views back into the windows' own orientation."""
        for bit, (_, back) in reversed(list(enumerate(self._changes))):
            views = _apply(back, views, bit)
        return views


def _apply(change: Change, windows: Tensor, bit: int) -> Tensor:
    """Change the windows whose place in the batch has this bit set."""
    chosen = (places_in_batch(windows) // 2**bit) % 2 == 1
    return ops.where(chosen[:, None, None, None], change(windows), windows)


def _mirror(windows: Tensor) -> Tensor:
    return ops.flip(windows, axis=2)


def _turn_half(windows: Tensor) -> Tensor:
    return ops.flip(windows, axis=(1, 2))


def _turn_left(windows: Tensor) -> Tensor:
    return ops.flip(ops.transpose(windows, (0, 2, 1, 3)), axis=1)


def _turn_right(windows: Tensor) -> Tensor:
    return ops.transpose(ops.flip(windows, axis=1), (0, 2, 1, 3))

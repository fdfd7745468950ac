"""Epochs that are kept, and epochs that are drawn."""

from types import SimpleNamespace

import pytest

from geoseg.training.run.callbacks import KeepBest


class Network:
    """A network with given scores per epoch."""

    def __init__(self, scores):
        self.optimizer = SimpleNamespace(use_ema=False)
        self._scores = iter(scores)

    def evaluate(self, tiles, **_):
        return {"jaccard": next(self._scores)}


def judged(scores, *, epochs, rows=()):
    """Epochs kept and epochs drawn, given the scores after `rows`."""
    kept, shown = [], []
    callback = KeepBest(object(), [], keep=kept.append, picture=shown.append, picture_every=5, rows=rows)
    callback.set_model(Network(scores))
    callback.set_params({"epochs": epochs})
    callback.on_train_begin()
    for now in range(len(rows) + 1, len(rows) + len(scores) + 1):
        callback.on_epoch_begin(now - 1)
        callback.on_epoch_end(now - 1, {})
    callback.on_train_end()
    return kept, shown


@pytest.mark.parametrize(
    ("scores", "kept", "shown"),
    [
        ([0.3, 0.2, 0.5, 0.4, 0.4, 0.1, 0.2], [1, 3], [1, 3, 5, 7]),
        ([0.3, 0.2, 0.2], [1], [1, 3]),
        ([0.1, 0.2, 0.2], [1, 2, 3], [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("stopped_early", [False, True])
def test_what_is_kept_is_shown(scores, kept, shown, stopped_early):
    """The scene is drawn once after the first, every nth, each new best, and the last epoch."""
    assert judged(scores, epochs=20 if stopped_early else len(scores)) == (kept, shown)


def test_a_resumed_run_knows_the_best_of_before():
    """An epoch of a resumed run is best only if better than those before the interruption."""
    rows = [{"epoch": 1, "val_jaccard": 0.4}, {"epoch": 2, "val_jaccard": 0.1}]
    assert judged([0.3, 0.5, 0.2], epochs=9, rows=rows) == ([4], [4, 5])

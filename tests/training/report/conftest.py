"""A run folder as training leaves it, made from a rendered scene and a truth that is spoilt less and less."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import median_filter

from geoseg.models.legend import AERIAL
from geoseg.rendering import render_scene
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.report import write_scene_frame, write_tile_pictures
from geoseg.training.run.best_and_worst import Extremes
from geoseg.training.run.run_folder import write_history
from geoseg.training.run.validation import validate

RECIPE = """\
name = "suburbs"
seed = 7

[[data]]
name = "town <1>"
images = "images"

[schedule]
epochs = 20
steps = 50
table_every = 5
"""
SETS = LabelSets(legend=AERIAL, allowed=((0,), (1,), (2,), (3,), (4,), (0, 1, 3, 4), (0, 1, 2, 3, 4)))
ROAD, NOT_ROAD, IGNORED = 2, 5, 6


class Run:
    """Writes what a run leaves, bit by bit."""

    def __init__(self, folder, side):
        self.folder = folder
        scene = render_scene(3, (side, side))
        self.image, self.classes = scene.image[..., :3], scene.classes
        self.truth = self.classes.copy()
        self.truth[: side // 8, : side // 3] = IGNORED
        roads_alone = self.truth[-side // 8 :]
        roads_alone[roads_alone != ROAD] = NOT_ROAD
        folder.mkdir()
        (folder / "recipe.toml").write_text(RECIPE)

    def predicted(self, epoch):
        """Classes as a network of this epoch might give them, tile by tile and blended."""
        random = np.random.default_rng(epoch)
        coarse = (
            random.random((self.classes.shape[0] // 4 + 1, self.classes.shape[1] // 4 + 1)).repeat(4, 0).repeat(4, 1)
        )
        wrong = coarse[: self.classes.shape[0], : self.classes.shape[1]] < 0.7 / epoch**0.7
        plain = np.where(wrong, random.integers(0, 5, self.classes.shape), self.classes).astype(np.uint8)
        return plain, median_filter(plain, 5)

    def train(self, epochs, every=5):
        """Write the history and the pictures of the first epochs."""
        random = np.random.default_rng(0)
        rows = []
        for epoch in range(1, epochs + 1):
            loss = 1.2 * np.exp(-epoch / 6) + 0.3 + 0.02 * random.standard_normal()
            rows.append(
                {
                    "epoch": epoch,
                    "seconds": 65.0,
                    "learning_rate": 1e-3 * np.cos(np.pi * epoch / 42) ** 2,
                    "loss": loss,
                    "accuracy": 1 - 0.4 * loss,
                    "jaccard": 0.9 - 0.5 * loss,
                    "val_loss": loss + 0.1,
                    "val_accuracy": 0.95 - 0.4 * loss,
                    "val_jaccard": 0.85 - 0.5 * loss,
                }
            )
            if epoch == 1 or epoch % every == 0:
                plain, blended = self.predicted(epoch)
                write_scene_frame(self.folder, epoch, self.image, self.truth, plain, blended, AERIAL)
        write_history(self.folder / "history.csv", rows)
        return rows

    def finish(self):
        """Write the final validation and the pictures of tiles."""
        _, blended = self.predicted(20)
        town = SimpleNamespace(
            name="town/1",
            data_set="town <1>",
            shape=self.truth.shape,
            read_region=lambda roi: (self.image[roi], self.truth[roi], np.ones_like(self.truth[roi], bool)),
        )
        extremes = Extremes(SETS, tile=self.image.shape[0] // 4, count=2)
        validated = validate(lambda image: blended, [town], SETS, extremes)
        tiles = {
            kind: write_tile_pictures(self.folder, kind, chosen, AERIAL)
            for kind, chosen in (("worst", extremes.worst), ("best", extremes.best))
        }
        images = [
            {"name": "a", "data_set": "town <1>", "pixels": 10, "accuracy": 0.9, "mean_iou": 0.7},
            {"name": "b", "data_set": "town <1>", "pixels": 10, "accuracy": 0.4, "mean_iou": 0.2},
            {"name": "c", "data_set": "town <1>", "pixels": 0, "accuracy": None, "mean_iou": None},
        ]
        before = [{"pixels": 100, "confidence": (n + 0.5) / 15, "accuracy": (n / 15) ** 1.5} for n in range(15)]
        after = [each | {"accuracy": each["confidence"], "pixels": 10 * (n > 3)} for n, each in enumerate(before)]
        calibration = {"sentence": "probabilities <are> calibrated.", "ece_before": 0.12, "ece_after": 0.03}
        calibration |= {"before": before, "after": after}
        document = validated | {"images": images, "tiles": tiles, "calibration": calibration}
        (self.folder / "validation.json").write_text(json.dumps(document))
        return document


@pytest.fixture
def begin(tmp_path):
    """Begin a run whose validation scene has a given side."""

    def make(side=96):
        return Run(tmp_path / "run", side)

    return make

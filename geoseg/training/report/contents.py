"""Read a run folder, finished or not, for the report."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoseg.models.legend import Legend
from geoseg.training.recipe.label_sets import build_legend
from geoseg.training.recipe.load import load_recipe
from geoseg.training.recipe.recipe import Recipe
from geoseg.training.run.run_folder import Row, RunFolder, best_row, read_history

from .film import Frame


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A run, finished or not."""

    folder: Path
    recipe: Recipe
    recipe_text: str
    """Content of the recipe file."""
    legend: Legend
    history: tuple[Row, ...]
    best: Row | None
    """Row of the best epoch; None if nothing is held out."""
    validation: Mapping[str, Any] | None
    """Content of `validation.json`; None during training."""
    frames: tuple[Frame, ...]
    """Pictures of the validation scene, by epoch."""
    image: Path | None
    """Picture of the validation scene."""
    reference: Path | None
    """Picture of its labels."""

    @property
    def epochs(self) -> int:
        """Number of epochs done."""
        return int(self.history[-1]["epoch"]) if self.history else 0


def read_contents(run: Path) -> Contents:
    """Read a run folder; UsageError if its recipe cannot be read."""
    folder = RunFolder(path=run)
    recipe = load_recipe(folder.recipe)
    history = read_history(folder.history)
    validated = any("val_jaccard" in row for row in history)
    return Contents(
        folder=run,
        recipe=recipe,
        recipe_text=folder.recipe.read_text(encoding="utf-8"),
        legend=build_legend(recipe.legend),
        history=tuple(history),
        best=best_row(history) if validated else None,
        validation=json.loads(folder.validation.read_text(encoding="utf-8")) if folder.validation.exists() else None,
        frames=tuple(_find_frames(run / "scene")),
        image=_if_exists(run / "scene" / "image.png"),
        reference=_if_exists(run / "scene" / "reference.png"),
    )


def _find_frames(scene: Path) -> list[Frame]:
    """Find the epochs with both pictures."""
    frames = []
    for plain in sorted(scene.glob("epoch_*_plain.png")):
        blended = plain.with_name(plain.name.replace("_plain", "_blended"))
        number = re.fullmatch(r"epoch_(\d+)_plain\.png", plain.name)
        if number and blended.exists():
            frames.append(Frame(epoch=int(number[1]), plain=plain, blended=blended))
    return sorted(frames, key=lambda frame: frame.epoch)


def _if_exists(path: Path) -> Path | None:
    return path if path.exists() else None

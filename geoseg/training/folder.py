"""The run folder: where everything that a run leaves behind lies."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import OutputError, UsageError

from .history import read_history
from .loading import load_recipe
from .recipe import Recipe
from .writing import recipe_toml


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Paths of a run's files."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe as it was run."""
        return self.path / "recipe.toml"

    @property
    def history(self) -> Path:
        """One row an epoch; see `history.COLUMNS`."""
        return self.path / "history.csv"

    @property
    def best(self) -> Path:
        """Averaged weights of the epoch with the best validation score."""
        return self.path / "checkpoints" / "best.weights.h5"

    @property
    def backup(self) -> Path:
        """What a killed run goes on from, as Keras's `BackupAndRestore` keeps it."""
        return self.path / "checkpoints" / "backup"

    @property
    def validation(self) -> Path:
        """Scores of the best weights on the validation images."""
        return self.path / "validation.json"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"

    def bundle(self, name: str) -> Path:
        """The network with its card."""
        return self.path / f"{name}.keras"

    def begin(self, recipe: Recipe, *, resume: bool) -> None:
        """Make the folder ready for a run, or find that it holds the same run; one without an epoch is forgotten.

        Raises
        ------
        OutputError
            If there is a run already that is not to be resumed, or the folder cannot be made.
        UsageError
            If the run there is of another recipe.
        """
        epochs = len(read_history(self.history))
        if epochs and not resume:
            raise OutputError(
                f"{self.path} holds a run of {epochs} epochs; go on with --resume, or choose another folder with -o."
            )
        if epochs:
            self._check(recipe)
        try:
            if not epochs and self.backup.exists():
                shutil.rmtree(self.backup)
            self.backup.mkdir(parents=True, exist_ok=True)
            self.recipe.write_text(recipe_toml(recipe), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"the run folder {self.path} cannot be made ({error.strerror}).") from error

    def _check(self, recipe: Recipe) -> None:
        before = load_recipe(self.recipe)
        for name in type(recipe).model_fields:
            if getattr(before, name) != getattr(recipe, name):
                raise UsageError(
                    f"the run in {self.path} has another `{name}` in its recipe; a run is resumed with the recipe that "
                    "it began with."
                )

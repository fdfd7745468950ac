"""History, recipe and folder of a run."""

import pytest

from geoseg.errors import DataError, OutputError, UsageError
from geoseg.training.recipe.load import load_recipe, parse_recipe
from geoseg.training.run.run_folder import COLUMNS, RunFolder, best_row, is_over, read_history, write_history

RECIPE = {
    "name": 'a "quoted" näme',
    "seed": 5,
    "legend": {
        "road": "road",
        "classes": [{"name": "land", "colour": "#d9c8a0"}, {"name": "road", "colour": "#4a4a4a"}],
    },
    "card": {"scaling": {"uint16": {"offset": 10.0, "gain": 0.5}}, "license": "CC0"},
    "data": [
        {"name": "one", "images": "/x", "values": {"1": "road", "#ff00ff": ["land", "road"], "*": "ignore"}},
        {"name": "two", "images": "/y", "split": {"by": "group", "groups": {"a b": ["t*"]}, "validation": ["a b"]}},
    ],
    "rendered": {"scenes": 3},
    "loss": {"terms": [{"name": "focal"}, {"name": "dice", "weight": 0.5}], "class_weights": {"road": 2.5}},
}


@pytest.fixture
def recipe():
    return parse_recipe(RECIPE, source="test")


def rows(*scores):
    return [{"epoch": number, "loss": 1 / number, "val_jaccard": score} for number, score in enumerate(scores, 1)]


def test_a_history_is_read_as_it_was_written(tmp_path):
    """Rows are read as written, without missing columns, in the order of the columns."""
    path = tmp_path / "history.csv"
    assert read_history(path) == []
    written = [*rows(0.25, 0.1 + 0.2), {"epoch": 3, "loss": 2.0}]
    write_history(path, written)
    assert read_history(path) == written
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["history.csv"]


@pytest.mark.parametrize("content", ["epoch,loss\n1,0.5\n", f"{','.join(COLUMNS)}\n1,half,,,,,,,\n"])
def test_a_damaged_history(tmp_path, content):
    """A file that is not a history, or has a value that is not a number, is an error that names the file."""
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(OutputError, match=r"history\.csv is damaged"):
        read_history(path)


def test_the_best_row_is_the_latest_of_the_best():
    """The best epoch has the best validation score, the latest of equals; without scores it is the last."""
    assert best_row([]) is None
    assert best_row(rows(0.3, 0.5, 0.5, 0.4))["epoch"] == 3
    assert best_row([{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 0.2}])["epoch"] == 2


NAMES = {"town": {"training": ["a", "b"], "validation": ["c"]}}


def begin(folder, recipe, *, resume, names=NAMES):
    folder.check(recipe, names, resume=resume)
    with folder.begun(recipe, names, resume=resume):
        assert folder.recipe.exists()


@pytest.mark.parametrize("apart", [1, 17])
@pytest.mark.parametrize(("patience", "over"), [(None, False), (3, False), (2, True), (1, True)])
def test_patience_counts_scores_since_the_best(patience, over, apart):
    """A run is over `patience` scores after the best, be they of each epoch or of checkpoints many epochs apart."""
    scored = [row | {"epoch": apart * row["epoch"]} for row in rows(0.3, 0.5, 0.4, 0.4)]
    assert is_over(scored, patience) is over
    assert not is_over([], patience)


def test_a_recipe_is_read_as_it_was_written(tmp_path, recipe):
    """The recipe in a run folder, with defaults, equals the recipe of the run."""
    folder = RunFolder(path=tmp_path / "run")
    begin(folder, recipe, resume=False)
    assert load_recipe(folder.recipe).model_dump(exclude={"root"}) == recipe.model_dump(exclude={"root"})


def test_a_run_is_neither_replaced_nor_mixed_with_another(tmp_path, recipe):
    """A folder with a run is refused, unless the same run is resumed."""
    folder = RunFolder(path=tmp_path / "run")
    recipe = recipe.model_copy(update={"root": str(tmp_path)})
    begin(folder, recipe, resume=True)  # there is nothing to resume: it begins
    write_history(folder.history, [{"epoch": 1.0, "loss": 0.5}])
    with pytest.raises(OutputError, match=r"epochs: 1.*`resume=True`"):
        begin(folder, recipe, resume=False)
    begin(folder, recipe, resume=True)
    with pytest.raises(UsageError, match=rf"another `seed` in its recipe \({recipe.seed}, not 6\); .* same overrides"):
        begin(folder, recipe.model_copy(update={"seed": 6}), resume=True)
    longer = recipe.schedule.model_copy(update={"epochs": 99})
    with pytest.raises(UsageError, match=rf"another `schedule.epochs` .* \({recipe.schedule.epochs}, not 99\)"):
        begin(folder, recipe.model_copy(update={"schedule": longer}), resume=True)
    share = [recipe.data[0].model_copy(update={"share": 3.0}), *recipe.data[1:]]
    with pytest.raises(UsageError, match=rf"another `data.{recipe.data[0].name}.share` .* \(1.0, not 3.0\)"):
        begin(folder, recipe.model_copy(update={"data": share}), resume=True)


def test_a_run_goes_on_with_its_own_images(tmp_path, recipe):
    """A run is not resumed if images came or went: one that it was trained on could be held out then."""
    folder = RunFolder(path=tmp_path / "run")
    recipe = recipe.model_copy(update={"root": str(tmp_path)})
    begin(folder, recipe, resume=False)
    write_history(folder.history, [{"epoch": 1.0, "loss": 0.5}])
    begin(folder, recipe, resume=True)
    other = {"town": {"training": ["a", "b2", "c"], "validation": ["b"]}}
    with pytest.raises(DataError, match=r"data set town are not those .* began with \(b2\)"):
        begin(folder, recipe, resume=True, names=other)


@pytest.mark.parametrize("name", ["recipe.toml", "own.keras"])
def test_other_files_are_kept(tmp_path, recipe, name):
    """A new run does not replace a file that no run wrote, such as the recipe that it is started from."""
    folder = RunFolder(path=tmp_path / "run")
    folder.path.mkdir()
    recipe = recipe.model_copy(update={"name": "own"})
    (folder.path / name).write_text("mine")
    with pytest.raises(OutputError, match=rf"{name} exists"):
        begin(folder, recipe, resume=False)
    assert (folder.path / name).read_text() == "mine"
    assert len(list(folder.path.iterdir())) == 1


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_an_epoch_is_forgotten(tmp_path, recipe, resume):
    """A folder whose run failed before its first epoch can be used by another recipe."""
    folder = RunFolder(path=tmp_path / "run")
    recipe = recipe.model_copy(update={"root": str(tmp_path)})
    begin(folder, recipe, resume=False)
    (folder.backup / "half").write_bytes(b"")
    other = recipe.model_copy(update={"seed": 6})
    begin(folder, other, resume=resume)
    assert load_recipe(folder.recipe) == other
    assert not list(folder.backup.iterdir())


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, recipe):
    """If a file is in the way, the error names it."""
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match=r"run cannot be written \(Not a directory\)"):
        begin(RunFolder(path=tmp_path / "run"), recipe, resume=False)


def _refuse(folder, recipe, epochs, error):
    with folder.begun(recipe, NAMES, resume=False):
        if epochs:
            write_history(folder.history, epochs)
        raise error("refused")


@pytest.mark.parametrize("error", [DataError, UsageError])
def test_a_refused_run_leaves_nothing(tmp_path, recipe, error):
    """A new folder is removed if data are refused before the first epoch ends; an older one stays, and so do epochs."""
    recipe = recipe.model_copy(update={"root": str(tmp_path)})
    for name, epochs, left in (("new", [], False), ("old", [], True), ("trained", [{"epoch": 1.0, "loss": 0.5}], True)):
        folder = RunFolder(path=tmp_path / name)
        if name == "old":
            folder.path.mkdir()
        with pytest.raises(error, match="refused"):
            _refuse(folder, recipe, epochs, error)
        assert folder.path.exists() is left


def test_two_runs_do_not_share_a_folder(tmp_path, recipe):
    """While a run trains, another process is refused, and the run's files stay as they are."""
    folder = RunFolder(path=tmp_path / "run")
    with folder.begun(recipe, NAMES, resume=False):
        (folder.backup / "half").write_bytes(b"")
        for resume in (False, True):
            with pytest.raises(OutputError, match=r"another process is training in .*run; wait for it"):
                begin(folder, recipe.model_copy(update={"seed": 6}), resume=resume)
        assert (folder.backup / "half").exists()
    begin(folder, recipe, resume=True)

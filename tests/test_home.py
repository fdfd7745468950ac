import importlib
import tempfile
from pathlib import Path

import pytest

import geoseg
from geoseg.compiled import cache_folders, compiled
from geoseg.home import expanded, user_folder
from geoseg.models.added import models_folder
from geoseg.models.backend import keras_backend


@pytest.fixture
def homeless(monkeypatch):
    """A user id without an entry, as in a container that is run as any user."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: (_ for _ in ()).throw(KeyError(number)))


def test_folders_of_a_user(monkeypatch, tmp_path):
    """An environment variable counts before the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert user_folder("XDG_CACHE_HOME", "~/.cache") == tmp_path / ".cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "~/elsewhere")
    assert user_folder("XDG_CACHE_HOME", "~/.cache") == tmp_path / "elsewhere"


def test_without_a_home(homeless):
    """A user without a home keeps files among the temporary ones, and gets no error."""
    found = user_folder("XDG_CACHE_HOME", "~/.cache")
    assert found.parent.parent == Path(tempfile.gettempdir())
    assert found.name == ".cache"
    assert expanded("~/data") == Path("~/data")


def test_nothing_is_compiled_into_a_folder_named_after_the_home(homeless, tmp_path, monkeypatch):
    """Where the installation cannot be written either, Numba keeps nothing, least of all in `./~`."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "homeless_module.py"
    module.write_text("def twice(value):\n    return 2 * value\n")
    Path("__pycache__").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert compiled(importlib.import_module(module.stem).twice)(21) == 42
    assert not Path("~").exists()
    assert [folder.name for folder in cache_folders("geoseg.roads")] == ["__pycache__"]


def test_predicting_without_a_home(homeless, write_scene, write_bundle, noise, echo, tmp_path, monkeypatch):
    """Prediction, the list of models and the recipe's paths need no home."""
    for name in ("GEOSEG_MODELS", "XDG_DATA_HOME", "NUMBA_CACHE_DIR", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    made = geoseg.predict(write_scene(noise(20, 30)), model=write_bundle(), folder=tmp_path / "out", load=echo)
    assert made.outputs.classes.exists()
    assert not models_folder().exists()
    assert cache_folders("geoseg.roads")
    assert keras_backend()

import importlib
import os
import re
import stat
import sys
import tempfile
import types
from pathlib import Path

import pytest
from standins import warned

import geoseg
from geoseg.cli.completion import complete_added, complete_models
from geoseg.compilation import cache_folders
from geoseg.compiled import compiled
from geoseg.home import expanded, user_folder
from geoseg.models.added import models_folder
from geoseg.models.backend import keras_backend
from geoseg.models.engines.devices import keep_compiled
from geoseg.models.shipped import find_model, named_models
from geoseg.prediction.doctor.machine import find_models


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user id without an entry, as in a container that is run as any user."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
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


def test_without_a_home(homeless, tmp_path):
    """A user without a home keeps files among the temporary ones, and gets no error."""
    found = user_folder("XDG_CACHE_HOME", "~/.cache")
    assert found.parent.parent == tmp_path / "temporary"
    assert found.name == ".cache"
    assert expanded("~/data") == Path("~/data")


@pytest.fixture
def temporary(homeless, tmp_path, monkeypatch):
    """Path of the folder of that user among temporary files, which does not exist."""
    for name in ("GEOSEG_MODELS", "XDG_DATA_HOME", "KERAS_HOME", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "temporary" / f"geoseg-{os.getuid()}"


def test_nobody_else_enters_the_folder(temporary, monkeypatch):
    """The folder in place of a home is the user's alone, whatever the umask; one that is there may be readable."""
    before = os.umask(0)
    try:
        models_folder()
    finally:
        os.umask(before)
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o700
    temporary.chmod(0o755)
    assert models_folder().is_relative_to(temporary)


def other_owner(folder, monkeypatch):
    another = os.getuid() + 1
    folder.with_name(f"geoseg-{another}").mkdir()
    monkeypatch.setattr("os.getuid", lambda: another)


UNSAFE = [
    (lambda folder, _: folder.mkdir() or folder.chmod(0o775), "other users can write to it"),
    (lambda folder, _: folder.mkdir() or folder.chmod(0o757), "other users can write to it"),
    (lambda folder, _: folder.symlink_to(folder.parent), "it is not a folder"),
    (lambda folder, _: folder.touch(), "it is not a folder"),
    (other_owner, "it belongs to another user"),
]


@pytest.mark.parametrize(("prepare", "reason"), UNSAFE)
def test_a_folder_that_others_have_made(temporary, monkeypatch, prepare, reason):
    """Models that somebody else may have put there are not used, and the sentence says what to do."""
    prepare(temporary, monkeypatch)
    refused = rf"no home folder for added models, and .*geoseg-\d+ is not used .*\({reason}\); set .*GEOSEG_MODELS"
    for refuse in (models_folder, named_models, lambda: find_model("city")):
        with pytest.raises(geoseg.BundleError, match=refused):
            refuse()
    assert find_model("aerial").exists()
    assert [item.value for item in complete_models(None, None, "ae")] == ["aerial"]
    assert complete_added(None, None, "") == []
    found = {finding.name: finding for finding in find_models()}
    assert re.search(refused, found["added"].problem)
    assert not any(finding.blocks for finding in found.values())
    assert keras_backend()


def test_compiled_code_of_others(temporary, monkeypatch):
    """Nor is what was compiled there, since it is run: it is compiled anew, and a warning says so."""
    jax = types.SimpleNamespace(config=Settings())
    monkeypatch.setitem(sys.modules, "jax", jax)
    keep_compiled()
    assert Path(jax.config.jax_compilation_cache_dir).is_relative_to(temporary)
    jax.config.jax_compilation_cache_dir = None
    temporary.chmod(0o777)
    with warned(r"is not kept: .* no home folder, .* \(other users can write to it\); .* JAX_COMPILATION_CACHE_DIR"):
        keep_compiled()
    assert jax.config.jax_compilation_cache_dir is None


class Settings:
    """Those of JAX."""

    jax_compilation_cache_dir = None

    def update(self, name, value):
        setattr(self, name, value)


def test_settings_of_keras(temporary, monkeypatch):
    """Keras's settings are those of a home or an environment variable, and not of a folder that anybody may make."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    folder = temporary / ".keras"
    folder.mkdir(parents=True)
    (folder / "keras.json").write_text('{"backend": "torch"}')
    assert keras_backend() == "tensorflow"
    monkeypatch.setenv("KERAS_HOME", str(folder))
    assert keras_backend() == "torch"


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

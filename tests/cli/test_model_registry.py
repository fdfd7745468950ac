"""`geoseg models add`, `remove` and `registry`, from a bundle to the plan of a map."""

import json
import shutil

import pytest
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.models.shipped import shipped_models


@pytest.fixture
def run(run, tmp_path, monkeypatch):
    """Run `geoseg` with an empty folder of models, and return what it printed."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "added"))
    return run


@pytest.fixture
def registry(tmp_path, run):
    """A team's registry of one model, `streets`."""
    bundle = shutil.copy(shipped_models()["roads"], tmp_path / "streets.keras")
    document = json.loads(run("models", "registry", bundle))
    document["models"][0]["name"] = "streets"
    (tmp_path / "registry.json").write_text(json.dumps(document))
    return tmp_path / "registry.json"


def test_registry_says_what_a_model_is(registry):
    """A registry has name, URL, size, SHA-256, licence, GSD, bands, classes and scores of each model."""
    (entry,) = json.loads(registry.read_text())["models"]
    assert (entry["url"], entry["license"], entry["gsd_m"]) == ("streets.keras", "Apache-2.0", 1.0)
    assert (entry["bands"], entry["classes"]) == (["red", "green", "blue"], ["other", "road"])
    assert entry["scores"]["iou"]["road"] > 0.3


def test_from_registry_to_plan(run, registry, write_scene, noise, tmp_path):
    """A model that was added is listed with its origin, shown, described and used by its name, until it is removed."""
    assert run("models", "add", registry) == "streets\n"
    listed = {model["name"]: model for model in json.loads(run("models", "--json"))}
    assert listed["streets"]["from"] == str(tmp_path / "streets.keras")
    assert listed["streets"]["license"] == "Apache-2.0"
    assert listed["aerial"]["from"] == "geoseg"
    assert "streets" in run("models")
    assert json.loads(run("models", "show", "streets", "--json"))["name"] == "roads"
    assert json.loads(run("info", "streets", "--json"))["classes"] == ["0 other #e9e4d8", "1 road #4a4a4a"]
    scene = write_scene(noise(70, 70))
    assert json.loads(run("info", scene, "-m", "streets", "--json")) == json.loads(
        run("info", scene, "-m", "roads", "--json")
    )
    run("models", "remove", "streets")
    assert "there is no model streets" in run("predict", scene, "-m", "streets", "-o", tmp_path, expect=4)


def test_sentences_name_options(run, registry, tmp_path):
    """What a parameter of the library mends is said in options."""
    run("models", "add", registry)
    other = shutil.copy(shipped_models()["aerial"], tmp_path / "other.keras")
    text = run("models", "add", other, "--name", "streets", expect=5)
    assert "replace it with --overwrite, or remove it with `geoseg models remove streets`" in text
    assert "set it with --name" in run("models", "add", other, "--name", "a/b", expect=2)
    assert "--sha256 must be 64 hexadecimal digits" in run("models", "add", other, "--sha256", "12", expect=2)
    assert "is not a size" in run("models", "add", other, "--max-size", "many", expect=2)


def test_a_damaged_model_does_not_hide_the_others(run, registry, tmp_path):
    """The list shows all models; what is wrong with one is said after it."""
    run("models", "add", registry)
    (tmp_path / "added" / "streets" / "model.json").write_text("{")
    result = CliRunner().invoke(main, ["models"])
    assert result.exit_code == 0
    assert "aerial" in result.stdout
    assert "geoseg: the record" in result.stderr
    (problem,) = (model["problem"] for model in json.loads(run("models", "--json")) if "problem" in model)
    assert "of model streets cannot be read" in problem

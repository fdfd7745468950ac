"""Models of other packages are found by the names of their entry points."""

import sys

import pytest

from geoseg.errors import BundleError, UsageError
from geoseg.models.registry.add import add_models
from geoseg.models.registry.folder import remove_model
from geoseg.models.shipped import SHIPPED, find_model, named_models, shipped_models


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with a bundle, by name of the model; importing it would be an error."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "added"))
    monkeypatch.syspath_prepend(tmp_path)

    def make(name="city", *, package="city_models", place=None, bundle=True):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[geoseg.models]\n{name} = {place or package}\n")
        folder = tmp_path / (place or package).replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('imported')\n")
        if bundle:
            (folder / f"{name}.keras").write_bytes(b"a bundle")
        return folder / f"{name}.keras"

    return make


@pytest.mark.parametrize("place", [None, "city_models.bundles.fine"])
def test_found_by_name(install, place):
    """A bundle in a package is found by name, listed with the package's name and version, and nothing is imported."""
    path = install(place=place)
    assert find_model("city") == path
    assert [(model.name, model.origin) for model in named_models() if model.origin != SHIPPED] == [
        ("city", "city-models 1.0")
    ]
    assert "city_models" not in sys.modules


def test_missing_bundle(install):
    """An entry point without its bundle is named, with what is missing."""
    install(bundle=False)
    with pytest.raises(
        BundleError, match=r"model city of city-models 1\.0 cannot be used: there is no city\.keras in city_m"
    ):
        find_model("city")
    install("wood", package="wood_models", place="not_installed.at_all", bundle=False)
    with pytest.raises(BundleError, match=r"there is no wood\.keras in not_installed\.at_all"):
        find_model("wood")


def test_two_packages(install):
    """Two packages with models of one name are both named, and neither is taken."""
    install()
    install(package="other_models")
    with pytest.raises(BundleError, match=r"several models are named city: of city-models 1\.0 and other-models 1\.0;"):
        find_model("city")


def test_shipped_model_stays(install):
    """A package cannot take the name of a shipped model; the list says that its own is not used."""
    install("aerial")
    assert find_model("aerial") == shipped_models()["aerial"]
    (problem,) = (model.problem for model in named_models() if model.problem)
    assert problem == "model aerial of city-models 1.0 is not used: geoseg ships a model of that name."


def test_names_that_are_none(install):
    """The name of an entry point cannot be a path."""
    install("city.fine", bundle=False)
    (model,) = (model for model in named_models() if model.origin != SHIPPED)
    assert "letters, digits, _ and -" in model.problem


def test_added_models_do_not_hide_a_package(install, tmp_path):
    """A model cannot be added under the name of a package's, nor removed as one that was added."""
    path = install()
    with pytest.raises(UsageError, match=r"model city belongs to city-models 1\.0; uninstall that"):
        remove_model("city")
    with pytest.raises(UsageError, match=r"city-models 1\.0 has a model named city; choose another name"):
        list(add_models(shipped_models()["roads"], names=["city"]))
    assert find_model("city") == path


def test_package_installed_later(install):
    """A model that was added before a package with the same name came is named beside it, and neither is taken."""
    list(add_models(shipped_models()["roads"], names=["city"]))
    install()
    with pytest.raises(BundleError, match=r"several models are named city: of .*roads\.keras and city-models 1\.0;"):
        find_model("city")
    remove_model("city")
    assert find_model("city").parent.name == "city_models"

"""Registries list bundles by URL, and lead to no other files."""

import json

import pytest
from registries import add, nothing_added

from geoseg.errors import BundleError, UsageError
from geoseg.models.registry.document import make_registry
from geoseg.models.shipped import find_model

CHANGES = {
    "format": (lambda document: document.update(format=2), "its format is 2; this version of geoseg reads 1"),
    "kind": (lambda document: document.update(kind="stac"), "its kind is 'stac'"),
    "models": (lambda document: document.pop("models"), "it has no 'models'"),
    "empty": (lambda document: document.update(models=[]), "its list of models is empty"),
    "list": (lambda document: document.update(models=3), "not iterable"),
    "entry": (lambda document: document.update(models=["city"]), "indices"),
    "twice": (lambda document: document["models"].append(document["models"][0]), "it has several models named city"),
    "name": (lambda document: document["models"][0].update(name="../city"), "the name of model 1 is '../city'"),
    "sha256": (lambda document: document["models"][0].update(sha256="12"), "the sha256 of model city is '12'"),
    "no sha256": (lambda document: document["models"][0].pop("sha256"), "it has no 'sha256'"),
    "bytes": (lambda document: document["models"][0].update(bytes="many"), "the bytes of model city are 'many'"),
    "url": (lambda document: document["models"][0].update(url=""), "the url of model city is ''"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_damaged_registry(models, tmp_path, bundle, change):
    """A registry with a fault is refused as a whole, and the fault is named."""
    alter, words = CHANGES[change]
    document = json.loads(make_registry([bundle()]))
    alter(document)
    (tmp_path / "registry.json").write_text(json.dumps(document))
    with pytest.raises(BundleError) as error:
        add(tmp_path / "registry.json")
    assert words in str(error.value)
    assert nothing_added(models)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "ftp://host/city.keras"])
def test_registry_on_a_server_names_no_local_file(served, server, bundle, url):
    """A registry from elsewhere can name files on servers only."""
    document = json.loads(make_registry([bundle()]))
    document["models"][0]["url"] = url
    (served / "registry.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"which? is|not http or https|404"):
        add(server.url("registry.json"))


@pytest.mark.parametrize("url", ["../city.keras", "/etc/passwd", "..%2Fcity.keras"])
def test_registry_on_disk_names_files_below_it(tmp_path, bundle, url):
    """A registry on disk can name files on servers, and those in its folder."""
    document = json.loads(make_registry([bundle()]))
    document["models"][0]["url"] = url
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "registry.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"the url of model city in .* is '.*', which is not below"):
        add(tmp_path / "inner" / "registry.json")


def test_url_prefix(bundle):
    """URLs in a registry are those of the bundles' folder on a server; file names are quoted."""
    path = bundle(file="my city.keras")
    for prefix in ("https://models.example.org/a", "https://models.example.org/a/"):
        (entry,) = json.loads(make_registry([path], url_prefix=prefix))["models"]
        assert entry["url"] == "https://models.example.org/a/my%20city.keras"
    (entry,) = json.loads(make_registry([path]))["models"]
    assert (entry["url"], entry["bytes"]) == ("my%20city.keras", path.stat().st_size)
    with pytest.raises(UsageError, match=r"the cards of two bundles name them city"):
        make_registry([path, bundle()])


def test_files_of_one_name(bundle, tmp_path):
    """Two bundles cannot have one URL."""
    (tmp_path / "other").mkdir()
    paths = [bundle(file="model.keras"), bundle(name="town", file="model.keras", folder=tmp_path / "other")]
    with pytest.raises(UsageError, match=r"two bundles are files named model\.keras, which would have one URL"):
        make_registry(paths)


def test_registry_is_ascii(bundle):
    """Any console writes it as it is."""
    text = make_registry([bundle(provenance={"license": "libre\x7f é"})])
    assert text.isascii()
    assert json.loads(text)["models"][0]["license"] == "libre\x7f é"


@pytest.mark.parametrize("url", ["a%00b.keras", "a\0b.keras", "a\ud800b.keras"])
def test_urls_that_name_no_file(tmp_path, bundle, url):
    """What cannot be a path is refused in a sentence."""
    document = json.loads(make_registry([bundle()]))
    document["models"][0]["url"] = url
    (tmp_path / "registry.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match="which is not below"):
        add(tmp_path / "registry.json")
    with pytest.raises(BundleError, match="there is no model a\0b"):
        find_model("a\0b")

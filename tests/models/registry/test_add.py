"""Models are added from servers and disks, whole and verified, or not at all."""

import fcntl
import hashlib
import os
import socket

import pytest
from registries import add, nothing_added

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.models.added import added_model
from geoseg.models.registry.document import make_registry
from geoseg.models.registry.folder import remove_model
from geoseg.models.shipped import find_model, named_models


def test_registry_on_a_server(registry, served):
    """A model of a registry is found by its name, is the same to the byte, and its URL and checksum are recorded."""
    (added,) = add(registry)
    assert find_model("city").read_bytes() == (served / "city.keras").read_bytes()
    assert find_model("city").stem == "city"
    assert (added.model.verified, added.new) == (True, True)
    assert added.model.source == registry.replace("registry.json", "city.keras")
    assert added.model.sha256 == hashlib.sha256((served / "city.keras").read_bytes()).hexdigest()


def test_no_network_afterwards(registry, monkeypatch):
    """Finding a model, listing all, and adding the same one from a registry on disk again ask no server."""
    add(registry)

    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert find_model("city").is_file()
    assert "city" in [model.name for model in named_models()]


def test_same_again(registry, server):
    """What is there already is not downloaded again, and is no error."""
    add(registry)
    server.asked()
    assert [found.new for found in add(registry)] == [False]
    assert [asked.path for asked in server.asked()] == ["registry.json"]


def test_bundle_on_a_server(served, server, bundle):
    """A bundle's own URL is enough; its card names it, or the user does; without a checksum it is not verified."""
    path = bundle(folder=served)
    (added,) = add(server.url("city.keras?signature=secret"))
    assert (added.model.name, added.model.verified) == ("city", False)
    assert added.model.source == server.url("city.keras")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    (added,) = add(server.url("city.keras"), names=["town"], sha256=checksum.upper())
    assert (added.model.name, added.model.verified) == ("town", True)
    assert find_model("town").read_bytes() == path.read_bytes()


def test_on_disk(tmp_path, bundle):
    """A registry on disk, with bundles beside it, needs no server; so does a bundle."""
    (tmp_path / "stick").mkdir()
    paths = [bundle(name, folder=tmp_path / "stick") for name in ("city", "farm")]
    (tmp_path / "stick" / "registry.json").write_text(make_registry(paths))
    assert [found.model.name for found in add(tmp_path / "stick" / "registry.json")] == ["city", "farm"]
    assert [found.model.name for found in add(paths[0], names=["town"])] == ["town"]


def test_names_choose(tmp_path, bundle):
    """Of a registry, those are added that are named; an unknown name is answered with those that there are."""
    paths = [bundle(name) for name in ("city", "farm")]
    (tmp_path / "registry.json").write_text(make_registry(paths))
    assert [found.model.name for found in add(tmp_path / "registry.json", names=["farm"])] == ["farm"]
    with pytest.raises(UsageError, match=r"has no model wood; it has city, farm\."):
        add(tmp_path / "registry.json", names=["wood"])
    with pytest.raises(UsageError, match="is one bundle"):
        add(paths[0], names=["a", "b"])


def test_replaced_on_request_only(tmp_path, bundle):
    """Another bundle of the same name replaces the first if asked to, and the old one goes."""
    add(bundle(version="1"))
    before = find_model("city").read_bytes()
    other = bundle(version="2", seed=1)
    with pytest.raises(OutputError, match=r"model city was added before, from .*city\.keras; replace it with `overwri"):
        add(other)
    assert find_model("city").read_bytes() == before
    (added,) = add(other, overwrite=True)
    assert added.model.version == "2"
    assert find_model("city").read_bytes() == other.read_bytes()
    assert len([*find_model("city").parents[1].rglob("*.keras")]) == 1


@pytest.mark.parametrize("name", ["../city", "a/b", ".city", "city.keras", "a b", "", "x" * 65, "é"])
def test_names_are_no_paths(models, bundle, name):
    """A name is letters, digits, _ and -, so that nothing is written elsewhere."""
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        add(bundle(), names=[name])
    assert nothing_added(models)


def test_shipped_models_keep_their_names(models, bundle):
    """A name of a shipped model is refused, by the user, a registry or a card."""
    path = bundle("aerial", file="own.keras")
    registry = path.with_name("registry.json")
    registry.write_text(make_registry([path]))
    for source, names in ((path, ()), (registry, ()), (bundle("city"), ["roads"])):
        with pytest.raises(UsageError, match="geoseg ships a model named"):
            add(source, names=names)
    assert nothing_added(models)


def test_wrong_checksum(models, registry, served):
    """A bundle that is not what the registry says is refused and not kept."""
    content = bytearray((served / "city.keras").read_bytes())
    content[-2_000_000] ^= 1
    (served / "city.keras").write_bytes(content)
    for _ in range(2):
        with pytest.raises(BundleError, match=r"city\.keras has the SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}: it was ch"):
            add(registry)
    assert nothing_added(models)
    assert not [*models.glob(".downloads/*")]


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><title>Sign in</title>", b"", b"PK\3\4 and no more", b"{", b"{}"])
def test_something_else(models, served, server, content):
    """A page, an empty file and a damaged archive are none, and the sentence names the URL."""
    (served / "city.keras").write_bytes(content)
    with pytest.raises(BundleError) as error:
        add(server.url("city.keras"))
    assert server.url("city.keras") in str(error.value)
    assert "added" not in str(error.value)
    assert nothing_added(models)


def test_code_in_a_bundle(models, bundle):
    """A bundle whose network could run code is not added."""
    path = bundle(layers=[{"module": "os", "class_name": "system", "config": {}}])
    with pytest.raises(BundleError, match=rf"the network in {path} uses os\.system, which may run code"):
        add(path)
    assert nothing_added(models)


def test_missing_file(models, tmp_path):
    """What is not there, cannot be read, or would not end is said at once."""
    os.mkfifo(tmp_path / "pipe.keras")
    for name, words in (("none.keras", "does not exist"), (".", "Is a directory"), ("pipe.keras", "pipe or socket")):
        with pytest.raises(BundleError, match=words):
            add(tmp_path / name)
    assert nothing_added(models)


def test_a_checksum_that_is_known_later(models, served, server, bundle):
    """A model that was added unverified is verified by a checksum, and what was downloaded for it is removed."""
    bundle(folder=served)
    url = server.url("city.keras")
    (made,) = add(url)
    assert not made.model.verified
    for names in ([], ["city"]):
        (again,) = add(url, names=names, sha256=made.model.sha256)
        assert (again.new, again.model.verified) == (False, True)
    assert added_model("city").verified
    assert not list((models / ".downloads").glob("*"))


def test_folder_that_cannot_be_written(models, bundle):
    """A folder that cannot be created or written is an error of the output."""
    models.parent.write_text("a file")
    with pytest.raises(OutputError, match="models cannot be written"):
        add(bundle())


def test_two_at_once(models, bundle):
    """While another process adds a model, this one says so."""
    models.mkdir(parents=True)
    with (models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another command is adding or removing models"):
            add(bundle())
    add(bundle())


def test_full_disk(models, bundle, monkeypatch):
    """Where the record cannot be written, the model before stays the one of its name."""
    add(bundle())
    before = find_model("city").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    other = bundle(seed=1)
    monkeypatch.setattr("geoseg.models.registry.folder.write_text", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        add(other, overwrite=True)
    assert find_model("city").read_bytes() == before


def test_remove(models, bundle):
    """A removed model is gone; one that was not added cannot be removed."""
    add(bundle())
    remove_model("city")
    assert nothing_added(models)
    with pytest.raises(BundleError, match="there is no model city"):
        find_model("city")
    with pytest.raises(UsageError, match="no model city was added; added are: none"):
        remove_model("city")
    with pytest.raises(UsageError, match="shipped with geoseg"):
        remove_model("aerial")
    with pytest.raises(UsageError, match=r"no model \.\. was added"):
        remove_model("..")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', "nothing", '{"format": 2}'])
def test_damaged_record(models, bundle, content):
    """A record that cannot be read is named, the other models stay, and adding again mends it."""
    add(bundle())
    add(bundle("farm"))
    (models / "city" / "model.json").write_text(content)
    with pytest.raises(BundleError, match=r"model city cannot be read; remove the model with `geoseg models remove ci"):
        find_model("city")
    assert find_model("farm").is_file()
    remove_model("city")
    add(bundle())
    assert find_model("city").is_file()


def test_missing_bundle(models, bundle):
    """A record whose bundle was deleted is named, and adding the same again mends it."""
    path = bundle()
    add(path)
    find_model("city").unlink()
    with pytest.raises(BundleError, match=r"the bundle .* of model city is missing"):
        find_model("city")
    add(path)
    assert find_model("city").is_file()


def test_names_that_are_not_utf_8(models, tmp_path, bundle):
    """A bundle whose file, or the folder of it, is named in other bytes is added, by itself and from a registry."""
    folder = tmp_path / os.fsdecode(b"f\xe4")
    folder.mkdir()
    path = bundle(folder=folder, file=os.fsdecode(b"st\xe4dte.keras"))
    (added,) = add(path)
    assert added_model("city") == added.model
    assert added.model.source == str(path)
    remove_model("city")
    (folder / "registry.json").write_text(make_registry([path]))
    add(folder / "registry.json")
    assert find_model("city").read_bytes() == path.read_bytes()


def test_left_by_a_killed_process(models, bundle):
    """What a killed process left of its work is removed by the next one."""
    left = models / ".geoseg-killed" / "source.keras"
    left.parent.mkdir(parents=True)
    left.touch()
    add(bundle())
    assert not left.parent.exists()
    assert find_model("city").is_file()

"""Models are added from servers and disks, whole and verified, or not at all."""

import fcntl
import hashlib
import json
import os
import socket
import threading

import pytest

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.models.added import added_model
from geoseg.models.registry.add import add_models
from geoseg.models.registry.document import make_registry
from geoseg.models.registry.folder import remove_model
from geoseg.models.shipped import find_model, named_models


@pytest.fixture
def registry(served, server, bundle):
    """Serve a bundle and its registry; returns the registry's URL."""
    path = bundle(folder=served)
    (served / "registry.json").write_text(make_registry([path]))
    return server.url("registry.json")


def add(*arguments, **choices):
    return list(add_models(*arguments, **choices))


def nothing_added(models):
    """Whether there is no model, nor anything that could be taken for one."""
    return not [path for path in models.rglob("*.keras") if ".downloads" not in path.parts] and not [
        *models.rglob("*.json")
    ]


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


def test_cut_off_and_resumed(registry, server):
    """A download that breaks off goes on where it was, as long as bytes come, and is the same to the byte."""
    add(registry.replace("registry.json", "city.keras"), names=["whole"])
    server.behave(cut=[10**6, 500_000, 400_000, 300_000])
    server.asked()
    server.behave(cut=[10**9, 10**6, 500_000, 400_000, 300_000])  # the registry comes whole
    add(registry)
    assert [asked.start for asked in server.asked()] == [0, 0, 10**6, 1_500_000, 1_900_000, 2_200_000]
    assert find_model("city").read_bytes() == find_model("whole").read_bytes()


def test_cut_off_for_good(models, registry, server):
    """A download that keeps breaking off ends in a sentence with no model; the same command resumes later."""
    server.behave(cut=[10**9, 10**6, 0, 0, 0])
    with pytest.raises(BundleError, match=r"city\.keras cannot be downloaded: its connection broke after 1\.0 of 3\."):
        add(registry)
    assert nothing_added(models)
    server.behave(cut=[])
    server.asked()
    add(registry)
    assert [asked.start for asked in server.asked()] == [0, 10**6]
    assert not [*models.glob(".downloads/*")]


def test_server_without_ranges(registry, server, served):
    """Where a server sends no parts, a download begins again."""
    server.behave(ranges=False, cut=[10**9, 10**6])
    add(registry)
    assert find_model("city").read_bytes() == (served / "city.keras").read_bytes()


def test_replaced_between_two_tries(registry, server, served, bundle):
    """A part of a file that was replaced meanwhile is thrown away, if the whole is not what it should be."""
    right = (served / "city.keras").read_bytes()
    (served / "city.keras").write_bytes(right[::-1])
    server.behave(cut=[10**9, 10**6, 0, 0, 0])
    with pytest.raises(BundleError, match="connection broke"):
        add(registry)
    (served / "city.keras").write_bytes(right)
    server.behave(cut=[])
    add(registry)
    assert find_model("city").read_bytes() == right


def test_bundle_without_checksum_begins_again(served, server, bundle):
    """Without a checksum no part is trusted: a download begins again, and ends in the same bytes."""
    path = bundle(folder=served)
    server.behave(cut=[10**6])
    add(server.url("city.keras"))
    assert [asked.start for asked in server.asked()] == [0, 0]
    assert find_model("city").read_bytes() == path.read_bytes()


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


def test_other_size(models, registry, served, server):
    """A file of another size is refused before it is downloaded."""
    (served / "city.keras").write_bytes(b"PK\3\4")
    with pytest.raises(BundleError, match=r"has 4 bytes, not 3,\d+,\d+ as its registry says"):
        add(registry)
    assert nothing_added(models)


@pytest.mark.parametrize("verified", [True, False])
def test_too_large(models, registry, server, verified):
    """Nothing larger than allowed is downloaded; the sentence says how to allow it."""
    source = registry if verified else registry.replace("registry.json", "city.keras")
    with pytest.raises(BundleError, match=r"is larger than 1\.0 MB; .*, allow more with `max_size=3\d{6}`"):
        add(source, max_size=10**6)
    assert nothing_added(models)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (302, "its server redirects from URL to URL and never to a file."),
        (403, "its server answers 403 (Forbidden); access is denied"),
        (404, "its server answers 404 (Not Found); there is no such file; check the URL"),
        (418, "its server answers 418 (I'm a Teapot)."),
        (503, "its server answers 503 (Service Unavailable); try again later"),
    ],
)
def test_answers(models, registry, server, code, words):
    """An answer other than the file is named in one sentence."""
    server.behave(codes=[code] * 99)
    with pytest.raises(BundleError) as error:
        add(registry)
    assert words in str(error.value)
    assert str(error.value).startswith(f"{registry} cannot be downloaded: ")
    assert nothing_added(models)


def test_failures_in_passing(registry, server):
    """A server that fails for a moment is asked again."""
    server.behave(codes=[503, 429])
    add(registry)
    assert find_model("city").is_file()


def test_silence(models, registry, server):
    """A server that is silent is given up."""
    server.behave(silent_from=0)
    with pytest.raises(BundleError, match="its server did not answer within"):
        add(registry)
    assert nothing_added(models)


def test_no_network(models):
    """A host that cannot be reached is named, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for url, host in ((f"http://127.0.0.1:{port}/a.keras", "127.0.0.1"), ("http://nowhere.invalid/a", "nowhere.inval")):
        with pytest.raises(BundleError, match=rf"{host}\w* cannot be reached \(.+\); check the network, or add the mo"):
            add(url)
    for url in ("http://", "http://[::1", "http://host:port/x"):
        with pytest.raises(BundleError, match="cannot be"):
            add(url)
    assert nothing_added(models)


def test_redirection(tmp_path, models, bundle):
    """A server cannot lead to a local file."""
    bundle()
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = f"HTTP/1.1 302 Found\r\nLocation: file://{tmp_path}/city.keras\r\nContent-Length: 0\r\n\r\n"

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(answer.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(BundleError, match="cannot be downloaded"):
            add(f"http://127.0.0.1:{server.getsockname()[1]}/city.keras")
        thread.join()
    assert nothing_added(models)


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


CHANGES = {
    "format": (lambda document: document.update(format=2), "its format is 2; this version of geoseg reads 1"),
    "kind": (lambda document: document.update(kind="stac"), "its kind is 'stac'"),
    "models": (lambda document: document.pop("models"), "it has no 'models'"),
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


def test_missing_file(models, tmp_path):
    """What is not there, cannot be read, or would not end is said at once."""
    os.mkfifo(tmp_path / "pipe.keras")
    for name, words in (("none.keras", "does not exist"), (".", "Is a directory"), ("pipe.keras", "pipe or socket")):
        with pytest.raises(BundleError, match=words):
            add(tmp_path / name)
    assert nothing_added(models)


def test_only_web_servers(models):
    """A URL of another kind than http and https is refused as that, without its password."""
    for checked in ({}, {"sha256": "0" * 64}):
        with pytest.raises(UsageError, match="is a URL of ftp; only http and https are taken") as told:
            add("ftp://user:secret@x/city.keras", **checked)
        assert "secret" not in str(told.value)
    assert nothing_added(models)


@pytest.mark.parametrize(
    "url", ["http://user:secret@127.0.0.1/city.keras", "http://127.0.0.1/my city.keras?sig=secret"]
)
def test_urls_that_are_none(models, url):
    """A URL that cannot be asked for is refused at once, without what it has of passwords and signatures."""
    with pytest.raises(BundleError, match="its URL is not valid; in a URL, spaces are %20") as told:
        add(url)
    assert "secret" not in str(told.value)


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


def test_too_large_by_an_unknown_number(models, registry, server):
    """Of a server that does not tell the size, as much again is allowed by the advice, which so ends."""
    server.behave(lengths=False)
    source, most = registry.replace("registry.json", "city.keras"), 10**6
    for _ in range(2):
        with pytest.raises(BundleError, match=r"is larger than .*, allow more with `max_size=") as told:
            add(source, max_size=most)
        assert nothing_added(models)
        most = int(str(told.value).rpartition("=")[2].rstrip("`."))
    add(source, max_size=most)
    assert find_model("city").is_file()


def test_left_by_a_killed_process(models, bundle):
    """What a killed process left of its work is removed by the next one."""
    left = models / ".geoseg-killed" / "source.keras"
    left.parent.mkdir(parents=True)
    left.touch()
    add(bundle())
    assert not left.parent.exists()
    assert find_model("city").is_file()

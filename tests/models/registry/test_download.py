"""Downloads resume, are bounded, and end in one sentence if a server fails."""

import socket
import threading

import pytest
from registries import add, nothing_added

from geoseg.errors import BundleError, UsageError
from geoseg.models.shipped import find_model


def test_cut_off_and_resumed(registry, server):
    """A download that breaks off resumes, as long as bytes come, and is the same to the byte."""
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

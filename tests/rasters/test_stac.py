"""STAC items name scenes: files or URLs, items or collections of them, with all pages of a search result."""

import json
import os
from datetime import UTC, datetime

import numpy as np
import pystac
import pytest
import rasterio.shutil
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.errors import DataError, SceneError
from geoseg.prediction.predict import predict_each
from geoseg.rasters.stac import open_source, read_assets
from geoseg.tiling.progress import no_progress

pytestmark = pytest.mark.usefixtures("impatient")


def item(name, href, key="visual"):
    made = pystac.Item(name, geometry=None, bbox=None, datetime=datetime(2024, 1, 1, tzinfo=UTC), properties={})
    made.add_asset(key, pystac.Asset(href))
    return made.to_dict(include_self_link=False)


def collection(*items, **more):
    return {"type": "FeatureCollection", "features": list(items)} | more


@pytest.fixture
def write(tmp_path):
    def write(document, name="document.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


@pytest.mark.parametrize("href", ["./a.tif", "../b/a.tif", "/data/a.tif", "https://example.org/a.tif", "s3://b/a.tif"])
def test_links_of_files(write, href):
    """Links of a document on disk are resolved as pystac resolves them."""
    path = write(item("one", href), "items/one.json")
    (found,) = read_assets(path, "visual")
    assert found.name == "one"
    expected = pystac.Item.from_file(str(path)).assets["visual"].get_absolute_href()
    assert found.source.replace("/items/../", "/") == expected


@pytest.mark.parametrize(
    ("name", "href", "found"),
    [
        ("my scene.tif", "./my%20scene.tif", "my scene.tif"),
        ("my%20scene.tif", "./my%20scene.tif", "my%20scene.tif"),
        ("my scene.tif", "./my scene.tif", "my scene.tif"),
    ],
)
def test_encoded_links(write, tmp_path, name, href, found):
    """Links of a document on disk may be percent-encoded, as of URLs, or the names of files as they are."""
    (tmp_path / name).touch()
    (asset,) = read_assets(write(item("one", href)), "visual")
    assert asset.source == str(tmp_path / found)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_dates_beyond_the_calendar(write, moment):
    """A date that is none in UTC is left out."""
    document = item("one", "a.tif")
    document["properties"]["datetime"] = moment
    (asset,) = read_assets(write(document), "visual")
    assert asset.dates is None


@pytest.mark.parametrize("href", ["./a.tif", "../a.tif", "/data/a.tif", "https://example.org/a.tif", "gs://b/a.tif"])
def test_links_of_urls(write, server, href):
    """Links of a document on a server are resolved as pystac resolves them."""
    write(item("one", href), "items/one.json")
    url = server.url("items/one.json")
    (found,) = read_assets(url, "visual")
    assert found.source == pystac.Item.from_file(url).assets["visual"].get_absolute_href()


@pytest.mark.parametrize("href", ["file:///etc/a.tif", "vrt:///etc/a.tif", "data:a", "zip+file:///etc/a.zip"])
def test_servers_cannot_name_local_files(write, server, href):
    """No document on a server opens a file of this machine."""
    write(item("one", href))
    with pytest.raises(DataError, match=r"comes from a server, but names .* it is not opened"):
        read_assets(server.url("document.json"), "visual")


@pytest.mark.parametrize("stretch", ["auto", "joint"])
def test_servers_cannot_name_local_files_by_a_vrt(
    write, write_scene, write_bundle, noise, server, tmp_path, echo, stretch
):
    """An asset of a document on a server is no file that itself names others, whatever it is called."""
    write_scene(noise(40, 40))
    rasterio.shutil.copy(write_scene(noise(40, 40) // 4, "dark.tif"), tmp_path / "mosaic.vrt", driver="VRT")
    (tmp_path / "mosaic.vrt").rename(tmp_path / "looks.tif")
    write(collection(item("one", "looks.tif"), item("other", "scene.tif")))
    assets = read_assets(server.url("document.json"), "visual")
    outcomes = predict_each(assets, model=write_bundle(), folder=tmp_path / "out", load=echo, stretch=stretch)
    (_, failed), (_, made) = outcomes
    assert isinstance(failed, SceneError)
    assert "is a VRT file, which may name files of this machine" in str(failed)
    assert made.outputs.classes.name == "other_classes.tif"
    if stretch == "joint":  # of the other alone
        low, high = np.percentile(noise(40, 40).reshape(3, -1), (2, 98), axis=1)
        assert made.stretch == ";".join(f"{down:.6g},{up:.6g}" for down, up in zip(low, high, strict=True))


def test_pages(write, server):
    """All pages of a search result are read."""
    write(collection(item("c", "c.tif")), "last.json")
    first = collection(item("a", "a.tif"), item("b", "b.tif"), links=[{"rel": "next", "href": "last.json?page=2"}])
    write(first, "first.json")
    assert [each.name for each in read_assets(server.url("first.json"), "visual")] == ["a", "b", "c"]


def test_passing_errors(write, server):
    """A server that fails for a moment is asked again."""
    write(item("one", "a.tif"))
    server.behave(codes=[503, 429])
    assert len(read_assets(server.url("document.json"), "visual")) == 1


def test_broken_connections(write, server):
    """A server that hangs up in the middle of a document is asked again, as often as GDAL would."""
    write(item("one", "a.tif"))
    server.behave(cut=[0, 10])
    assert len(read_assets(server.url("document.json"), "visual")) == 1
    server.behave(cut=[10] * 4)
    with pytest.raises(DataError, match=r"cannot be read as a STAC document: IncompleteRead"):
        read_assets(server.url("document.json"), "visual")


def test_redirects_without_end(write, server):
    """A server that leads in a circle is given up, in our words."""
    write(item("one", "a.tif"))
    server.behave(codes=[302] * 99)
    with pytest.raises(
        DataError, match=r"json cannot be read .*: its server redirects from URL to URL and never to a file"
    ):
        read_assets(server.url("document.json"), "visual")


@pytest.mark.parametrize("name", ["my items.json", "no\nname.json"])
def test_addresses_that_are_none(server, name):
    """What cannot be asked for is refused in a sentence."""
    with pytest.raises(DataError, match="cannot be read as a STAC document"):
        read_assets(f"{server.url('')}{name}", "visual")


@pytest.mark.parametrize(
    "name", ["s3://bucket/search.json", "/vsigs/bucket/search.json", "ftp://example.org/search.json"]
)
def test_documents_elsewhere(name):
    """A document in an object store is not called missing: it can be saved as a file."""
    with pytest.raises(DataError, match=f"{name} cannot be read as a STAC document: .*; save it as a file"):
        read_assets(name, "visual")


@pytest.mark.parametrize("href", ["http://[::1/a.tif", "file://[data/a.tif", "\ud800.tif", "a\0.tif"])
@pytest.mark.parametrize("served", [False, True])
def test_links_that_are_none(write, server, href, served):
    """A link that is neither a file nor a URL is refused in a sentence, at the latest when it is opened."""
    path = write(item("one", href))
    with pytest.raises((DataError, SceneError), match=r"neither a file nor a URL"):
        open_source(*read_assets(server.url(path.name) if served else path, "visual"))


def test_silent_servers(write, server):
    """A server that says nothing is given up."""
    write(item("one", "a.tif"))
    server.behave(silent_from=0)
    with pytest.raises(SceneError, match="did not answer within 1 s"):
        read_assets(server.url("document.json"), "visual")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "cannot be read as a STAC document"),
        ("[" * 100_000, "cannot be read as a STAC document"),
        ("[]", "holds no JSON object"),
        ({"type": "Catalog", "id": "a", "links": []}, "is not a STAC Item or ItemCollection"),
        ({"type": "Feature", "id": "a"}, "is not a STAC Item or ItemCollection"),
        ({"type": "FeatureCollection", "features": [3]}, "is not a STAC Item or ItemCollection"),
        (collection(), "lists no items"),
        (item("one", "a.tif", key="B04"), "has no asset 'visual'; choose another with `asset`: B04"),
        (item("../one", "a.tif"), "results cannot be named after item '../one'"),
        (collection(links=[{"rel": "next", "href": "x", "method": "POST"}]), "save the whole result as a file"),
        (collection(links=[{"rel": "next", "href": "document.json"}]), "links its pages in a circle"),
    ],
    ids=str,
)
def test_unusable_documents(write, document, message):
    """A document that names no scenes, or not all, is refused with one sentence."""
    with pytest.raises(DataError, match=message):
        read_assets(write(document), "visual")


def test_missing_documents(tmp_path):
    """A document that does not exist is refused with one sentence."""
    with pytest.raises(DataError, match=r"none\.json does not exist"):
        read_assets(tmp_path / "none.json", "visual")


def test_documents_without_end(tmp_path, server, monkeypatch):
    """A pipe is not waited for, and more than a document may have is not read from a server."""
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="pipe or socket; it must be a regular file"):
        read_assets(tmp_path / "pipe.json", "visual")
    monkeypatch.setattr("geoseg.rasters.stac._LONGEST", 2**20)
    (tmp_path / "long.json").write_text('{"type": "' + "x" * 2**20 + '"}')
    with pytest.raises(DataError, match=r"long\.json cannot be read as a STAC document: it is longer than 1 MB"):
        read_assets(server.url("long.json"), "visual")


def test_command(write, write_scene, write_bundle, noise, tmp_path, monkeypatch, echo):
    """`predict --asset` predicts each item, and names results after items, whose files are often called alike."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_scene(noise(40, 40), f"{name}/visual.tif")
    document = write(collection(item("a", "a/visual.tif"), item("b", "b/visual.tif")))
    words = [
        "predict",
        str(document),
        "--asset",
        "visual",
        "-m",
        str(write_bundle()),
        "-o",
        str(tmp_path / "out"),
        "-q",
    ]
    done = CliRunner().invoke(main, [*words, "--no-roads"])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").glob("*.tif")} == {"a_classes.tif", "b_classes.tif"}
    repeated = write(collection(item("a", "a/visual.tif"), item("a", "b/visual.tif")), "repeated.json")
    done = CliRunner().invoke(main, [words[0], str(repeated), *words[2:]])
    assert done.exit_code == 2


def test_info(write, write_scene, write_bundle, noise):
    """`info --asset` describes each item as `info` does its file, and names it."""
    files = [write_scene(noise(40, width), f"{width}.tif") for width in (40, 50)]
    document = write(collection(item("a", "40.tif"), item("b", "50.tif")))
    common = ["-m", str(write_bundle()), "--json"]
    done = CliRunner().invoke(main, ["info", str(document), "--asset", "visual", *common])
    assert done.exit_code == 0, done.output
    alone = [json.loads(CliRunner().invoke(main, ["info", str(file), *common]).output) for file in files]
    assert json.loads(done.output) == [{"item": name, **each} for name, each in zip("ab", alone, strict=True)]
    text = CliRunner().invoke(main, ["info", str(document), "--asset", "visual", *common[:2]]).output
    assert [line.split()[1] for line in text.splitlines() if line.startswith("item")] == ["a", "b"]


def test_progress(write, write_scene, write_bundle, noise, tmp_path, echo):
    """Progress is titled by the id of an item: files of many items have one name."""
    scene = write_scene(noise(40, 40))
    titles = []

    def begin(title):
        titles.append(title)
        return no_progress

    sources = [*read_assets(write(item("one", "scene.tif")), "visual"), str(scene)]
    assert len([*predict_each(sources, model=write_bundle(), folder=tmp_path, load=echo, progress=begin)]) == 2
    assert titles == ["one", str(scene)]

"""Finished parts in an object store: workers that share no folder with the client make the files of a local run."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from clusters import TESTS, LoadCounted, cluster
from object_stores import object_store, refusing_store
from standins import make_card

import geoseg
from geoseg.batch.batch import batch
from geoseg.cli import main
from geoseg.errors import OutputError, UsageError
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.cluster.pieces import PieceGrid
from geoseg.prediction.journal import open_journal, pieces
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.storage.object_store import InStore, _open, check_store
from geoseg.prediction.storage.worker_files import Kept
from geoseg.rasters.scene import open_scene

PARTS = "s3://parts/of scenes"


@pytest.fixture(scope="module")
def port():
    """Port of a store."""
    with object_store() as port:
        yield port


@pytest.fixture
def use(monkeypatch):
    """Have this process, and those that it starts, use the store at a port."""

    def use(port):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        _open.cache_clear()
        return fsspec.filesystem("s3", use_listings_cache=False)

    return use


@pytest.fixture
def store(port, use):
    """A store with an empty bucket."""
    store = use(port)
    if store.exists("parts"):
        store.rm("parts", recursive=True)
    store.mkdir("parts")
    return store


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """Options for workers that run elsewhere, and cannot use the folder `client`."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("GEOSEG_TEST_APART", str(tmp_path / "client"))
    return "--preload", str(Path(TESTS) / "elsewhere.py")


@pytest.fixture
def scene(write_scene):
    """A scene of many tiles, whose third band, the road, has lines, and whose name is none for an object."""
    y, x = np.mgrid[:1100, :330]
    waves = [np.sin(x / (7 + band)) + np.cos(y / (11 - band)) for band in range(3)]
    pixels = np.rint(np.stack(waves) * 60 + 120).astype(np.uint8)
    pixels[2, 140:148] = pixels[2, :, 200:206] = 250
    return write_scene(pixels, "straße [1] *.tif")


def files(done):
    """Bytes of the results by name; reports, which have times, only with the rest."""
    return {path.name: b"" if path == done.outputs.report else path.read_bytes() for path in done.outputs.files}


ALL = {"confidence": True, "disagreement": True, "probabilities": True, "formats": ("geojson", "gpkg")}


@pytest.mark.slow
def test_same_bytes(scene, store, apart, write_scene, noise, write_bundle, echo, tmp_path, monkeypatch):
    """Rasters, made in parts, roads and reports are those of a local run, and nothing is left."""
    for module in ("geoseg.prediction.plan", "geoseg.rasters.levels"):
        monkeypatch.setattr(f"{module}.PART", 2**18)
    model = write_bundle(tile=128)  # moto takes long for many pieces
    small = [str(write_scene(noise(20 + 35 * n, 60 + n), f"{n}.tif")) for n in range(2)]
    with cluster(tmp_path, 2, *apart, cwd=tmp_path / "elsewhere") as (client, _):
        executor = DaskExecutor(client=client, parts=PARTS)
        for choices in (ALL, {"match_input": True, "gsd_m": 1.3, "report": True}):
            call = {"model": model, "load": echo, "overwrite": True, **choices}
            local = geoseg.predict(scene, folder=tmp_path / "local", **call)
            spread = geoseg.predict(scene, folder=tmp_path / "client", executor=executor, **call)
            assert files(spread) == files(local)
            assert local.roads.count
            assert (spread.areas, spread.roads) == (local.areas, local.roads)
        batch(small, folder=tmp_path / "batch", model=model, load=echo)
        summary = batch(small, folder=tmp_path / "client/batch", model=model, load=echo, executor=executor)
        assert [record.error for record in summary.failed] == []
        assert not [*(tmp_path / "scratch").rglob("geoseg-*/")], "temporary folders of tasks are gone"
        kept = [path.name for path in (tmp_path / "scratch").rglob("parts-*/*")]
        assert kept
        assert all("_probabilities_" in name or "_road_" in name for name in kept), "what the tracer reads"
        with pytest.raises(PermissionError, match="shares no folder"):
            client.run(os.listdir, str(tmp_path / "client"))
    for path in (tmp_path / "batch").glob("*_*"):
        assert (tmp_path / "client/batch" / path.name).read_bytes() == path.read_bytes()
    assert store.find("parts") == []
    assert not [*(tmp_path / "client").glob("**/.*")]


_CLIENT = """
import sys
from pathlib import Path

import geoseg
from clusters import LoadPatient
from distributed import Client

folder = Path(sys.argv[1])
client = Client(scheduler_file=str(folder / "scheduler.json"))
geoseg.predict(
    sys.argv[2],
    model=folder / "stand-in.keras",
    folder=folder / "client",
    load=LoadPatient(folder),
    executor=geoseg.DaskExecutor(client=client, parts=sys.argv[3]),
)
"""


@pytest.mark.slow
def test_a_killed_client(scene, store, apart, write_bundle, tmp_path):
    """What the workers of a killed client have finished is in the store; the same call resumes with it."""
    model, tiles = write_bundle(tile=128), tmp_path / "tiles"
    plain = geoseg.predict(scene, model=model, folder=tmp_path / "plain", load=LoadCounted(tiles))
    all_tiles = tiles.stat().st_size
    with cluster(tmp_path, 1, *apart, cwd=tmp_path / "elsewhere") as (client, _):
        words = [sys.executable, "-c", _CLIENT, str(tmp_path), str(scene), PARTS]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([TESTS, *sys.path])}
        with subprocess.Popen(words, env=environment) as killed:
            while not [*tmp_path.glob("reached_*")]:
                assert killed.poll() is None
                threading.Event().wait(0.05)
            killed.kill()
        (tmp_path / "go").touch()
        while not any("/classes_" in path for path in store.find("parts")):  # the worker ends its block
            threading.Event().wait(0.05)
        tiles.unlink()
        done = geoseg.predict(
            scene,
            model=model,
            folder=tmp_path / "client",
            load=LoadCounted(tiles),
            executor=DaskExecutor(client=client, parts=PARTS),
        )
    assert files(done) == files(plain)
    assert tiles.stat().st_size < all_tiles
    assert store.find("parts") == []


@pytest.mark.slow
def test_a_missing_bucket(scene, store, tmp_path):
    """A bucket that is missing ends the command before a block is predicted."""
    words = ["predict", str(scene), "-o", str(tmp_path / "out"), "--workers", "1", "--parts", "s3://no-such-bucket/a"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 5, done.output
    assert done.output.endswith(
        "geoseg: the bucket of s3://no-such-bucket/a does not exist; create it, or choose another with --parts.\n"
    )


def test_without_a_cluster(scene):
    """Parts are a matter of workers."""
    done = CliRunner().invoke(main, ["predict", str(scene), "--parts", "s3://bucket/folder"])
    assert done.exit_code == 2
    assert done.output == (
        "geoseg: --parts is where the workers of a Dask cluster keep what they finish; add --scheduler.\n"
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("folder", "not the URL of an object store that all workers reach"),
        ("memory://a", "not the URL of an object store"),
        ("s3://bucket/*", "not the URL of an object store"),
        ("s3://", "not the URL of an object store"),
        ("s5://bucket", "protocol that fsspec does not know"),
        ("gs://bucket", "needs a package that .* lacks: .*gcsfs"),
    ],
)
def test_urls_that_are_refused(url, sentence, monkeypatch):
    """A URL that workers cannot share, or whose package is missing, is refused at once."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(UsageError, match=sentence):
        check_store(url)


def test_a_store_that_refuses(use, monkeypatch):
    """A store that may not be written, or is not there, ends in a sentence that says so."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with refusing_store() as port:
        use(port)
        with pytest.raises(OutputError, match=r"may not read and write s3://parts \(PermissionError.*credentials"):
            InStore(url="s3://parts/a").begin()
    use(9)
    with pytest.raises(OutputError, match=r"cannot reach s3://parts \(.*\); the same command resumes"):
        InStore(url="s3://parts/a").begin()


def test_parts_that_workers_keep(tmp_path, monkeypatch):
    """Up to so many bytes, those that were needed last; one that goes stays for the tasks that have it."""
    monkeypatch.setattr("geoseg.prediction.storage.worker_files.MOST", 10)
    kept = Kept(str(tmp_path))

    for number in "123":
        (tmp_path / number).mkdir()
    first = {name: tmp_path / "1" / name for name in "abc"}
    for path in first.values():
        path.write_bytes(b"1234")
    kept.keep({name: first[name] for name in "ab"})
    second = {"a": tmp_path / "2" / "a"}
    assert kept.link(second) == []
    kept.keep({"c": first["c"]})  # in place of `b`
    third = {name: tmp_path / "3" / name for name in "abc"}
    assert kept.link(third) == [third["b"]]
    assert [path.read_bytes() for path in (*first.values(), *second.values(), third["a"], third["c"])] == [b"1234"] * 6


@pytest.fixture
def parts(tmp_path):
    """Parts at a URL of files."""
    (tmp_path / "store").mkdir()
    return InStore(url=f"file://{tmp_path}/store/ab")


def test_parts_by_name(parts, tmp_path):
    """What is kept is near again, byte for byte, and gone once it is removed; other prefixes stay."""
    other = InStore(url=f"file://{tmp_path}/store/abc")
    other.begin()
    parts.begin()
    parts.write("classes_0-1_0-1.tif", b"one")
    (tmp_path / "made_[ü] *.tif").write_bytes(b"two")
    parts.add(tmp_path / "made_[ü] *.tif")
    names = ["classes_0-1_0-1.tif", "made_[ü] *.tif"]
    assert parts.resumable
    assert all(map(parts.has, names))
    assert not parts.has("classes_1-2_0-1.tif")
    with parts.near(names) as near:
        assert [(near / name).read_bytes() for name in names] == [b"one", b"two"]
    assert not near.exists()
    assert not [*(tmp_path / "store").rglob("*.part")]
    parts.remove()
    assert not parts.resumable
    parts.remove()
    assert other.has("begun")


def test_parts_that_are_damaged(write_scene, write_bundle, noise, tmp_path):
    """A part that cannot be read is named, with what to do."""
    bundle, parts = write_bundle(), f"file://{tmp_path}/store"
    planned = plan(open_scene(write_scene(noise(50, 60))), make_card(), Settings(), runtime=None)
    journal = open_journal(tmp_path / "work", planned, bundle, parts)
    rows, cols = planned.blocks[0]
    (rows, *_) = pieces(planned, planned.blocks[0])
    journal.parts.write(journal.piece("classes", rows, cols), b"no raster")
    for read in (
        lambda: journal.read("classes", 1, rows, cols),
        lambda: PieceGrid.of(planned, journal).read("classes", (rows, cols)),
    ):
        with pytest.raises(OutputError, match=rf"the work file {parts}/\w+/classes_.* cannot be read; remove .*again"):
            read()


def test_parts_that_are_missing(parts):
    """A part that is gone is named, with what to do."""
    parts.begin()
    with (
        pytest.raises(
            OutputError, match=r"the work file file://.*/ab/classes_1-2_0-1.tif cannot be read; remove .*ab "
        ),
        parts.near(["classes_1-2_0-1.tif"]),
    ):
        pass

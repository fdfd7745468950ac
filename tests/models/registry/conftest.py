"""Bundles that can be added, a server of them, and a folder to add them to."""

import io
import json
import random
import zipfile

import h5py
import pytest
from standins import make_card
from web_server import serving

from geoseg.models.archive import CONFIG, METADATA, WEIGHTS
from geoseg.models.bundle import MEMBER
from geoseg.models.registry import download
from geoseg.models.registry.document import make_registry


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """The folder of added models, which does not exist; servers are asked again at once."""
    folder = tmp_path / "added" / "models"
    monkeypatch.setenv("GEOSEG_MODELS", str(folder))
    monkeypatch.setattr(download, "DELAYS_S", (0, 0))
    monkeypatch.setattr(download, "SILENCE_S", 0.3)
    return folder


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A server of an empty folder."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder) as server:
        yield folder, server


@pytest.fixture
def served(web):
    """The folder that is served; the server behaves."""
    folder, server = web
    for path in folder.iterdir():
        path.unlink()
    server.behave(codes=[], cut=[], ranges=True, lengths=True, silent_from=None)
    server.asked()
    return folder


@pytest.fixture
def server(web):
    return web[1]


@pytest.fixture
def bundle(tmp_path):
    """Write a bundle whose network can be looked at but not run, of three megabytes that do not shrink."""

    def write(name="city", *, layers=(), seed=0, folder=tmp_path, file=None, **card):
        weights = io.BytesIO()
        h5py.File(weights, "w").close()
        path = folder / (file or f"{name}.keras")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(
                CONFIG, json.dumps({"module": "keras", "class_name": "Functional", "config": {"layers": list(layers)}})
            )
            archive.writestr(METADATA, json.dumps({"keras_version": "3.14.0"}))
            archive.writestr(WEIGHTS, weights.getvalue())
            archive.writestr(MEMBER, json.dumps(make_card(name=name, **card).to_json()))
            archive.writestr("noise", random.Random(seed).randbytes(3_000_000))
        return path

    return write


@pytest.fixture
def registry(served, server, bundle):
    """Serve a bundle and its registry; returns the registry's URL."""
    path = bundle(folder=served)
    (served / "registry.json").write_text(make_registry([path]))
    return server.url("registry.json")

"""Scenes in an object store that speaks S3, as moto plays it on this machine."""

from urllib.request import Request, urlopen

import pytest
from object_stores import object_store

import geoseg
from geoseg.errors import SceneError


@pytest.fixture(scope="module")
def store():
    """Port of a store."""
    with object_store() as port:
        yield port


@pytest.fixture
def put(store, monkeypatch):
    """Write an object, or make a bucket."""
    for name, value in {
        "AWS_S3_ENDPOINT": f"127.0.0.1:{store}",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GDAL_HTTP_RETRY_DELAY": "0.01",
    }.items():
        monkeypatch.setenv(name, value)

    def put(name, content=b""):
        # By default, urllib calls the content a form, which moto parses.
        headers = {"Content-Type": "application/octet-stream"}
        with urlopen(Request(f"http://127.0.0.1:{store}/{name}", content, headers, method="PUT")):
            pass

    put("bucket")
    return put


@pytest.fixture
def predict(write_bundle, echo, tmp_path):
    def predict(scene, folder="out"):
        made = geoseg.predict(scene, model=write_bundle(), folder=tmp_path / folder, load=echo)
        return {path.name: path.read_bytes() for path in made.outputs.files}

    return predict


def test_same_bytes(put, predict, write_scene, noise):
    """A scene in a store gives the files that it gives on disk, byte for byte."""
    scene = write_scene(noise(150, 170), tiled=True, blockxsize=64, blockysize=64)
    put("bucket/folder/scene.tif", scene.read_bytes())
    assert predict("s3://bucket/folder/scene.tif") == predict(scene, "disk")


@pytest.mark.parametrize("scene", ["s3://bucket/none.tif", "s3://no-such-bucket/scene.tif"])
def test_missing(put, predict, scene):
    """A missing object, and a missing bucket, end in a sentence that names the URL."""
    with pytest.raises(SceneError, match=rf"^{scene} .*\.$"):
        predict(scene)

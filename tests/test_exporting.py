"""Exports of a model by name, compared on rendered and on real scenes."""

import numpy as np
import pytest

from geoseg.errors import SceneError, UsageError
from geoseg.exporting import export
from geoseg.models import export as exporting

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def compared(monkeypatch):
    """The tiles that the next export is compared on, instead of the export."""
    seen = []
    monkeypatch.setattr("geoseg.exporting.export_bundle", lambda *arguments, tiles, **others: seen.append(tiles))
    return seen


def test_compared_on_rendered_scenes(compared, write_bundle, tmp_path):
    """Without a scene, an export is compared on rendered tiles of the model's bands, all different, in 0–255."""
    bundle = write_bundle(bands=("nir", "red", "green", "thermal"), tile=32)
    export(bundle, tmp_path / "model.onnx", format="onnx")
    export(bundle, tmp_path / "model.onnx", format="onnx", tile=48)
    assert [tiles.shape for tiles in compared] == [(3, 32, 32, 4), (3, 48, 48, 4)]
    tiles = compared[0]
    assert tiles.dtype == np.float32
    assert 0 <= tiles.min() < tiles.max() <= 255
    assert len({tile.tobytes() for tile in tiles}) == 3


def test_compared_on_a_scene(compared, write_scene, write_bundle, noise, tmp_path):
    """With a scene, it is compared on tiles of it as a prediction sees them: scaled, and none without data."""
    pixels = noise(64, 192).astype(np.uint16) * 4
    mask = np.ones((64, 192), np.uint8) * 255
    mask[:, :64] = 0
    scene = write_scene(pixels, mask=mask)
    bundle = write_bundle(tile=32, overlap=0, scaling={"uint16": {"offset": 0.0, "gain": 0.25}})
    export(bundle, tmp_path / "model.onnx", format="onnx", scene=scene)
    (tiles,) = compared
    assert tiles.shape == (3, 32, 32, 3)
    np.testing.assert_array_equal(tiles[0], np.moveaxis(pixels[:, :32, 64:96], 0, -1) / 4)


def test_scene_without_data(compared, write_scene, write_bundle, noise, tmp_path):
    """A scene without data cannot be compared on: a SceneError says so."""
    scene = write_scene(noise(40, 40), mask=np.zeros((40, 40), np.uint8))
    with pytest.raises(SceneError, match="no data"):
        export(write_bundle(tile=32, overlap=0), tmp_path / "model.onnx", format="onnx", scene=scene)


def test_tile_that_does_not_fit(write_bundle, write_scene, noise, tmp_path):
    """A tile that the network cannot take is a UsageError, with a scene and without."""
    for scene in (None, write_scene(noise(40, 40))):
        with pytest.raises(UsageError, match="multiple of 16"):
            export(write_bundle(), tmp_path / "model.onnx", format="onnx", tile=40, scene=scene)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_shipped_model_on_real_tiles(name, real_data, tmp_path):
    """The shipped model agrees with its exports to 1e-4 on real imagery."""
    for package in exporting.FORMATS[name].packages:
        pytest.importorskip(package)
    scene = min((real_data / "massachusetts_roads" / "images").glob("*.tif*"))
    target = tmp_path / f"aerial{exporting.FORMATS[name].suffix}"
    assert export("aerial", target, format=name, tile=128, scene=scene).difference <= 1e-4
    assert target.exists()

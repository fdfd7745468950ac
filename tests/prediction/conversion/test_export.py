"""Exports of a model by name, compared on rendered and on real scenes."""

import numpy as np
import pytest
from PIL import Image

from geoseg.errors import SceneError, UsageError
from geoseg.models.export import export as exporting
from geoseg.prediction.conversion.export import export

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def compared(monkeypatch):
    """The tiles that the next export is compared on, instead of the export."""
    seen = []
    monkeypatch.setattr(
        "geoseg.prediction.conversion.export.export_bundle", lambda *arguments, tiles, **others: seen.append(tiles)
    )
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


def test_tiles_that_are_too_large(compared, write_bundle, tmp_path):
    """They are refused before they are rendered, as in a prediction."""
    with pytest.raises(UsageError, match=r"^a tile of 16000000 × 16000000 pixels needs at least 8\.2 PB of memory"):
        export(write_bundle(), tmp_path / "model.onnx", format="onnx", tile=16 * 10**6)


def test_compared_on_a_scene(compared, write_scene, write_bundle, noise, tmp_path):
    """With a scene, it is compared on tiles of it as a prediction sees them: scaled, and none without data."""
    pixels = noise(64, 192).astype(np.uint16) * 4
    mask = np.ones((64, 192), np.uint8) * 255
    mask[:, :64] = 0
    scene = write_scene(pixels, mask=mask)
    bundle = write_bundle(tile=32, overlap=0, scaling={"uint16": {"offset": 0.0, "gain": 0.25}})
    export(bundle, tmp_path / "model.onnx", format="onnx", source=scene)
    (tiles,) = compared
    assert tiles.shape == (3, 32, 32, 3)
    np.testing.assert_array_equal(tiles[0], np.moveaxis(pixels[:, :32, 64:96], 0, -1) / 4)


def test_compared_on_an_image_that_lies_nowhere(compared, write_bundle, noise, tmp_path):
    """An image without a georeference is compared on as it is; what is wrong with it is said by its own name."""
    pixels = noise(32, 64)
    image = tmp_path / "part 1.png"
    Image.fromarray(pixels.transpose(1, 2, 0)).save(image)
    export(write_bundle(tile=32, overlap=0), tmp_path / "model.onnx", format="onnx", source=image)
    (tiles,) = compared
    np.testing.assert_array_equal(tiles[0], pixels[:, :, :32].transpose(1, 2, 0))
    with pytest.raises(SceneError) as caught:
        export(write_bundle(bands=("a",) * 4, tile=32), tmp_path / "model.onnx", format="onnx", source=image)
    assert f"{image} has 3 bands" in str(caught.value)


def test_scene_without_data(compared, write_scene, write_bundle, noise, tmp_path):
    """A scene without data cannot be compared on: a SceneError says so."""
    scene = write_scene(noise(40, 40), mask=np.zeros((40, 40), np.uint8))
    with pytest.raises(SceneError, match="no data"):
        export(write_bundle(tile=32, overlap=0), tmp_path / "model.onnx", format="onnx", source=scene)


def test_tile_that_does_not_fit(write_bundle, write_scene, noise, tmp_path):
    """A tile that the network cannot take is a UsageError, with a scene and without."""
    for scene in (None, write_scene(noise(40, 40))):
        with pytest.raises(UsageError, match="multiple of 16"):
            export(write_bundle(), tmp_path / "model.onnx", format="onnx", tile=40, source=scene)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_shipped_model_on_real_tiles(name, real_data, tmp_path):
    """The shipped model agrees with its exports to 1e-4 on real imagery."""
    for package in exporting.FORMATS[name].packages:
        pytest.importorskip(package)
    scene = min((real_data / "massachusetts_roads" / "images").glob("*.tif*"))
    target = tmp_path / f"aerial{exporting.FORMATS[name].suffix}"
    assert export("aerial", target, format=name, tile=128, source=scene).difference <= 1e-4
    assert target.exists()


def test_a_scene_is_read_as_in_prediction(compared, write_scene, write_bundle, noise, tmp_path):
    """Bands and stretch of the scene are those that `predict` takes; without a scene there is nothing to read so."""
    pixels = noise(32, 96)
    bundle = write_bundle(tile=32, overlap=0)
    choices = {"bands": (3, 2, 1), "stretch": "10,137"}
    export(bundle, tmp_path / "model.onnx", format="onnx", source=write_scene(pixels), **choices)
    expected = np.clip((np.moveaxis(pixels[::-1, :, :32], 0, -1) - np.float32(10)) * np.float32(255 / 127), 0, 255)
    np.testing.assert_array_equal(compared[0][0], expected)
    with pytest.raises(UsageError, match=r"`stretch_from` apply to a scene .*`source`"):
        export(bundle, tmp_path / "model.onnx", format="onnx", **choices)

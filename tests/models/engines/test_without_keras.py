"""What holds for every engine that reads the bundle itself: OpenVINO and ONNX Runtime."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from standins import KINDS, make_card

from geoseg.errors import BundleError, UsageError
from geoseg.models.engines.engine import EngineOptions, average_orientations, stream
from geoseg.models.saved_network import save_bundle
from geoseg.models.shipped import shipped_models

ALONE = """
import sys
from pathlib import Path
import numpy as np
from geoseg.models.engines.{module} import {name}
scores = {name}(Path("{bundle}"))(np.load("tiles.npy"))
np.save("scores.npy", scores)
loaded = {{name.partition(".")[0] for name, module in sys.modules.items() if module}}
print(sorted(loaded & {{"keras", "tensorflow", "jax", "torch", "geopandas", "pyogrio", "matplotlib", "numba"}}))
"""


def agree(found, expected):
    assert found.dtype == np.float32
    assert np.ptp(expected, axis=(0, 1, 2)).max() > 0.05, "a network that answers the same everywhere proves nothing"
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("preset", KINDS)
def test_presets(preset, settled, engine, tiles, reference):
    """Every kind of network has the probabilities that Keras gives it, to 1e-4."""
    agree(engine(settled(preset))(tiles(1)), reference(settled(preset)))


def test_the_default_preset(bundle, engine, tiles, reference):
    """The default preset has the probabilities that Keras gives it, to 1e-4."""
    agree(engine(bundle)(tiles(1)), reference(bundle))


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models(name, engine, tiles, reference):
    """The shipped models have the probabilities that Keras gives them, to 1e-4, on noise."""
    path = shipped_models()[name]
    agree(engine(path)(tiles(1, 256)), reference(path, 256))


@pytest.mark.parametrize("side", [64, 128])
def test_scores_do_not_depend_on_the_batch(bundle, engine, tiles, side):
    """A tile has the same scores, bit for bit, alone and at any position of any batch."""
    batch = tiles(5, side)
    single, fives = engine(bundle), engine(bundle, EngineOptions(batch_size=5))
    alone = np.concatenate([single(batch[number : number + 1]) for number in range(5)])
    for count in (1, 2, 3, 5):
        np.testing.assert_array_equal(fives(batch[:count]), alone[:count])
    np.testing.assert_array_equal(fives(batch[::-1]), alone[::-1])


def test_tiles_may_change_size(bundle, engine, tiles):
    """An engine can switch to another tile size and back, with the same scores."""
    switched = engine(bundle)
    first, other = switched(tiles(1)), switched(tiles(1, 128))
    np.testing.assert_array_equal(other, engine(bundle)(tiles(1, 128)))
    np.testing.assert_array_equal(switched(tiles(1)), first)


def test_scores_outlive_the_next_call(bundle, engine, tiles):
    """A result belongs to the caller: later calls do not write to it, nor do they see changes of it."""
    kept = engine(bundle)
    first = kept(tiles(1))
    copy = first.copy()
    kept(255 - tiles(1))
    np.testing.assert_array_equal(first, copy)
    first[:] = 0
    np.testing.assert_array_equal(kept(tiles(1)), copy)


def test_pixels_are_left_alone(bundle, engine, tiles):
    """The caller's pixels are read, in any memory layout, and not written to."""
    pixels = tiles(2)
    engine(bundle, EngineOptions(batch_size=2))(pixels)
    np.testing.assert_array_equal(pixels, tiles(2))
    turned = np.asfortranarray(pixels)
    single = engine(bundle)
    np.testing.assert_array_equal(single(turned[:1]), single(pixels[:1]))


@pytest.mark.parametrize("tta", ["flips", "d4"])
def test_augmented_scores(bundle, engine, tiles, tta):
    """Test-time augmentation averages the engine's scores over the orientations."""
    augmented = engine(bundle, EngineOptions(tta=tta))(tiles(1))
    np.testing.assert_array_equal(augmented, average_orientations(tta, tiles(1), engine(bundle)))
    assert not np.array_equal(augmented, engine(bundle)(tiles(1)))


def test_stream(bundle, engine, tiles):
    """Tiles that come one by one are scored as in a batch, in order, for any number of them in work at a time."""
    expected = engine(bundle)(tiles(5))
    for batch_size in (1, 2, 3):
        scores = stream(engine(bundle, EngineOptions(batch_size=batch_size)), iter(tiles(5)), batch_size)
        np.testing.assert_array_equal(list(scores), expected)


def test_stream_left_early(bundle, engine, tiles):
    """An engine is as good as new after a stream that was not read to its end, or whose source failed."""

    def failing():
        yield from tiles(3)
        raise RuntimeError("no more")

    scorer = engine(bundle, EngineOptions(batch_size=2))
    scores = stream(scorer, iter(tiles(5)), 2)
    next(scores)
    scores.close()
    with pytest.raises(RuntimeError, match="no more"):
        list(stream(scorer, failing(), 2))
    np.testing.assert_array_equal(scorer(tiles(5)), engine(bundle)(tiles(5)))


def test_a_network_that_only_keras_runs(engine, tmp_path):
    """A network with a layer that cannot be read is refused when it is loaded, not at the first tile."""
    pixels = keras.Input((None, None, 3))
    scores = keras.layers.Conv2D(5, 1, activation="elu", name="odd")(pixels)
    save_bundle(keras.Model(pixels, scores), make_card(), tmp_path / "odd.keras")
    with pytest.raises(BundleError, match=r"layer odd of .* is activated by elu, .*`engine=keras`"):
        engine(tmp_path / "odd.keras")


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_a_precision_that_is_not_there(bundle, engine, monkeypatch, precision):
    """A precision that the processor, the bundle or the engine does not have is refused, not replaced."""
    monkeypatch.setattr("geoseg.models.engines.on_openvino.capabilities", lambda core: ["FP32"])
    with pytest.raises(UsageError) as caught:
        engine(bundle, EngineOptions(precision=precision))
    assert str(caught.value).endswith(".")
    assert "float32" in str(caught.value) or "geoseg models quantize" in str(caught.value)


@pytest.mark.slow
def test_nothing_of_keras_is_loaded(bundle, engine, tiles, tmp_path):
    """In a process of its own, an engine imports neither Keras nor a backend, writes no file, and agrees."""
    np.save(tmp_path / "tiles.npy", tiles(1))
    home = tmp_path / "home"
    home.mkdir()
    code = ALONE.format(module=engine.__module__.rpartition(".")[2], name=engine.__name__, bundle=bundle)
    paths = {"PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(home), "TMPDIR": str(home)}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert finished.stdout == "[]\n"
    assert not list(home.rglob("*"))
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), engine(bundle)(tiles(1)))

from itertools import zip_longest

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.telemetry import start_openvino

start_openvino()

import openvino  # noqa: E402 - without its telemetry


def test_half_precision(bundle, tiles):
    """bfloat16 differs from float32, by as much as its 8 bits of mantissa explain."""
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16")
    exact = OpenVINOEngine(bundle)(tiles(1))
    half = OpenVINOEngine(bundle, EngineOptions(precision="bfloat16"))(tiles(1))
    assert 1e-4 < np.abs(half - exact).max() < 0.2
    assert np.abs(half - exact).mean() < 0.02


def test_precision_is_not_the_processor_s_choice(bundle, tiles):
    """float32 is set, not left to OpenVINO, which would take bfloat16 where the processor has it."""
    engine = OpenVINOEngine(bundle)
    engine(tiles(1))
    assert engine._compiled.model.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


def test_too_little_memory_is_told(bundle, tiles, monkeypatch):
    """OpenVINO's out-of-memory error becomes a sentence that says what to lower."""
    engine = OpenVINOEngine(bundle)

    def full(side):
        raise RuntimeError("Exception from src/core/src/runtime/allocator.cpp:79:\nstd::bad_alloc\n")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_model", full)
        with pytest.raises(UsageError, match=r"one tile of 64 px; lower `tile`"):
            engine(tiles(1))
    assert engine(tiles(1)).shape == (1, 64, 64, 5)


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("sides", [(64, 64), (64, 128)])
def test_streams_that_share_an_engine(bundle, tiles, streams, sides):
    """Several streams of one engine may be open at a time, each of tiles of its own size, and do not mix."""
    engine = OpenVINOEngine(bundle, EngineOptions(batch_size=streams))
    given = [tiles(count, side) for count, side in zip((4, 6), sides, strict=True)]
    together = zip_longest(*map(engine.stream, given))
    found = [[scores for scores in each if scores is not None] for each in zip(*together, strict=True)]
    for scores, pixels in zip(found, given, strict=True):
        np.testing.assert_array_equal(np.stack(scores), OpenVINOEngine(bundle)(pixels))

import subprocess
import sys
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.openvino_core import openvino_core

INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
import numpy as np
from geoseg.models.engines.on_openvino import OpenVINOEngine

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
engines = [OpenVINOEngine(Path(sys.argv[1])) for _ in range(2)]
for engine in engines:
    engine(np.zeros((1, 32, 32, 3), np.float32))
    del engine
other = threading.Thread(target=engines.pop)
other.start()
other.join()
engines.pop()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_half_precision(bundle, tiles):
    """bfloat16 differs from float32, by as much as its 8 bits of mantissa explain."""
    if "BF16" not in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16")
    exact = OpenVINOEngine(bundle)(tiles(1))
    half = OpenVINOEngine(bundle, EngineOptions(precision="bfloat16"))(tiles(1))
    assert 1e-4 < np.abs(half - exact).max() < 0.2
    assert np.abs(half - exact).mean() < 0.02


def test_precision_is_not_the_processor_s_choice(bundle, tiles):
    """float32 is set, not left to OpenVINO, which would take bfloat16 where the processor has it."""
    engine = OpenVINOEngine(bundle)
    engine(tiles(1))
    assert engine._compiled.model.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


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


class StandIn:
    """A compiled network whose tiles fail, and which counts what is waited for and how often memory is freed."""

    def __init__(self, fail_from=99):
        self.fail_from = fail_from
        self.started = self.waited = self.released = 0

    def create_infer_request(self):
        return Request(self)

    def release_memory(self):
        self.released += 1


class Request:
    """A tile in work."""

    def __init__(self, model):
        self.model = model
        self.number = None

    def set_input_tensor(self, _):
        """Take no tensor."""

    set_output_tensor = set_input_tensor

    def start_async(self):
        self.number = self.model.started
        self.model.started += 1

    def wait(self):
        self.model.waited += 1
        if self.number >= self.model.fail_from:
            raise RuntimeError(f"tile {self.number} failed")


@pytest.fixture
def stand_in(bundle, tiles):
    """Return a function that puts a stand-in for the compiled network into an engine with two streams."""

    def put(**choices):
        engine = OpenVINOEngine(bundle, EngineOptions(batch_size=2))
        engine(tiles(1))
        model = StandIn(**choices)
        engine._compiled = replace(engine._compiled, model=model, streams=2, idle=[])
        return engine, model

    return put


def test_working_memory_is_freed_at_the_end_of_a_stream(stand_in, tiles):
    """Once at the end of a stream, or when it is left; not after each call, which would allocate it anew."""
    engine, model = stand_in()
    engine(tiles(2))
    assert model.released == 0
    assert len(list(engine.stream(tiles(3)))) == 3
    assert model.released == 1
    left = engine.stream(tiles(3))
    next(left)
    left.close()
    assert model.released == 2


def test_a_network_frees_its_memory_and_runs_again(bundle, tiles):
    """OpenVINO allocates what was freed when it is needed again: the scores are the same."""
    engine = OpenVINOEngine(bundle)
    first, second = (np.stack(list(engine.stream(tiles(2)))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_tiles_in_work_are_waited_for_after_an_error(stand_in, tiles):
    """The first error is raised; the others' tiles have ended by then, since OpenVINO writes to their arrays."""
    engine, model = stand_in(fail_from=1)
    with pytest.raises(RuntimeError, match="tile 1 failed"):
        list(engine.stream(tiles(4)))
    assert model.started == 3
    assert model.waited == 4, "tile 0, tile 1 and, at the end, what is in work: 1 and 2"


def test_tiles_in_work_are_waited_for_after_leaving(stand_in, tiles):
    """So are those of a stream that is left early, and whether they failed does not matter to anybody."""
    engine, model = stand_in(fail_from=1)
    left = engine.stream(tiles(4))
    next(left)
    left.close()
    assert (model.started, model.waited) == (2, 2)


def test_an_interrupt_after_several_engines(bundle):
    """A signal finds its stack, which OpenVINO sets on CPUs with AMX, whichever engine ends first, and where."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, bundle], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "interrupted\n"

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from numba.core.sigutils import normalize_signature

import geoseg.roads
from geoseg.compiled import Kernel
from geoseg.roads.compile_tracer import _GROUPS

SAMPLE = Path(__file__).parents[2] / "sample_rasters" / "suburb_classes.tif"
# Without `if __name__ == "__main__"`, as scripts are; a process that ran it again would print twice.
SCRIPT = """
import sys
from numba.core import event
from geoseg.roads import prepare_tracer, trace_roads

with prepare_tracer() as compilation:
    print("needed", compilation.needed)
    compilation.wait()
with event.install_recorder("numba:compile") as recorder:
    network = trace_roads(sys.argv[1], road_class=2)
print("edges", len(network) > 50, "compiled", len(recorder.buffer))
with prepare_tracer() as compilation:
    print("needed", compilation.needed)
"""


def kernels():
    """Return all functions of the tracer that are compiled with given types, by module."""
    found = {}
    for module in pkgutil.walk_packages(geoseg.roads.__path__, "geoseg.roads."):
        loaded = import_module(module.name)
        own = [each for each in vars(loaded).values() if isinstance(each, Kernel)]
        if own := [each for each in own if each.function.__module__ == module.name]:
            found[module.name.removeprefix("geoseg.roads.")] = own
    return found


def test_compiles_all_modules():
    """Each module with compiled functions is in one group."""
    assert sorted(kernels()) == sorted(module for group in _GROUPS for module in group)


def test_types_are_those_of_a_trace(tangle, trace_levels, monkeypatch):
    """A trace with rings, plazas and gaps calls each function with the types it is compiled for, and no others."""
    every = [each for module in kernels().values() for each in module]
    for each in every:
        monkeypatch.delitem(vars(each), "_dispatcher", raising=False)
    trace_levels(tangle)
    for each in every:
        expected, _ = normalize_signature(each.types)
        assert each.dispatcher.signatures == [expected], each.function.__qualname__


@pytest.mark.slow
def test_nothing_is_left_to_compile(tmp_path):
    """After preparation, in a script as any, a trace compiles nothing, and the next run prepares nothing."""
    command = [sys.executable, "-c", SCRIPT, SAMPLE]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == ["needed True", "edges True compiled 0", "needed False"]
    assert done.stderr == ""

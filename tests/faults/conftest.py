"""Executors, each a way to run the command, and a scene for shipped models."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import rasterio
from executors import THOROUGH
from gate import Gate
from processes import contents, finish, stand_in
from rasterio.windows import Window
from standins import build_echo_network, make_card

from geoseg.models.bundle import MEMBER

SAMPLES = Path(__file__).parents[2] / "sample_rasters"
DEVICES = {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
}


@dataclass(frozen=True, kw_only=True)
class Executor:
    """A way to run a command that predicts."""

    name: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    load: str = "load"
    """Python of the loader: an `Echo` in place of a network, or None for a network that is one."""
    held: str = "from gate import load_held_echo as load\n"
    """Lines that hold networks up at the gate."""

    def command(self, *words, held: bool = False, first: str = "") -> list[str]:
        """Return the command line, perhaps with networks held up, after some lines of Python."""
        load = self.held if held else f"load = {self.load}\n"
        return stand_in(*words, *self.arguments, first=load + first)

    def finish(self, *words, first: str = "", **changes: str) -> tuple[int, str]:
        """Run the command to its end; returns the exit code and standard error."""
        return finish(self.command(*words, first=first), **self.environment, **changes)


LOCAL = Executor(name="local")
ON_DEVICES = Executor(
    name="devices",
    arguments=("--engine", "keras", "--devices", "cpu:0,1"),
    environment=DEVICES,
    load="None",
    held="from gate import hold_devices\nhold_devices()\nload = None\n",
)
ON_DASK = Executor(name="dask", arguments=("--workers", "2"))
EXECUTORS = {each.name: each for each in (LOCAL, ON_DEVICES, ON_DASK)}
OTHERS = [pytest.param(each.name, marks=THOROUGH) for each in (ON_DEVICES, ON_DASK)]


@pytest.fixture(params=[LOCAL.name, *OTHERS])
def executor(request) -> Executor:
    """Each way to run a command; those that start several processes, or Keras, take long."""
    if request.param == ON_DEVICES.name:
        pytest.importorskip("jax")
    return EXECUTORS[request.param]


@pytest.fixture(scope="session")
def _bundles(tmp_path_factory) -> dict[str, Path]:
    return {}


@pytest.fixture
def bundle(executor, _bundles, tmp_path_factory) -> Path:
    """A bundle of an echoing network, without the network where an `Echo` stands in for it."""
    if executor.load not in _bundles:
        path = tmp_path_factory.mktemp("bundle") / "stand-in.keras"
        if executor.load == "None":
            build_echo_network().save(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(MEMBER, json.dumps(make_card().to_json()))
        _bundles[executor.load] = path
    return _bundles[executor.load]


@pytest.fixture(scope="session")
def _results() -> dict[tuple[object, ...], dict[str, bytes]]:
    return {}


@pytest.fixture
def in_peace(executor, _results, tmp_path):
    """Return the results of a command, whose last word is their folder, when nothing goes wrong; Dask's are local."""

    def run(*words):
        runner = LOCAL if executor is ON_DASK else executor
        files = [Path(word).read_bytes() if Path(word).is_file() else str(word) for word in words[:-1]]
        key = runner.name, *files
        if key not in _results:
            assert runner.finish(*words[:-1], tmp_path / "whole") == (0, "")
            _results[key] = contents(tmp_path / "whole")
        return _results[key]

    return run


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Where networks are held up."""
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def suburb(tmp_path):
    """A part of a sample scene, of two pieces or more with the shipped models."""
    path, window = tmp_path / "suburb.tif", Window(100, 100, 360, 700)
    with rasterio.open(SAMPLES / "suburb.tif") as sample:
        place = {
            "transform": sample.transform @ rasterio.Affine.translation(window.col_off, window.row_off),
            "height": window.height,
            "width": window.width,
        }
        with rasterio.open(path, "w", **sample.profile | place) as part:
            part.write(sample.read(window=window))
    return path

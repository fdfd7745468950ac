"""`geoseg doctor` finds what is broken, says so in a sentence, and does not break over it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyproj
import pytest
from click.testing import CliRunner
from rasterio.errors import CRSError

from geoseg import extras
from geoseg.cli import main
from geoseg.models.registry.add import add_models
from geoseg.models.shipped import find_model, shipped_models
from geoseg.prediction.doctor import examine, gdal, machine
from geoseg.prediction.doctor.findings import Finding, guarded
from geoseg.prediction.doctor.libraries import find_module, find_training

ROOT = Path(__file__).parents[3]


@pytest.fixture
def broken(tmp_path):
    """Put modules before those that are installed."""
    folder = tmp_path / "broken"
    folder.mkdir()

    def put(**modules):
        for name, content in modules.items():
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(content)
        return folder

    return put


@pytest.fixture
def doctor(tmp_path):
    """Run `geoseg doctor --json` with variables; returns exit code, the document, and its findings by name."""

    def run(*arguments, first=None, **variables):
        path = os.pathsep.join(str(each) for each in (first, ROOT) if each)
        places = {"GEOSEG_MODELS": str(tmp_path / "added"), "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-m", "geoseg", "doctor", "--json", *arguments],
            cwd=tmp_path,
            env=os.environ | places | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr
        document = json.loads(done.stdout)
        return done.returncode, document, {each["name"]: each for each in document["findings"]}

    return run


def test_faults_that_stop_nothing(doctor, broken, tmp_path):
    """Caches that cannot be written and a broken library of vectors are named; predict runs; Keras is not started."""
    marker = f"from pathlib import Path\nPath({str(tmp_path / 'started')!r}).touch()\nraise ImportError('not wanted')\n"
    first = broken(pyogrio="raise RuntimeError('libgdal is another')", keras=marker, tensorflow=marker)
    (tmp_path / "file").touch()
    code, document, found = doctor(
        first=first, GEOSEG_MODELS=str(tmp_path / "file" / "models"), NUMBA_CACHE_DIR="/proc/none"
    )
    assert (code, document["predict"]) == (0, True)
    assert not (tmp_path / "started").exists()
    assert found["keras"]["value"].endswith(": not started; --devices starts it")
    assert {each["topic"] for each in document["findings"]} >= {
        *("versions", "devices", "engines", "drivers", "limits", "caches", "models"),
    }
    problems = {name: each["problem"] for name, each in found.items() if each["problem"]}
    hidden = {name for name in problems if found[name]["value"] == "hidden"}
    assert set(problems) - hidden == {"vector drivers", "models", "compiled code"}
    assert "libgdal is another" in problems["vector drivers"]
    assert problems["models"].endswith("no model can be added; set GEOSEG_MODELS to a folder that can be written.")
    assert problems["compiled code"].startswith("/proc/none cannot be written (")
    assert not found["models"]["facts"]["writable"]
    assert found["openvino"]["facts"]["precisions"][0] == "float32"
    assert found["aerial"]["value"].startswith("aerial ")
    assert found["GTiff"]["value"] == found["COG"]["value"] == "there"


def test_libraries_that_stop_predictions(doctor, broken):
    """A library that ends Python, one that does not import, and one that is too old are named; the rest is found.

    With `--devices`, why Keras does not start is found, too.
    """
    first = broken(
        numba="import os, signal\nos.kill(os.getpid(), signal.SIGILL)", openvino="raise ImportError('no CPU')"
    )
    (first / "affine-0.1.dist-info").mkdir()
    (first / "affine-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: affine\nVersion: 0.1\n")
    code, document, found = doctor("--devices", first=first, KERAS_BACKEND="mxnet")
    assert (code, document["predict"]) == (1, False)
    assert {name for name, each in found.items() if each["blocks"]} == {"numba", "openvino"}
    assert found["numba"]["problem"] == (
        "numba cannot be used: importing it crashed Python (Illegal instruction); install it again."
    )
    assert "no CPU" in found["openvino"]["problem"]
    hidden = {each["name"]: each["problem"] for each in document["findings"] if each["value"] == "hidden"}
    assert set(hidden) == {"numba", "openvino"}
    assert hidden["numba"].startswith(f"{first / 'numba'} is imported in place of the installed numba; rename it, run ")
    assert found["affine"]["problem"].startswith("affine is 0.1; geoseg needs >=")
    assert "set KERAS_BACKEND to" in found["keras"]["problem"]
    assert found["keras"]["value"].endswith(" on mxnet")
    assert "networks do not run on Keras's backend mxnet" in found["Keras"]["problem"]
    assert found["GTiff"]["value"] == "there"


def test_variables_that_break_gdal(doctor):
    """Variables that lead GDAL to another's files, or to none, or that leave drivers out, are named."""
    code, _, found = doctor(PROJ_DATA="/none", PROJ_LIB="/none", GDAL_DATA="/none", GDAL_SKIP="COG", OGR_SKIP="GPKG")
    assert code == 1
    problems = {name: each["problem"] for name, each in found.items() if each["problem"]}
    assert set(problems) == {"PROJ in GDAL", "GDAL", "COG", "GPKG"}
    assert problems["PROJ in GDAL"].endswith("; unset PROJ_DATA (/none) and PROJ_LIB (/none).")
    assert problems["GDAL"] == "GDAL_DATA is /none, where GDAL's own files are not; unset it."
    assert problems["COG"] == "GDAL has no driver COG, so no result can be written; unset GDAL_SKIP, which names it."
    assert problems["GPKG"] == "pyogrio's GDAL does not write GPKG; unset OGR_SKIP, which names it."


def test_packages_without_their_files(monkeypatch):
    """Where no variable is set, the package whose database of PROJ is missing is to be installed again."""

    def without(*_arguments):
        raise pyproj.exceptions.DataDirError("no data")

    for variable in ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pyproj.Transformer, "from_crs", without)
    monkeypatch.setattr("rasterio.warp.transform", _no_database)
    found = {each.name: each for each in gdal.find_gdal()}
    assert found["PROJ"].blocks
    assert found["PROJ"].problem.endswith("(no data); install pyproj again.")
    assert found["PROJ in GDAL"].problem.endswith("(no proj.db); install rasterio again.")


def _no_database(*_arguments):
    raise CRSError("no proj.db")


def test_a_missing_library():
    """A library that is not installed is named with the command that installs it."""
    (found,) = find_module("nothing_of_the_kind", "nothing-of-the-kind")
    assert found.blocks
    assert found.problem == "nothing-of-the-kind is not installed; try `pip install nothing-of-the-kind`."


def test_a_missing_engine():
    """So is one that a check imports, rather than its exception."""

    def check():
        raise ModuleNotFoundError("No module named 'nothing_of_the_kind.core'", name="nothing_of_the_kind.core")

    (found,) = guarded("engines", "nothing", check, needed=True)
    assert found.problem == "nothing_of_the_kind is not installed; try `pip install nothing_of_the_kind`."


def test_training_need_not_be_there(monkeypatch):
    """What only training needs is no fault, and named with the extra that brings it."""
    (found,) = find_training()
    assert (found.value, found.problem) == ("there", "")
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "tomli_w" else object())
    (found,) = find_training()
    assert (found.value, found.problem) == ("tomli_w not installed; `pip install 'geoseg[train]'` to train", "")


def test_a_library_that_hangs(monkeypatch):
    """A library that does not return, with all the time for itself, is given up; those after it are examined."""
    calls = []

    def run(command, **settings):
        calls.append(command[4:])
        if len(calls) < 3:
            begun = {1: b'{"begin": "numpy"}\n{"end": "numpy"}\n'}.get(len(calls), b"")
            raise subprocess.TimeoutExpired(command, 120, output=begun + b'{"begin": "affine"}\n{"half": ')
        return subprocess.CompletedProcess(command, 0, b'{"begin": "numba"}\n{"end": "numba"}\n', b"")

    monkeypatch.setattr(examine.subprocess, "run", run)
    found = list(examine._probe(["numpy", "affine", "numba"]))
    assert calls == [["numpy", "affine", "numba"], ["affine", "numba"], ["numba"]]
    assert [each.problem for each in found] == [
        "affine cannot be used: it did not return within 120 s; try again when this machine is less busy, or install "
        "it again."
    ]


def test_python_that_does_not_start(monkeypatch):
    """Where no Python can be started, that is said once."""
    monkeypatch.setattr(examine.sys, "executable", "/nowhere/python")
    (found,) = examine._probe(["numpy", "affine"])
    assert found.blocks
    assert found.problem.startswith("Python cannot be used: /nowhere/python cannot be started (No such file")


def test_openvino_is_not_needed_with_a_gpu(monkeypatch):
    """Where OpenVINO is broken and there is a GPU, Keras is started, since a prediction would need it."""
    asked = []

    def probe(names):
        asked.append(names)
        if names == ["Keras"]:
            return [Finding(topic="devices", name="Keras on jax", facts={"devices": ["gpu:0"]})]
        return [
            Finding(topic="engines", name="openvino", problem="broken.", blocks=True),
            Finding(topic="devices", name="GPUs", facts={"names": ["a GPU"]}),
            Finding(topic="engines", name="keras", value="3 on jax", facts={"backend": "jax"}),
        ]

    monkeypatch.setattr(examine, "_probe", probe)
    found = examine.examine()
    assert asked[-1] == ["Keras"]
    assert not any(each.blocks for each in found)
    assert [each.value for each in found if each.name == "keras"] == ["3 on jax"]
    assert [each.problem for each in found if each.name == "openvino"] == ["broken."]


def test_little_room(monkeypatch):
    """Too little memory, and no folder for temporary files, are named."""

    def no_folder():
        raise FileNotFoundError

    monkeypatch.setattr(machine, "_free_memory", lambda: (5 * 10**8, "limited by ulimit -v"))
    monkeypatch.setattr(machine.tempfile, "gettempdir", no_folder)
    memory, temporary = machine.find_limits()
    assert memory.value == "0.5 GB free (limited by ulimit -v)"
    assert memory.problem
    assert temporary.blocks
    assert "TMPDIR" in temporary.problem


def test_models(tmp_path, monkeypatch):
    """A model that was changed after it was added is named, and a default model that is damaged stops predictions."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path))
    list(add_models(shipped_models()["roads"], names=["streets"]))
    with find_model("streets").open("ab") as file:
        file.write(b"more")
    found = {each.name: each for each in machine.find_models()}
    assert "was changed since it was added" in found["streets"].problem
    assert not found["aerial"].problem
    (tmp_path / "aerial.keras").write_bytes(b"no archive")
    monkeypatch.setattr("geoseg.models.shipped.shipped_models", lambda: {"aerial": tmp_path / "aerial.keras"})
    found = {each.name: each for each in machine.find_models()}
    assert found["default"].blocks


def test_text(monkeypatch):
    """Faults are marked, those that stop predictions otherwise, and the last line says what follows."""
    findings = [
        Finding(topic="versions", name="geoseg", value="1.0"),
        Finding(topic="caches", name="models", value="/data", problem="/data cannot be written."),
    ]
    monkeypatch.setattr(examine, "examine", lambda *, devices: findings)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "\n! models  /data\n          /data cannot be written.\n" in result.output
    assert result.output.endswith("geoseg predict can run; 1 fault.\n")
    findings.append(Finding(topic="packages", name="numpy", value="fails", problem="numpy is broken.", blocks=True))
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "\nx numpy   fails\n" in result.output
    assert result.output.endswith("geoseg predict cannot run; 2 faults.\n")

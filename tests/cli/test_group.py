"""The command line: quick to start, and it shows what the library knows."""

import json
import subprocess
import sys
import warnings

import pyproj
import pytest
import rasterio
from click.testing import CliRunner

import geoseg
from geoseg.cli import group, main
from geoseg.errors import GeosegWarning, SceneError
from geoseg.prediction.predict import predict_each
from geoseg.roads.compile_tracer import COMPILING


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"], ["info", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    """Help and version import neither Keras nor GDAL nor NumPy: they come at once."""
    script = f"""
import sys
from geoseg.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0
heavy = {{"keras", "tensorflow", "jax", "torch", "rasterio", "geopandas", "pandas", "skimage", "scipy", "dask"}}
heavy |= {{"numpy", "rich", "pydantic"}}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"imported {done.stderr}"


def test_plan_loads_no_backend(write_scene, write_bundle, noise):
    """`import geoseg` and the plan of a scene import no Keras backend, nor odc-geo with its Dask, nor anything slow."""
    script = f"""
import sys, geoseg
from geoseg.prediction.info import describe
describe({str(write_scene(noise(30, 30)))!r}, model={str(write_bundle())!r})
slow = {{"keras", "tensorflow", "jax", "torch", "numba", "geopandas", "pyogrio", "pyarrow", "matplotlib"}}
slow |= {{"odc.geo", "dask", "jinja2", "yaml", "psutil", "shapely", "pandas", "openvino"}}
slow |= {{"scipy.linalg", "scipy.ndimage", "scipy.sparse", "scipy.special"}}
sys.exit(", ".join(sorted(slow & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"imported {done.stderr}"


def test_predict_loads_no_framework(write_scene, noise, tmp_path):
    """A prediction on a CPU imports neither a framework nor what other formats and commands need."""
    script = f"""
import sys, geoseg
geoseg.predict({str(write_scene(noise(60, 60)))!r}, folder={str(tmp_path)!r}, devices="cpu")
unused = {{"keras", "tensorflow", "jax", "torch", "geopandas", "pyogrio", "matplotlib", "skimage"}}
sys.exit(", ".join(sorted(unused & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"imported {done.stderr}"


def test_module_is_the_command():
    """`python -m geoseg` is `geoseg`."""
    done = subprocess.run([sys.executable, "-m", "geoseg", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"geoseg, version {geoseg.__version__}\n"


def test_modules_of_the_current_folder(tmp_path):
    """As for `geoseg`, files of the current folder hide no packages, also where those are imported before all else."""
    for name in ("click", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "geoseg", "info", "none.tif"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, "geoseg: none.tif does not exist.\n")


def test_version_has_a_short_form(run):
    """`geoseg -V` is `geoseg --version`."""
    assert run("-V") == run("--version")


def test_public_names():
    """Every public name can be imported, and an unknown one is an AttributeError."""
    for name in geoseg.__all__:
        assert getattr(geoseg, name)
    with pytest.raises(AttributeError, match="nothing"):
        _ = geoseg.nothing


def test_info_of_a_scene(run, write_scene, write_bundle, noise):
    """The plan is what `predict` then does: grid, tiles and bands of a scene that is twice too fine."""
    place = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)
    scene, bundle = write_scene(noise(300, 200), transform=place), write_bundle()
    found = json.loads(run("info", scene, "-m", bundle, "--json"))
    assert found["crs"] == "EPSG:32633"
    assert found["size"] == [200, 300]
    assert found["gsd_m"] == pytest.approx([0.5, 0.5], rel=1e-3)
    assert found["grid_size"] == [100, 150]
    assert found["resampled"]
    assert found["model_bands"] == {"red": 1, "green": 2, "blue": 3}
    assert found["tiles"] == 2 * 3
    west, south, east, north = found["bounds_lonlat"]
    assert 14.99 < west < east < 15.01
    assert 48.7 < south < north < 48.8
    text = run("info", scene, "-m", bundle)
    assert "EPSG:32633" in text
    assert "100, 150" in text


@pytest.mark.parametrize(
    "choices",
    [
        ["--precision", "int8"],
        ["--engine", "onnxruntime", "--precision", "float16"],
        ["--engine", "keras", "--precision", "int8"],
    ],
)
def test_info_refuses_what_predict_refuses(write_scene, noise, tmp_path, choices):
    """A precision that the model or the engine does not have ends `info` in the sentence that ends `predict`."""
    if "onnxruntime" in choices:
        pytest.importorskip("onnxruntime")
    scene = str(write_scene(noise(40, 40)))
    info = CliRunner().invoke(main, ["info", scene, *choices])
    predicted = CliRunner().invoke(main, ["predict", scene, "-o", str(tmp_path / "maps"), *choices])
    assert info.exit_code == predicted.exit_code == 2
    # Where nothing has been compiled yet, that line comes first.
    assert info.stderr.splitlines() == [line for line in predicted.stderr.splitlines() if line != COMPILING]
    assert "precision" in info.stderr or "8-bit" in info.stderr


def test_info_of_a_model(run, write_bundle):
    """The card of a bundle is shown, by path and by the name of a shipped model."""
    assert json.loads(run("info", write_bundle(), "--json"))["tile"] == 64
    assert json.loads(run("info", "aerial", "--json"))["bands"] == ["red", "green", "blue"]


def test_models_lists_bundles_and_presets(run):
    """Shipped models and network presets are listed by name."""
    text = run("models")
    for name in ("aerial", "attention_resunet", "unet6", "efficientnet_unet"):
        assert name in text


def test_summary(write_scene, write_bundle, noise, echo, tmp_path, monkeypatch):
    """After a prediction the classes' shares, the roads and the files are shown; `--quiet` shows nothing."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    arguments = ["predict", str(write_scene(noise(60, 60))), "-m", str(write_bundle()), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    for word in ("building", "%", "ha", "roads", " edge", "scene_classes.tif"):
        assert word in result.stderr
    result = CliRunner().invoke(main, [*arguments, "--overwrite", "-q"], catch_exceptions=False)
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["predikt", "scene.tif"], "No such command 'predikt'. Did you mean 'predict'?"),
        (["models", "shwo", "aerial"], "No such command 'shwo'. Did you mean 'show'?"),
        (["evaluate", "maps", "labels"], "No such command 'maps'. Choose from model, rasters, roads."),
        (["scene.tif"], "No such command 'scene.tif'. Choose from predict, batch, info,"),
    ],
)
def test_a_misspelt_command(words, advice):
    """A command that does not exist is answered with the nearest one, or with all."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert advice in result.stderr


@pytest.mark.parametrize(
    "words", [["predict", ""], ["predict", "scene.tif", "-o", ""], ["evaluate", "rasters", "", "a"]]
)
def test_an_empty_argument(words):
    """An empty argument, as of a variable that is not set, is no name of the current folder."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert result.output.endswith("Error: An argument is empty; a variable of the shell may not be set.\n")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (
            ModuleNotFoundError("No module named 'numba'", name="numba"),
            "numba cannot be used (No module named 'numba')",
        ),
        (
            ImportError("cannot import\nname 'x'", name="rasterio.io"),
            "rasterio cannot be used (cannot import name 'x')",
        ),
        (pyproj.exceptions.DataDirError("no data"), "pyproj cannot be used (no data)"),
    ],
)
def test_a_broken_package(monkeypatch, error, found):
    """A package that is missing, hidden or broken is named in one sentence, without a traceback."""

    def broken(*_arguments, **_settings):
        raise error

    monkeypatch.setattr("geoseg.prediction.info.describe", broken)
    result = CliRunner().invoke(main, ["info", "scene.tif"])
    assert result.exit_code == 1
    assert result.output == f"geoseg: {found}; `geoseg doctor` says what to do.\n"


def test_a_fault_of_geoseg_is_no_broken_package():
    """An import that fails within geoseg keeps its traceback."""
    assert group.broken_package(ImportError("cannot import name 'x'", name="geoseg.models")) is None
    assert group.broken_package(ValueError("numba")) is None


def test_folders_among_scenes(write_scene, noise, tmp_path, monkeypatch):
    """A folder is no scene: as the last of several, as `cp` takes it, it is refused before results go elsewhere."""
    monkeypatch.chdir(tmp_path)
    write_scene(noise(40, 40))
    (tmp_path / "maps").mkdir()
    result = CliRunner().invoke(main, ["predict", "scene.tif", "maps"])
    assert result.exit_code == 2
    assert "maps is a folder; name raster files, and the folder for the results as --output maps." in result.stderr
    result = CliRunner().invoke(main, ["predict", "scene.tif", "new/maps"])
    assert result.exit_code == 2
    assert "new/maps does not exist; name raster files, and the folder for the results as --output new/maps." in (
        result.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maps", "scene.tif"]
    result = CliRunner().invoke(main, ["predict", "maps", "-o", "out"])
    assert result.exit_code == 3
    assert "maps is a folder; name the raster files in it, or have `geoseg batch` find them." in result.stderr


def test_sizes_without_a_unit(write_scene, noise):
    """`--memory 2` is two bytes, and the sentence says so."""
    result = CliRunner().invoke(main, ["info", str(write_scene(noise(40, 40))), "--memory", "2"])
    assert result.exit_code == 2
    assert "--memory is 2 bytes; its unit may be missing, as in 2GB." in result.stderr


def test_warnings_are_sentences(monkeypatch, capfd):
    """A warning of the library is printed as one line that names options, even where progress is hidden."""

    def warn(*_, **__):
        warnings.warn("too little memory; `batch_size=2` is used.", GeosegWarning, stacklevel=1)
        raise SceneError("done.")

    monkeypatch.setattr("geoseg.prediction.predict.predict_each", warn)
    with pytest.raises(SystemExit):
        main(["predict", "scene.tif", "-q"])
    assert capfd.readouterr().err == "geoseg: too little memory; --batch-size 2 is used.\ngeoseg: done.\n"


@pytest.mark.parametrize("words", [["predict", "--tile", "x", "a.tif"], ["roads", "--no-such-option"], ["info"]])
def test_usage_of_what_cannot_be_parsed(words):
    """If an option or argument cannot be parsed, the command's usage comes first, and the exit code is 2."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Usage: main {words[0]} ")
    assert not result.stdout

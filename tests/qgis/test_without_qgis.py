"""Parts of the plugin that need no QGIS: its environment, how it runs a command, and its zip."""

import inspect
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in_wheel import make_wheel

from geoseg.cli import interrupts
from geoseg.version import __version__

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "qgis"))

import build_zip  # noqa: E402
from geoseg_qgis import environment  # noqa: E402
from geoseg_qgis.environment import Source, make_environment, steps  # noqa: E402
from geoseg_qgis.program import ProgramError, find_program, required_version  # noqa: E402
from geoseg_qgis.runner import Listener, run  # noqa: E402
from geoseg_qgis.systems import LINUX  # noqa: E402
from geoseg_qgis.texts import keep_columns, split_at_commas  # noqa: E402


class Heard:
    """What a run told."""

    def __init__(self, stop_at=None):
        self.lines, self.warnings, self.percents, self.texts = [], [], [], []
        self._stop_at = stop_at

    @property
    def listener(self):
        return Listener(
            say=self.lines.append,
            warn=self.warnings.append,
            progress=lambda text, percent: (self.texts.append(text), self.percents.append(percent)),
            is_cancelled=lambda: self._stop_at is not None and len(self.percents) >= self._stop_at,
        )


@pytest.fixture
def script(tmp_path):
    """Write a program in Python, and return its path."""

    def write(text, name="geoseg", folder="."):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{text}\n")
        path.chmod(0o755)
        return path

    return write


EVENTS = """
import sys, json, time
def event(done, total):
    print(json.dumps({"event": "progress", "text": "scene", "done": done, "total": total}), file=sys.stderr, flush=True)
"""


def test_a_run_tells_what_the_program_says(script, tmp_path):
    """Progress, lines, warnings and written files arrive; the last sentence of a good run is a warning."""
    result = tmp_path / "result.tif"
    result.write_text("")
    program = script(
        f"{EVENTS}event(0, 0); event(1, 4)\nprint({str(result)!r})\nprint('geoseg: so so.', file=sys.stderr)"
    )
    heard = Heard()
    ending = run([str(program)], heard.listener)
    assert (ending.code, ending.cancelled, ending.files) == (0, False, (result,))
    assert heard.percents == [None, 25]
    assert heard.warnings == ["so so."]
    assert ending.output == f"{result}\n"


def test_the_last_sentence_of_a_failed_run_is_its_error(script):
    """Earlier sentences are warnings, the last one is the error and told once."""
    program = script(
        "import sys\nprint('geoseg: odd.', file=sys.stderr)\nprint('geoseg: bad.', file=sys.stderr)\nsys.exit(3)"
    )
    heard = Heard()
    ending = run([str(program)], heard.listener)
    assert (ending.code, ending.sentence, heard.warnings) == (3, "bad.", ["odd."])


def test_keys_of_a_terminal_are_not_told(script):
    """What geoseg says of Ctrl-C is for people at a terminal; a window has its own button."""
    (sentence,) = re.findall(r'"(geoseg: stopping once .*)"', inspect.getsource(interrupts))
    assert "Ctrl-C" in sentence
    heard = Heard()
    run([str(script(f"import sys\nprint({sentence!r}, file=sys.stderr)"))], heard.listener)
    assert heard.warnings == ["stopping once the piece in progress is saved"]


@pytest.mark.parametrize("patient", [False, True], ids=["obeys", "ignores"])
def test_cancel_is_an_interrupt_first(script, patient):
    """Cancel is Ctrl-C; a program that ignores it is ended all the same."""
    (interrupt, _), (terminate, _), _ = LINUX.stops
    system = replace(LINUX, stops=((interrupt, 0.3 if patient else 30), (terminate, 5)))
    handle = "signal.signal(2, signal.SIG_IGN)" if patient else "signal.signal(2, lambda *_: sys.exit(130))"
    program = script(f"import signal\n{EVENTS}{handle}\nevent(1, 4)\nwhile True: time.sleep(0.05)")
    ending = run([str(program)], Heard(stop_at=1).listener, system)
    assert ending.cancelled
    assert ending.code == (-15 if patient else 130)


def test_variables_of_qgis_do_not_reach_the_program(script, monkeypatch):
    """Paths of QGIS's own Python, GDAL and PROJ would break those of geoseg; all others are passed on."""
    for name in ("PYTHONPATH", "GDAL_DATA", "PROJ_LIB", "PROJ_DATA", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "/qgis")
    program = script("import os; print(sorted(name for name, value in os.environ.items() if value == '/qgis'))")
    assert run([str(program)], Heard().listener).output.strip() == "['HTTPS_PROXY']"


def test_versions_are_matched(script, tmp_path):
    """The plugin has the version of geoseg, and takes patch releases of it alone."""
    assert required_version() == __version__
    first, second, _ = __version__.split(".")
    good = script(f"print('geoseg, version {first}.{second}.99')")
    assert find_program(str(good), tmp_path).version.endswith(".99")
    old = script(f"print('geoseg, version {first}.{int(second) + 1}.0')", "old")
    with pytest.raises(ProgramError, match="this plugin belongs to geoseg"):
        find_program(str(old), tmp_path)
    with pytest.raises(ProgramError, match="is not geoseg"):
        find_program(str(script("print('something else')", "other")), tmp_path)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    good.rename(tmp_path / "venv" / "bin" / "geoseg")
    assert find_program(str(tmp_path / "venv"), tmp_path).path == tmp_path / "venv" / "bin" / "geoseg"
    with pytest.raises(ProgramError, match="There is no file"):
        find_program(str(tmp_path / "none"), tmp_path)
    with pytest.raises(ProgramError, match="not set up yet"):
        find_program("", tmp_path / "nowhere")


@pytest.fixture
def wheels(tmp_path):
    """A folder with a wheel that stands in for geoseg, and needs nothing."""
    return make_wheel(tmp_path / "wheels")


@pytest.mark.slow
def test_an_environment_is_made_from_a_folder_of_wheels(wheels, tmp_path, monkeypatch):
    """Without the net, venv and pip make an environment whose command runs."""
    monkeypatch.setattr(environment, "find_uv", lambda _system: None)
    heard = Heard()
    program = make_environment(tmp_path / "env", __version__, Source(folder=wheels, offline=True), heard.listener)
    assert program.path == tmp_path / "env/bin/geoseg"
    assert program.version == __version__
    assert any("--no-index" in line for line in heard.lines)


@pytest.mark.slow
def test_a_failed_set_up_leaves_nothing_and_can_be_tried_again(wheels, tmp_path, monkeypatch):
    """What pip says ends the set-up, and no half an environment is left that would look whole."""
    monkeypatch.setattr(environment, "find_uv", lambda _system: None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProgramError, match=r"The set-up failed: .*geoseg"):
        make_environment(
            tmp_path / "env", __version__, Source(folder=tmp_path / "empty", offline=True), Heard().listener
        )
    assert not (tmp_path / "env").exists()
    make_environment(tmp_path / "env", __version__, Source(folder=wheels, offline=True), Heard().listener)


@pytest.mark.parametrize("ended_in_the_middle", [False, True])
def test_a_failed_set_up_keeps_the_environment_before(script, tmp_path, monkeypatch, ended_in_the_middle):
    """Without the net, an environment that works is not lost; a success replaces it."""
    folder = tmp_path / "env"
    good = f"print('geoseg, version {__version__}')"
    script(good, folder="env/bin")
    if ended_in_the_middle:
        folder.rename(tmp_path / "env.before")
        (folder / "half").mkdir(parents=True)
    fails = script("import sys; sys.exit('no net')", "pip")
    monkeypatch.setattr(environment, "steps", lambda *_arguments: [[str(fails)]])
    with pytest.raises(ProgramError, match="no net"):
        make_environment(folder, __version__, Source(), Heard().listener)
    assert find_program("", folder).version == __version__
    (folder / "of the old one").touch()
    new = script(good, "new")
    makes = ["/bin/sh", "-c", f"mkdir -p {folder}/bin && cp {new} {folder}/bin/geoseg"]
    monkeypatch.setattr(environment, "steps", lambda *_arguments: [makes])
    make_environment(folder, __version__, Source(), Heard().listener)
    assert [path.name for path in folder.iterdir()] == ["bin"]
    assert not (tmp_path / "env.before").exists()


@pytest.mark.parametrize("chosen", ["no folder", "a folder without it", "its wheel", "its source"])
@pytest.mark.parametrize("said", ["ERROR: no geoseg==0.1.0", "  cause: no geoseg==0.1.0."], ids=["pip", "uv"])
def test_a_version_that_the_index_lacks(wheels, script, tmp_path, monkeypatch, chosen, said):
    """Where the package index has no such geoseg, the sentence says where to get it, unless that was given."""
    pip = script(f"import sys; sys.exit({said!r})")
    monkeypatch.setattr(environment, "steps", lambda *_arguments: [[str(pip)]])
    folder = {"no folder": None, "a folder without it": tmp_path, "its wheel": wheels, "its source": ROOT}[chosen]
    with pytest.raises(ProgramError, match=r"^The set-up failed: no geoseg==0\.1\.0\.") as failed:
        make_environment(tmp_path / "env", __version__, Source(folder=folder), Heard().listener)
    assert ("choose the folder of its source" in str(failed.value)) == (not chosen.startswith("its "))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clone", "my clone (ä)"])
def test_a_source_is_installed_as_it_is(wheels, tmp_path, monkeypatch, name):
    """The folder of geoseg's source is enough, and newer than a wheel that was made in it earlier."""
    monkeypatch.setattr(environment, "find_uv", lambda _system: None)
    clone = wheels.rename(tmp_path / name)
    (clone / "geoseg").mkdir()
    (clone / "geoseg" / "__init__.py").touch()
    newer = f"def main():\n    print('geoseg, version {__version__[:-1]}99')\n"
    (clone / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n")
    (clone / "b.py").write_text(
        "import pathlib, zipfile\ndef build_wheel(folder, *_):\n"
        "    (old,) = pathlib.Path().glob('*.whl')\n    there = zipfile.ZipFile(old)\n"
        "    with zipfile.ZipFile(pathlib.Path(folder, old), 'w') as made:\n        for each in there.namelist():\n"
        f"            made.writestr(each, {newer!r} if each == 'geoseg_stand_in.py' else there.read(each))\n"
        "    return old.name\n"
    )
    program = make_environment(tmp_path / "env", __version__, Source(folder=clone), Heard().listener)
    assert program.version.endswith("99")


def test_uv_is_preferred(script, monkeypatch, tmp_path):
    """With uv, its two commands make the environment, with a Python that it may bring itself."""
    uv = script("", "uv", "bin")
    monkeypatch.setenv("PATH", str(uv.parent))
    make, install = steps(tmp_path / "env", "0.1.0", Source())
    assert make[:2] == [str(uv), "venv"]
    assert install[:3] == [str(uv), "pip", "install"]
    assert install[-1] == "geoseg[train]==0.1.0"
    assert "--offline" not in make + install


def test_a_full_disk_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    """Too little space is said before the download."""
    monkeypatch.setattr(environment, "SYSTEM", replace(LINUX, needed_gb=1e9))
    with pytest.raises(ProgramError, match="GB left"):
        make_environment(tmp_path / "a/b/env", __version__, Source(), Heard().listener)
    assert not (tmp_path / "a").exists()


def test_the_zip_is_complete(tmp_path):
    """One command makes the zip: a folder with the plugin, its licence and complete metadata, twice the same bytes."""
    made = subprocess.run(
        [sys.executable, ROOT / "qgis/build_zip.py", tmp_path], capture_output=True, text=True, check=True
    )
    path = Path(made.stdout.strip())
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        metadata = archive.read("geoseg_qgis/metadata.txt").decode()
    sources = {f"geoseg_qgis/{each.relative_to(build_zip.PLUGIN)}" for each in build_zip.PLUGIN.rglob("*.py")}
    assert names == sources | {"geoseg_qgis/metadata.txt", "geoseg_qgis/icon.svg", "geoseg_qgis/LICENSE"}
    assert "hasProcessingProvider=yes" in metadata
    assert "qgisMinimumVersion=3.22" in metadata
    assert len(content) < 200_000
    path.unlink()
    assert build_zip.build(tmp_path).read_bytes() == content


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("schedule.epochs=3, seed=7,", ["schedule.epochs=3", "seed=7"]),
        ("data.0.bands=[3, 2, 1], seed=7", ["data.0.bands=[3, 2, 1]", "seed=7"]),
        ("loss.class_weights={ road = 2, land = 1 }", ["loss.class_weights={ road = 2, land = 1 }"]),
        ('card.attribution="A, B", seed=7', ['card.attribution="A, B"', "seed=7"]),
        ("a=[1, 2", ["a=[1, 2"]),
    ],
)
def test_lists_of_values(text, parts):
    """Values of a recipe are parted by commas, but not in their own lists, tables and texts."""
    assert split_at_commas(text) == parts


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("│ building   │  1 ha │", "│_building___│__1_ha_│"),
        (" class       IoU", "_class_______IoU"),
        ("Within 3 px", "Within 3 px"),
        ("/maps/my town_roads.gpkg", "/maps/my town_roads.gpkg"),
    ],
)
def test_tables_in_a_log_keep_their_columns(line, shown):
    """QGIS's log is HTML, which makes one space of several; those within sentences and paths still break."""
    assert keep_columns(line).replace("\N{NO-BREAK SPACE}", "_") == shown

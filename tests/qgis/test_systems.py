"""What the plugin does on systems other than the one that the tests run on, given as data."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "qgis"))

from geoseg_qgis import environment
from geoseg_qgis.environment import Source, find_python, find_uv, make_environment, steps
from geoseg_qgis.program import ProgramError
from geoseg_qgis.runner import Listener, run
from geoseg_qgis.systems import LINUX, MACOS, SYSTEM, WINDOWS
from geoseg_qgis.variables import clean_environment

LAUNCHER = "AppData/Local/Programs/Python/Launcher/py.exe"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, without any programs on the PATH but those in `bin`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def program(home):
    """Write a program in Python, and return its path."""

    def write(name, text):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
        path.chmod(0o755)
        return path

    return write


def python(version, file, prefix="/there", option=""):
    """Return the text of a program that answers as a Python does, or as a launcher with this option alone."""
    says = f"print({version!r}, {str(file)!r}, {str(prefix)!r}, sep='\\n')"
    return f"sys.argv[1].startswith({option!r}) or sys.exit(103)\n{says}"


def test_an_environment_has_its_commands_elsewhere_on_windows(program):
    """Its Python is that in `Scripts`, and uv is found where its installers put it, not only on the PATH."""
    uv = program("AppData/Local/Microsoft/WinGet/Links/uv.exe", "")
    assert WINDOWS.command_in(Path("env")) == Path("env/Scripts/geoseg.exe")
    make, install = steps(Path("env"), "0.1.0", Source(), WINDOWS)
    assert make[0] == install[0] == str(uv)
    assert install[install.index("--python") + 1] == str(Path("env/Scripts/python.exe"))
    assert find_uv(LINUX) is None


def test_windows_launcher_is_asked_for_the_versions(program):
    """Of the Pythons that the launcher knows, the newest one that geoseg runs on is taken, by its own path."""
    program(LAUNCHER, python("3.12", "C:/Python312/python.exe", option="-3.12"))
    assert find_python(WINDOWS) == "C:/Python312/python.exe"


def test_pythons_that_do_not_serve_on_windows(program, home, monkeypatch):
    """The stub of the Microsoft Store, its Python, QGIS's own, and other versions are passed over."""
    monkeypatch.setenv("OSGEO4W_ROOT", "/qgis")
    program("bin/py", "sys.exit(9009)")
    for option, prefix in (("-3.13", r"C:\Program Files\WindowsApps\Python.3.13"), ("-3.12", "/qgis/apps/Python312")):
        program(LAUNCHER, python(option[1:], "wrong", prefix, option))
        with pytest.raises(ProgramError, match=r"not from the Microsoft Store\), or uv"):
            find_python(WINDOWS)
    program("bin/python", python("3.10", "old"))
    installed = "AppData/Local/Programs/Python/Python311/python.exe"
    program(installed, python("3.11", home / installed))
    assert find_python(WINDOWS) == str(home / installed)


def test_python3_is_not_asked_on_macos(program):
    """Apple's own opens a window; others are found by their version."""
    system = replace(MACOS, pythons=tuple(each for each in MACOS.pythons if "/" not in each[0]))  # not this machine's
    program("bin/python3", python("3.12", "apple"))
    assert find_python(LINUX) == "apple"
    with pytest.raises(ProgramError, match="Homebrew"):
        find_python(system)
    program("bin/python3.11", python("3.11", "homebrew"))
    assert find_python(system) == "homebrew"


def test_programs_do_not_get_what_osgeo4w_sets():
    """Folders of QGIS are not on the PATH, and variables that point there are gone, however they are written."""
    variables = {
        "OSGEO4W_ROOT": r"C:\PROGRA~1\QGIS34",
        "PATH": r"C:\PROGRA~1\QGIS34\apps\qgis\bin;c:\progra~1\qgis34\bin;C:\Windows;C:\PROGRA~1\QGIS341",
        "PYTHONHOME": r"C:\PROGRA~1\QGIS34\apps\Python312",
        "PROJ_DATA": r"D:\proj",
        "QT_PLUGIN_PATH": r"C:\PROGRA~1\QGIS34\apps\qgis\qtplugins;C:\PROGRA~1\QGIS34\apps\qt5\plugins",
        "SSL_CERT_FILE": "C:/PROGRA~1/QGIS34/bin/curl-ca-bundle.crt",
        "HTTPS_PROXY": "http://proxy:8080",
        "TEMP": "",
    }
    assert clean_environment(variables, WINDOWS) == {
        "PATH": r"C:\Windows;C:\PROGRA~1\QGIS341",
        "HTTPS_PROXY": "http://proxy:8080",
        "TEMP": "",
        "PYTHONIOENCODING": "utf-8",
    }


def test_programs_do_not_get_what_the_app_of_macos_brings(monkeypatch):
    """There, QGIS and its Python are in the folder of the app."""
    monkeypatch.setattr(sys, "prefix", "/Applications/QGIS.app/Contents/MacOS")
    path = "/Applications/QGIS.app/Contents/MacOS/bin:/usr/bin"
    assert clean_environment({"PATH": path}, MACOS)["PATH"] == "/usr/bin"


def test_where_the_environment_is(home):
    """On Windows, not in the profile, where paths are long and files may be copied to a server."""
    assert LINUX.environment_folder(Path("profile")) == Path("profile/geoseg/environment")
    assert WINDOWS.environment_folder(Path("profile")) == home / "AppData/Local/geoseg/qgis"


def heard(**changes):
    """Return a listener that does nothing, but what is given."""
    nothing = {name: lambda *_: None for name in ("say", "warn", "progress")}
    return Listener(**nothing | {"is_cancelled": lambda: False} | changes)


def test_a_program_that_ctrl_break_does_not_reach_is_ended(program):
    """As here, where there is none: such a run resumes all the same."""
    path = program("waits", "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)")
    lines = []
    listener = heard(say=lines.append, is_cancelled=lambda: bool(lines))
    ending = run([str(path)], listener, replace(WINDOWS, flags=0))
    assert (ending.code, ending.cancelled) == (-9, True)


def test_an_environment_in_use_is_not_replaced(program, monkeypatch, tmp_path):
    """Windows refuses to rename it while one of its programs runs; it stays as it is."""
    command = program(f"env/{SYSTEM.command_in(Path())}", "")

    def refuse(*_):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(environment, "steps", lambda *_: [["never"]])
    monkeypatch.setattr(environment, "check_space", lambda _: None)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ProgramError, match=r"cannot be renamed to env\.before \(Access is denied\); end all runs"):
        make_environment(tmp_path / "env", "0.1.0", Source(), heard())
    assert command.exists()

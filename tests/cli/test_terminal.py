"""What commands print: no name controls the terminal, and a stream that takes nothing is a sentence."""

import io
import os
import subprocess
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from geoseg.cli import main
from geoseg.cli.console import make_console, status
from geoseg.cli.terminal import guarded_streams
from geoseg.models.legend import Legend, LegendClass
from geoseg.models.texts import escaped

HOSTILE = "\x1b[2Jcleared\x07\x9b1m\u202etxt\r"


def controls(text):
    """Characters that a terminal obeys, other than the ends of lines."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") or each == "\u202e"} - {
        "\n"
    }


@given(st.text(st.characters(exclude_categories=[])))
def test_escaped_text_controls_nothing(text):
    """No control character is left, and what is printable stays as it is, in any script."""
    shown = escaped(text)
    assert not controls(shown)
    assert "\n" not in shown
    assert escaped(shown) == shown
    if text.isprintable():
        assert shown == text


def test_escapes_are_those_of_python():
    """A reader recognises the byte: escapes are written as in Python."""
    assert escaped(HOSTILE) == r"\x1b[2Jcleared\x07\x9b1m\u202etxt\r"
    assert escaped("Zürich, 東京, ‎עברית, 25 km²") == "Zürich, 東京, ‎עברית, 25 km²"


def test_names_in_errors(invoke, tmp_path):
    """The name of a file that is missing, unreadable or no UTF-8 cannot hide the sentence around it."""
    path = tmp_path / f"{HOSTILE}\nb.tif"
    for command in (
        ["info"],
        ["predict"],
        ["polygons", "-o", tmp_path / "a.gpkg"],
        ["roads", "-o", tmp_path / "a.gpkg"],
    ):
        text = invoke(command[0], path, *command[1:], expect=3).stderr
        assert not controls(text)
        assert text.count("\n") == 1
        assert r"\x1b[2Jcleared\x07\x9b1m\u202etxt\r\nb.tif" in text


def test_names_in_usage_errors(monkeypatch, capsys):
    """Nor can an argument that click itself repeats."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)  # for all others click drops colours
    with pytest.raises(SystemExit):
        main([f"no{HOSTILE}"])
    assert not controls(capsys.readouterr().err)


def test_names_of_classes(invoke, write_ids, tmp_path):
    """Class names of a legend in a file's tags are escaped in sentences and in tables."""
    entries = (LegendClass(name=HOSTILE, colour="#ffffff"), LegendClass(name="[/b]:car:", colour="#000000"))
    values = np.zeros((40, 60), np.uint8)
    values[20:] = 1
    raster = write_ids(values, nodata=255, legend=Legend(classes=entries), gsd_m=2)
    for result in (
        invoke("polygons", raster, "-o", tmp_path / "areas.gpkg"),
        invoke("evaluate", "rasters", raster, raster),
    ):
        assert not controls(result.output)
        assert r"cleared\x07\x9b1m" in result.stdout  # click drops colours where no terminal reads
        assert "[/b]:car:" in result.stdout


def test_a_class_name_of_two_lines(invoke, write_ids, tmp_path):
    """A class name in a file's tags cannot make a line of its own where one is printed for each class and file."""
    raster = write_ids(np.zeros((9, 9), np.uint8), nodata=255, band_tags={"class_0": "land\n/etc/passwd"})
    lines = invoke("polygons", raster, "-o", tmp_path / "areas.gpkg").stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(r"land\n/etc/passwd: ")


def test_long_lines_are_whole(invoke, write_scene, noise, tmp_path):
    """What is copied from the screen or a log is not broken at 80 characters."""
    stretch = ";".join(["-1.23456e-05,1.23457e+07"] * 3)
    settings = ["-o", tmp_path, "--no-roads", "--stretch", stretch]
    assert f"stretch: {stretch}\n" in invoke("predict", write_scene(noise(64, 64)), *settings).stderr


def test_names_of_crs(invoke, write_scene, write_bundle, noise):
    """The name that a file gives its CRS is one line of `info`."""
    wkt = (
        'PROJCRS["a\x1b[2Jb",BASEGEOGCRS["WGS 84",DATUM["WGS 84",ELLIPSOID["WGS 84",6378137,298.257223563]]],'
        'CONVERSION["c",METHOD["Transverse Mercator"],PARAMETER["Longitude of natural origin",15.5]],'
        'CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
    )
    scene = write_scene(noise(60, 60), crs=wkt)
    text = invoke("info", scene, "-m", write_bundle()).stdout
    assert not controls(text)
    assert r"a\x1b[2Jb" in text


def test_progress_names(monkeypatch):
    """A status line shows a file's name as it is: brackets are no markup, and control characters are escaped."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with status("starting") as show:
        show(f"[/b] {HOSTILE}")
    text = stream.getvalue()
    assert f"[/b] {escaped(HOSTILE)}" in text
    assert controls(text) == {"\x1b", "\r"}  # rich's own
    assert "\x1b[2J" not in text


def test_rich_draws_and_names_do_not(monkeypatch):
    """On a terminal, rich may colour and move; what stands in its cells may not."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    table = Table("a", title=HOSTILE)
    table.add_row(HOSTILE)
    with guarded_streams():
        make_console().print(table, HOSTILE, style="bold")
    text = stream.getvalue()
    assert "\x1b[1m" in text
    assert "\x1b[2J" not in text
    assert controls(text) == {"\x1b"}


def printing(classes, folder):
    """Commands that print on standard output."""
    return (
        ["--help"],
        ["--version"],
        ["predict", "--help"],
        ["info", "aerial"],
        ["info", "aerial", "--json"],
        ["models"],
        ["models", "show", "aerial"],
        ["models", "show", "aerial", "--json"],
        ["models", "card", "aerial"],
        ["models", "card", "aerial", "-o", folder / "card.md"],
        ["evaluate", "rasters", classes, classes],
        ["evaluate", "rasters", classes, classes, "--json"],
        ["polygons", classes, "-o", folder / "areas.geojson"],
        ["roads", classes, "-o", folder / "roads.geojson"],
        ["resize", classes, folder / "small.tif", "--scale", "0.5", "--labels"],
    )


@pytest.mark.parametrize("number", range(15))
def test_standard_output_that_is_full(classes, tmp_path, capsys, monkeypatch, number):
    """A command whose output cannot be written ends with a sentence and the code of outputs."""
    words = [str(word) for word in printing(classes, tmp_path)[number]]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main(words)
    assert ended.value.code == 5
    assert capsys.readouterr().err == "geoseg: standard output cannot be written (No space left on device).\n"


def test_standard_error_that_is_full(classes, tmp_path, monkeypatch):
    """A run is worth more than its progress, which may be lost."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", "rasters", str(classes), str(classes), "-o", str(tmp_path / "report")])
    assert ended.value.code == 0
    assert (tmp_path / "report").is_dir()


def test_a_reader_that_is_gone():
    """A closed pipe ends the process without a word, and with the exit code that other programs have then."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "geoseg", "--help"], stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_of_another_alphabet(capsys, monkeypatch):
    """A character that the terminal's encoding lacks is escaped, not an error."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with guarded_streams():
        print("25 km²")
    stream.flush()
    assert stream.buffer.getvalue() == rb"25 km\xb2" + b"\n"


def test_warnings_of_libraries_are_not_shown(monkeypatch, capsys):
    """What a library warns of is for programmers: it is shown if Python is asked for warnings."""

    def warn(*_, **__):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        return {}

    monkeypatch.setattr("geoseg.prediction.info.describe", warn)
    for options in ([], ["default"]):
        monkeypatch.setattr(sys, "warnoptions", options)
        with warnings.catch_warnings(record=True) as shown, pytest.raises(SystemExit):
            main(["info", "aerial", "--json"])
        assert len(shown) == len(options)
    assert capsys.readouterr().err == ""


def test_a_damaged_hdf5_file_is_one_line(tmp_path):
    """HDF5 prints its errors on its own; only the sentence is shown."""
    path = tmp_path / "scene.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes([255] * 200))
    command = [sys.executable, "-m", "geoseg", "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(f"geoseg: {path} cannot be read as a raster")
    assert done.stderr.count("\n") == 1


def load_library():
    try:
        raise OSError("libllvmlite.so: failed to map segment from shared object")
    except OSError:
        raise ImportError("Could not load a library") from None


@pytest.mark.parametrize("fill", [lambda: bytes(2**62), load_library], ids=["array", "library"])
def test_too_little_memory(monkeypatch, capsys, fill):
    """What does not fit the memory is a sentence, be it an array or a library of another package."""
    monkeypatch.setattr("geoseg.prediction.info.describe", lambda *_, **__: fill())
    with pytest.raises(SystemExit) as ended:
        main(["info", "aerial"])
    assert ended.value.code == 1
    text = capsys.readouterr().err
    assert text.startswith("geoseg: there is too little memory")
    assert text.count("\n") == 1


def test_other_errors_are_not_hidden(monkeypatch):
    """A fault of the program stays one, with its traceback."""
    monkeypatch.setattr("geoseg.prediction.info.describe", lambda *_, **__: {}["key"])
    with pytest.raises(KeyError):
        main(["info", "aerial"])


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", ""])
def test_closed_streams_have_no_file(closed):
    """What libraries print to a closed stream does not land in the next file that is opened."""
    code = "import os; from geoseg.cli.terminal import *; hold_closed_descriptors(); print(os.open(os.devnull, 0) > 2)"
    shell = f"{sys.executable} -c '{code}' {closed}"
    assert subprocess.run(shell, shell=True, capture_output=True, text=True, check=True).stdout == "True\n"

"""The commands and the example of docs/polygons.md run as written."""

import re
import shlex
from pathlib import Path

import geopandas
import pytest
from click.testing import CliRunner

from geoseg.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "polygons.md").read_text()
COMMANDS = re.search("```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
(EXAMPLE,) = re.findall("```py\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with the sample rasters."""
    (tmp_path / "sample_rasters").symlink_to(ROOT / "sample_rasters")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command):
    """Each command writes polygons to the file it names."""
    words = shlex.split(command)
    result = CliRunner().invoke(main, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    path = words[words.index("-o") + 1]
    layer = {"layer": "polygons"} if path.endswith(".gpkg") else {}
    assert len(geopandas.read_file(path, **layer)) > 0


def test_example(capsys):
    """The Python example prints a line for the class it selects."""
    exec(compile(EXAMPLE, "example", "exec"), {})
    assert re.fullmatch(r"road \d+ \d+\.\d+\n", capsys.readouterr().out)


def test_vertices_of_the_sample():
    """The numbers of vertices on the page are right."""
    (before, after) = (
        int(number.replace(",", "")) for number in re.search(r"from ([\d,]+) to ([\d,]+)", PAGE).groups()
    )
    source = "sample_rasters/suburb_classes.tif"
    for words, expected in (([], before), (["--simplify", "1.5", "--min-area", "12"], after)):
        CliRunner().invoke(main, ["polygons", source, "-o", "areas.fgb", *words, "--overwrite"], catch_exceptions=False)
        assert geopandas.read_file("areas.fgb").count_coordinates().sum() == expected

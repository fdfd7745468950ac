"""Values of options, and their headings in the help."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.cli.grouped import GroupedCommand
from geoseg.cli.values import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2_000_000_000),
        ("800M", 800_000_000),
        ("1.5 gb", 1_500_000_000),
        ("12", 12),
        ("12B", 12),
        ("2GiB", 2 * 2**30),
        ("9" * 400, sys.maxsize),
    ],
)
def test_sizes(text, size):
    """Units are decimal unless marked as binary; their case and a space before them do not matter."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["x", "GBx", "-1GB", "1,5GB", "2GB x", "5 apples"])
def test_text_that_is_not_a_size_is_refused(text):
    """A typo must not pass as another size."""
    with pytest.raises(click.BadParameter, match="is not a size such as 2GB or 800MB"):
        parse_size(text)


def _leaves(command, words=()):
    """Every command, by its words."""
    if not isinstance(command, click.Group):
        return {words: command}
    found = {}
    for name in command.list_commands(click.Context(command)):
        found |= _leaves(command.get_command(click.Context(command), name), (*words, name))
    return found


def _options(command):
    return [each for each in command.get_params(click.Context(command)) if isinstance(each, click.Option)]


LONG = {words: each for words, each in _leaves(main).items() if len(_options(each)) > 12}


def test_long_helps_are_grouped():
    """A help of more than 12 options has headings."""
    assert {("predict",), ("batch",), ("info",), ("evaluate", "model")} <= set(LONG)
    assert all(isinstance(each, GroupedCommand) for each in LONG.values())


@pytest.mark.parametrize("words", LONG, ids=" ".join)
def test_headings(words):
    """The options that everybody needs come first; each option is listed once, under one of a few headings."""
    shown = CliRunner().invoke(main, [*words, "--help"]).stdout
    headings = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert headings[0] == "Options"
    assert 3 <= len(headings) <= 6
    lists = shown.partition("\nOptions:\n")[2]
    listed = re.findall(r"^  (?:-[a-gi-z], )?(--[\w-]+)", lists, re.MULTILINE)  # but for -h, --help
    assert sorted(listed) == sorted(max(each.opts, key=len) for each in _options(LONG[words]) if each.name != "help")
    first = lists.partition("\n\n")[0]
    assert "--help" in first
    assert len(first.splitlines()) < 15


def test_the_site_has_the_same_groups():
    """The site's reference lists the options of a command under the headings of its help."""
    script = "import commands; print(commands.describe_commands(None))"
    folder = Path(__file__).parents[2] / "docs" / "site"
    page = subprocess.check_output([sys.executable, "-c", script], cwd=folder, text=True)
    section = page.partition("\n### geoseg predict\n")[2].partition("\n### ")[0]
    shown = CliRunner().invoke(main, ["predict", "--help"]).stdout
    assert re.findall(r"^\*\*(.+)\*\*$", section, re.MULTILINE) == re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert section.count("| option | meaning |") == 5
    assert "\n**" not in page.partition("\n### geoseg doctor\n")[2]


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "scene.tif", "-o", "map.tif"),
        ("batch", "scene.tif", "-o", "map.TIFF"),
        ("tile", "images", "-o", "chips.png"),
        ("train", "recipe.toml", "-o", "model.keras"),
        ("evaluate", "rasters", "a.tif", "b.tif", "-o", "report.html"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_for_a_folder(words, tmp_path, monkeypatch):
    """No folder is made with the name of a file; one that is there is taken."""
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(main, words)
    name = Path(words[-1])
    assert refused.exit_code == 2
    assert f"{name} looks like a file, and results go to a folder: name one, such as {name.stem}." in refused.stderr
    assert not list(tmp_path.iterdir())
    name.mkdir()
    assert "looks like a file" not in CliRunner().invoke(main, words).stderr

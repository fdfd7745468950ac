"""The commands of the page on models run in their order, and its tables say what is written."""

import json
import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from geoseg.cli import main
from geoseg.models.packaged import GROUP
from geoseg.models.registry.document import FORMAT, KIND

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text()


def run(command):
    """Run a command as a shell would."""
    words, _, kept = command.partition(" > ")
    result = CliRunner().invoke(main, shlex.split(words)[1:], catch_exceptions=False)
    assert result.exit_code == 0, (command, result.output)
    if kept:
        Path(kept).write_text(result.stdout)


def test_commands(served, server, bundle, monkeypatch, tmp_path):
    """A registry is made, served, and added from; predict is left to the tests of commands with models."""
    use, make = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    bundle(folder=served)
    monkeypatch.chdir(served)
    run(make.strip())
    commands = [line.split("#")[0].strip() for line in use.splitlines()]
    assert len(commands) == 6
    for command in commands:
        if command != "geoseg predict scene.tif -m city":
            run(command.replace("https://models.example.org/", server.root).replace("/media/stick", str(served)))
    assert not (tmp_path / "added" / "models" / "city").exists()


def test_keys(bundle):
    """The table of the registry has its keys, and the page the group of entry points."""
    result = CliRunner().invoke(main, ["models", "registry", str(bundle())], catch_exceptions=False)
    document = json.loads(result.stdout)
    (table,) = re.findall(r"^\| key \| content \|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    keys = {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert keys == {*document, *document["models"][0]}
    assert f"| `kind` | `{KIND}` |" in table
    assert f"| `format` | {FORMAT};" in table
    assert f'entry-points."{GROUP}"' in PAGE

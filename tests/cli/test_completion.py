"""Shells complete commands, models and files, at once."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import click
import pytest

from geoseg.cli import main
from geoseg.cli.completion import complete_added
from geoseg.models.registry.add import add_models
from geoseg.models.shipped import shipped_models

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "setup.md").read_text()
(BLOCK,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Run a shell script in an empty folder and home, where `geoseg` is a command."""
    command = tmp_path / "bin" / "geoseg"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m geoseg "$@"\n')
    command.chmod(0o755)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "added"))

    def run(script, program="sh", **variables):
        places = {"HOME": str(tmp_path / "home"), "PATH": f"{command.parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            [program, "-c", script],
            cwd=tmp_path / "home",
            env=os.environ | places | {"PYTHONPATH": str(ROOT)} | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    return run


@pytest.fixture
def complete(shell):
    """What a line is completed to, in bash's protocol: `plain,word` or `file,word`."""

    def ask(line):
        words = line.split(" ")
        answer = shell("geoseg", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _GEOSEG_COMPLETE="bash_complete")
        return answer.splitlines()

    return ask


def test_commands(complete):
    """Commands are completed, and those of groups."""
    assert complete("geoseg pre") == ["plain,predict"]
    assert {"plain,add", "plain,show"} <= {*complete("geoseg models ")}


@pytest.mark.parametrize("line", ["predict scene.tif -m", "info scene.tif --model", "models show", "evaluate model"])
def test_models(complete, line, tmp_path):
    """Names of models are completed wherever one is expected, those that were added too; then bundles, then files."""
    list(add_models(shipped_models()["roads"], names=["aegean"]))
    (tmp_path / "home" / "aerial_int8.keras").touch()
    assert complete(f"geoseg {line} ae") == ["plain,aerial", "plain,aegean", "plain,aerial_int8.keras"]
    assert complete(f"geoseg {line} ./ae") == ["plain,./aerial_int8.keras"]
    assert complete(f"geoseg {line} run") == ["file,run"]


def test_added_models(tmp_path, monkeypatch):
    """What can be removed is completed: models that were added."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "added"))
    list(add_models(shipped_models()["roads"], names=["aegean"]))
    context, parameter = click.Context(click.Command("remove")), click.Argument(["name"])
    assert [item.value for item in complete_added(context, parameter, "a")] == ["aegean"]


def test_engines(complete):
    """Names of engines are completed."""
    assert complete("geoseg predict scene.tif --engine o") == ["plain,openvino", "plain,onnxruntime"]


@pytest.mark.parametrize("option", ["--aoi", "--scheduler", "--stretch-from", "--output"])
def test_options_that_may_be_files(complete, option):
    """Files are completed where an option takes one, also if it takes other things."""
    assert complete(f"geoseg predict scene.tif {option} dis") in (["file,dis"], ["dir,dis"])


def _arguments(command, path=()):
    """Arguments of all commands that take text, with the words before them."""
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _arguments(command.get_command(context, name), (*path, name))
        return
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield pytest.param(context, parameter, id=" ".join((*path, parameter.name)))


@pytest.mark.parametrize(("context", "argument"), [*_arguments(main)])
def test_every_argument_completes(context, argument, tmp_path, monkeypatch):
    """Each argument of each command completes something: files, folders, or names."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path))
    if context.command.name == "remove":
        return
    assert argument.shell_complete(context, "")


def test_bash(shell):
    """Bash itself, with the script of the documentation, completes a model's name."""
    script = """
eval "$(_GEOSEG_COMPLETE=bash_source geoseg)"
COMP_WORDS=(geoseg predict scene.tif -m ae) COMP_CWORD=4
_geoseg_completion geoseg
printf '%s\\n' "${COMPREPLY[@]}"
complete -p geoseg
"""
    assert shell(script, "bash").splitlines() == ["aerial", "complete -o nosort -F _geoseg_completion geoseg"]


LINES = {
    "geoseg pre": "geoseg predict",
    "geoseg models ca": "geoseg models ca",  # calibrate, card
    "geoseg predict scene.tif -m ae": "geoseg predict scene.tif -m aerial",
    "geoseg predict --model=ae": "geoseg predict --model=aerial",
    "geoseg predict --engine=openv": "geoseg predict --engine=openvino",
    "geoseg predict --overw": "geoseg predict --overwrite",
    "geoseg predict Stadt": "geoseg predict Stadt,\\ Süd.tif",
    "geoseg predict --aoi=Stadt": "geoseg predict --aoi=Stadt,\\ Süd.tif",
    "geoseg predict --output=ma": "geoseg predict --output=maps/",
    "geoseg predict --gsd=1 --model ae": "geoseg predict --gsd=1 --model aerial",
}
"""What is typed, and what the key Tab makes of it, but for a space at the end."""


@pytest.fixture
def documented(shell, tmp_path):
    """`shell`, after the commands of the page, in a folder with a scene and a folder."""
    shell(BLOCK)
    (tmp_path / "home" / "maps").mkdir()
    (tmp_path / "home" / "Stadt, Süd.tif").touch()
    return shell


@pytest.mark.parametrize(("line", "completed"), LINES.items())
def test_zsh(documented, tmp_path, line, completed):
    """Zsh, set up as the page says, completes a line at the key Tab; skipped where it is not installed."""
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    (setting,) = re.findall(r"`(fpath\+=[^`]*)`\s+before", PAGE)
    (loading,) = re.findall(r"before\s+`(autoload [^`]*)`", PAGE)
    tell = "tell() { zle complete-word; print -r -- \"<<$BUFFER>>\"; exit }; zle -N tell; bindkey '^T' tell"
    (tmp_path / "home" / ".zshrc").write_text(f"{setting}\n{loading}\nunsetopt listbeep\n{tell}\n")
    script = f"""
    zmodload zsh/zpty
    zpty typed zsh -i
    zpty -w -n typed {shlex.quote(line)}$'\\x14'
    zpty -r typed shown '*<<*>>*'
    print -r -- "$shown"
    """
    shown = documented(script, "zsh", ZDOTDIR=str(tmp_path / "home"), TERM="dumb", LC_ALL="C.UTF-8")
    assert re.findall("<<(.*?)>>", shown)[-1].rstrip() == completed


@pytest.mark.parametrize(("line", "completed"), LINES.items())
def test_fish(documented, line, completed):
    """Fish, set up as the page says, offers what completes a line; skipped where it is not installed."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    offered = documented(f"complete -C {shlex.quote(line)}", "fish", LC_ALL="C.UTF-8").splitlines()
    words = [answer.partition("\t")[0] for answer in offered]
    if completed == line:
        assert words == ["calibrate", "card"]
    else:
        assert words == shlex.split(completed)[-1:]


@pytest.mark.parametrize(("line", "completed"), LINES.items())
def test_bash_key(documented, tmp_path, line, completed):
    """Bash, set up as the page says, completes a line at the key Tab."""
    tell = "tell() { printf '<<%s>>' \"$READLINE_LINE\"; }; bind -x '\"\\C-t\": tell'"
    script = (tmp_path / "home" / ".local/share/bash-completion/completions/geoseg").read_text()
    (tmp_path / "home" / ".bashrc").write_text(f"{script}\n{tell}\nPS1=ready\n")
    typed = f"""
    import os, pty, re, sys
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("bash", ["bash", "-i"])
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, {line!r}.encode() + b"\\t\\x14")
    while b">>" not in shown:
        shown += os.read(terminal, 4096)
    os.close(terminal)
    os.waitpid(child, 0)
    sys.stdout.buffer.write(shown)
    """
    shown = documented(f"{sys.executable} -c {shlex.quote(dedent(typed))}", TERM="dumb", LC_ALL="C.UTF-8")
    assert shlex.split(re.findall("<<(.*?)>>", shown)[-1]) == shlex.split(completed)  # bash writes `\\,`, too


def test_fish_shows_whole_descriptions(documented):
    """A comma does not end a description."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    assert "doctor\tShow versions, devices, engines," in documented('complete -C "geoseg doc"', "fish")


def test_documentation(shell, tmp_path):
    """The commands of the documentation write the scripts where shells look for them."""
    shell(BLOCK)
    written = {
        ".local/share/bash-completion/completions/geoseg": "complete -o nosort -F",
        ".zfunc/_geoseg": "#compdef geoseg",
        ".config/fish/completions/geoseg.fish": "complete --no-files --command geoseg",
    }
    for name, words in written.items():
        assert words in (tmp_path / "home" / name).read_text()


def test_completing_loads_nothing_slow():
    """Completing a model's name imports no framework, nor GDAL or NumPy: it comes at once."""
    script = """
import json, os, sys
os.environ.update(COMP_WORDS="geoseg predict scene.tif -m ae", COMP_CWORD="4", _GEOSEG_COMPLETE="bash_complete")
from geoseg.cli import main
try:
    main(prog_name="geoseg")
except SystemExit as end:
    assert end.code == 0
slow = {"numpy", "keras", "tensorflow", "jax", "torch", "openvino", "rasterio", "dask", "rich", "pydantic", "h5py"}
print(json.dumps(sorted(slow & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    name, loaded = done.stdout.splitlines()
    assert name == "plain,aerial"
    assert json.loads(loaded) == []

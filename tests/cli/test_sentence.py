"""Errors of the library name parameters; the command line names its own options instead."""

import click
import pytest
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.cli.group import sentence
from geoseg.errors import OutputError
from geoseg.prediction.settings import Settings


@click.command()
@click.argument("source", metavar="SCENE")
@click.option("-o", "--output", "folder")
@click.option("--bands")
@click.option("--ignore", multiple=True)
@click.option("--class", "single")
@click.option("--overwrite", is_flag=True)
@click.option("--roads/--no-roads", default=True)
def command():
    """Stand in for a command."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("choose another `folder`.", "choose another --output."),
        ("replace it with `overwrite=True`.", "replace it with --overwrite."),
        ("choose `bands=(4, 3, 2)`.", "choose --bands 4,3,2."),
        ("`ignore=['low vegetation', 5]` excluded all.", "--ignore 'low vegetation' --ignore 5 excluded all."),
        ("`single='low vegetation=3'`: none.", "--class 'low vegetation=3': none."),
        ("leave them out with `roads=False`.", "leave them out with --no-roads."),
        ("check `source`.", "check SCENE."),
        ("keep them with `gsd_m=2.5`.", "keep them with `geoseg predict --gsd 2.5`."),
        ("run `gdalwarp -rpc` or set `labels`.", "run `gdalwarp -rpc` or set `labels`."),
    ],
)
def test_parameters_become_options(text, shown):
    """A parameter in backticks is shown as the option of the command, or of `predict`; anything else is left alone."""
    assert sentence(OutputError(text), command) == shown


def leaves(command, context, words=()):
    """Yield every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield pytest.param(command, id=" ".join(words))
        return
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), context, (*words, name))


@pytest.mark.parametrize("command", [*leaves(main, click.Context(main))])
def test_no_setting_keeps_its_python_name(command):
    """Each command names each setting of predictions as an option that exists."""
    for name in Settings.__dataclass_fields__:
        shown = sentence(OutputError(f"change `{name}`."), command)
        assert f"`{name}`" not in shown
        option = shown.removeprefix("change ").removesuffix(".")
        own = [each for each in command.params if option in each.opts]
        assert own or option.startswith("`geoseg predict --")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            ["models", "export", "m", "--format", "onnx", "-o", "f"],
            "lower --tile, or choose `geoseg predict --bands 3,2,1`.",
        ),
        (["models", "quantize", "m", "--calibrate", "i"], "lower `geoseg predict --tile`, or choose --bands 3,2,1."),
        (["evaluate", "model", "m", "i", "l"], "lower `geoseg predict --tile`, or choose --bands 3,2,1."),
    ],
)
def test_options_are_those_of_the_subcommand(monkeypatch, words, shown):
    """A subcommand does not offer the options of its sisters."""

    def fail(*_, **__):
        raise OutputError("lower `tile`, or choose `bands=(3, 2, 1)`.")

    for library in ("prediction.export.export", "prediction.quantize.quantize", "evaluation.evaluate_model"):
        monkeypatch.setattr(f"geoseg.{library}", fail)
    assert CliRunner().invoke(main, words).stderr == f"geoseg: {shown}\n"

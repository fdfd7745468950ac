"""Errors of the library name parameters; the command line names its own options instead."""

import click
import pytest

from geoseg.cli.group import sentence
from geoseg.errors import OutputError


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
        ("run `gdalwarp -rpc` or `gsd_m=2`.", "run `gdalwarp -rpc` or `gsd_m=2`."),
    ],
)
def test_parameters_become_options(text, shown):
    """A parameter in backticks is shown as the command's option, with its value; anything else is left alone."""
    assert sentence(OutputError(text), command) == shown


def test_parameters_of_subcommands():
    """A group knows the options of its subcommands."""
    group = click.Group("models", commands=[command])
    assert sentence(OutputError("use `overwrite=True`."), group) == "use --overwrite."

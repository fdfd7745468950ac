"""Errors of the library name parameters; the command line names its own options instead."""

import ast
import functools
import inspect
import re
import tomllib
from pathlib import Path
from typing import Unpack, get_args, get_origin, get_type_hints

import click
import pytest
from click.testing import CliRunner

import geoseg
from geoseg.batch.batch import batch
from geoseg.cli import main
from geoseg.cli.group import sentence
from geoseg.errors import OutputError
from geoseg.models.registry.add import add_models
from geoseg.prediction.settings import Settings
from geoseg.training.recipe.recipe import DataSet


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
        option = shown.removeprefix("change ").removesuffix(".")
        own = [each for each in command.params if option in each.opts]
        of_recipe = command.name in ("train", "tile") and option == f"`{name}` in `[[data]]`"
        assert own or of_recipe or option.startswith("`geoseg predict --")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("choose `bands=(3, 2, 1)`", "choose `bands = [3, 2, 1]` in `[[data]]`"),
        ("add `nodata=-9999.5`", "add `nodata = -9999.5` in `[[data]]`"),
        ("set `stretch='auto'`", 'set `stretch = "auto"` in `[[data]]`'),
        ("name `bands`", "name `bands` in `[[data]]`"),
        ("see `values`", "see `values`"),
    ],
)
@pytest.mark.parametrize("name", ["train", "tile"])
def test_training_names_keys_of_its_recipe(name, text, shown):
    """What options say of the imagery of other commands, a recipe says of training's, in TOML."""
    command = main.get_command(click.Context(main), name)
    assert sentence(OutputError(text), command) == shown
    line = shown.partition("`")[2].partition("`")[0]
    if "=" in line:
        assert DataSet.model_validate({"name": "a", "images": "a", **tomllib.loads(line)})


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            ["models", "export", "m", "--format", "onnx", "-o", "f"],
            "lower --tile, or choose --bands 3,2,1.",
        ),
        (["models", "quantize", "m", "--calibrate", "i"], "lower `geoseg predict --tile`, or choose --bands 3,2,1."),
        (["evaluate", "model", "m", "i", "l"], "lower --tile, or choose --bands 3,2,1."),
    ],
)
def test_options_are_those_of_the_subcommand(monkeypatch, words, shown):
    """A subcommand does not offer the options of its sisters."""

    def fail(*_, **__):
        raise OutputError("lower `tile`, or choose `bands=(3, 2, 1)`.")

    for library in (
        "prediction.conversion.export.export",
        "prediction.conversion.quantize.quantize",
        "evaluation.evaluate_model",
    ):
        monkeypatch.setattr(f"geoseg.{library}", fail)
    assert CliRunner().invoke(main, words).stderr == f"geoseg: {shown}\n"


LIBRARY = {
    "predict": geoseg.predict,
    "info": geoseg.describe,
    "evaluate rasters": geoseg.evaluate,
    "evaluate model": geoseg.evaluate_model,
    "evaluate roads": geoseg.evaluate_roads,
    "train": geoseg.train,
    "roads": geoseg.trace_roads,
    "polygons": geoseg.polygonise,
    "models export": geoseg.export,
    "models quantize": geoseg.quantize,
    "models calibrate": geoseg.calibrate,
    "models add": add_models,
    "batch": batch,
    "tile": geoseg.tile,
    "resize": geoseg.resize,
}
"""Commands, and the public function that each one calls."""
OBJECTS = {"executor", "load", "progress", "epoch_done", "recipe"}
"""Parameters that only Python can give, and a recipe that is given as a path."""
OF_RECIPES = {"attribute", "encoder", "encoder_weights", "mantissa_bits", "values"}
OF_ARRAYS = {"array", "geobox", "image_gsd_m"}
NOT_OURS = {"crs", "gdalwarp", "gdalbuildvrt", "ogr2ogr", "h5repack"}
OF_COMMANDS = {"scheduler", "workers", "parts"}
"""Of `cli.cluster`."""


def parameters_of(function):
    """Names of a public function's parameters, those of its keyword dictionaries among them."""
    names = set()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            hint = get_type_hints(function)[name]
            assert get_origin(hint) is Unpack
            names |= set(get_args(hint)[0].__annotations__)
        else:
            names.add(name)
    return names - OBJECTS


@functools.cache
def named_in_sentences():
    """Words in backticks in the package's texts, alone or with a value, and a module that has each."""
    pattern = re.compile(r"`(\w+)(?:=[^`]*)?`")
    found = {}
    for path in Path(geoseg.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                parts = [node.value]
            else:
                continue
            found |= dict.fromkeys(pattern.findall("".join(parts)), path)
    assert len(found) > 30
    return found


@pytest.mark.parametrize(("words", "function"), LIBRARY.items())
def test_what_sentences_advise_can_be_typed(words, function):
    """A parameter of the function that a command calls, if a sentence names it, is its argument or option.

    `info` plans a run of `predict`, whose options it names.
    """
    command = main
    for word in words.split():
        command = command.get_command(click.Context(command), word)
    others = {"info": set(Settings.__dataclass_fields__), "predict": {"source"}}.get(words, set())
    assert parameters_of(function) & named_in_sentences().keys() - others <= {each.name for each in command.params}


def test_sentences_name_parameters_that_exist():
    """A word in backticks in a sentence is a parameter of a public call, or a recipe's key."""
    functions = [*LIBRARY.values(), geoseg.read_assets]
    known = set().union(*map(parameters_of, functions)) | OF_RECIPES | OF_ARRAYS | OF_COMMANDS | NOT_OURS
    assert {name: path for name, path in named_in_sentences().items() if name not in known} == {}

"""The `geoseg` command: imports subcommands when called, and shows errors as one sentence."""

import ast
import json
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from textwrap import shorten
from typing import Any, NoReturn

import click

from geoseg.errors import GeosegError, GeosegWarning
from geoseg.models.texts import escaped
from geoseg.version import __version__

from .interrupts import interruptible
from .shells import register_shells
from .terminal import guarded_streams, hold_closed_descriptors

COMMANDS = ("predict", "batch", "info", "evaluate", "train", "roads", "polygons", "models", "tile", "resize", "doctor")

_PARAMETER = re.compile(r"`(\w+)(?:=([^`]*))?`")
_RUNNING = "geoseg.cli.running"
_WITH_RECIPES = ("train", "tile")
"""Commands whose imagery is described by a recipe."""


class RecordingGroup(click.Group):
    """A group that records which subcommand runs, at any depth, and suggests names for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand that the arguments name."""
        self._check_name(ctx, args[0])
        if "" in args and not ctx.resilient_parsing:  # as a path, it would be the current folder
            ctx.fail("An argument is empty; a variable of the shell may not be set.")
        name, command, rest = super().resolve_command(ctx, args)
        ctx.meta[_RUNNING] = command  # shared by the contexts of all groups
        return name, command, rest

    def _check_name(self, ctx: click.Context, name: str) -> None:
        """Fail with advice if a word is neither a subcommand nor an option."""
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name) is not None:
            return
        names = self.list_commands(ctx)
        close = get_close_matches(name, names, n=1)
        advice = f"Did you mean {close[0]!r}?" if close else f"Choose from {', '.join(names)}."
        ctx.fail(f"No such command {escaped(name)!r}. {advice}")


class LazyGroup(RecordingGroup):
    """A group whose subcommands are imported when needed, each from its module's `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand; None if it is unknown."""
        if cmd_name not in COMMANDS:
            return None
        return _import(cmd_name)

    def main(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 - click's
        """Run the command line; help that cannot be printed is an error like any other."""
        hold_closed_descriptors()
        register_shells()
        with guarded_streams():
            try:
                return super().main(*args, **settings)
            except GeosegError as error:
                fail(error, None)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - a command's result
        """Run the subcommand; a GeosegError becomes a message and its exit code, and so does a signal to stop."""
        with interruptible(), self._shown_warnings(ctx):
            try:
                return super().invoke(ctx)
            except GeosegError as error:
                fail(error, ctx.meta.get(_RUNNING))
            except Exception as error:
                from geoseg.models.backend import is_out_of_memory

                if is_out_of_memory(error):
                    fail(out_of_memory(error), ctx.meta.get(_RUNNING))
                broken = broken_package(error)
                if broken is None:
                    raise
                fail(broken, ctx.meta.get(_RUNNING))

    @contextmanager
    def _shown_warnings(self, ctx: click.Context) -> Iterator[None]:
        """Print each GeosegWarning once, as one line, like an error.

        Warnings of libraries are printed only if Python or GDAL is configured to: their errors become messages anyway.
        """
        logging.lastResort = logging.NullHandler()
        if "CPL_DEBUG" not in os.environ:
            os.environ.setdefault("CPL_LOG", os.devnull)  # GDAL's messages in threads that nothing else listens to
        with warnings.catch_warnings():
            warnings.simplefilter("always", GeosegWarning)
            print_other = warnings.showwarning
            shown = set()

            def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:  # noqa: ANN401
                if issubclass(category, GeosegWarning):
                    if str(message) in shown:
                        return
                    shown.add(str(message))
                    click.echo(f"geoseg: {sentence(message, ctx.meta.get(_RUNNING))}", err=True)
                elif sys.warnoptions:
                    print_other(message, category, *place, **more)

            warnings.showwarning = show
            yield


def _import(name: str) -> click.Command:
    command: click.Command = import_module(f".{name}", __package__).command
    return command


def sentence(error: Exception | str, command: click.Command | None) -> str:
    """Replace parameter names in an error or warning of the library by the options of `command`.

    `` `overwrite=True` `` becomes `--overwrite`, `` `bands=(1, 2, 3)` `` becomes `--bands 1,2,3`; a repeatable option
    is repeated. A prediction setting that is not an option of the command is shown as one of `predict`:
    `` `tile=256` `` becomes `` `geoseg predict --tile 256` ``; or, in a command that reads a recipe, as a key of its
    data sets: `` `bands=(3, 2, 1)` `` becomes `` `bands = [3, 2, 1]` in `[[data]]` ``. Other words in backticks are
    kept. The result is one line, even if a name in it has line breaks.
    """
    parameters = {} if command is None else {each.name: each for each in command.params}
    others = {each.name: each for each in _import("predict").params if isinstance(each, click.Option)}
    keys = _recipe_keys() if command is not None and command.name in _WITH_RECIPES else frozenset()

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name in others and name not in parameters and name in keys:
            key = name if value is None else f"{name} = {json.dumps(_parse(value))}"
            return f"`{key}` in `[[data]]`"
        if name in others and name not in parameters:
            return f"`geoseg predict {_option(others[name], value)}`"
        parameter = parameters.get(name)
        if isinstance(parameter, click.Argument):
            return parameter.make_metavar(click.Context(click.Command(None)))
        return _option(parameter, value) if isinstance(parameter, click.Option) else match[0]

    return escaped(_PARAMETER.sub(option, str(error)))


def _recipe_keys() -> frozenset[str]:
    """Keys of a recipe's data sets."""
    from geoseg.training.recipe.recipe import DataSet

    return frozenset(DataSet.model_fields)


def _option(parameter: click.Option, value: str | None) -> str:
    """Return an option as typed on the command line, with its Python value if there is one."""
    if parameter.is_flag or value is None:
        flags = parameter.secondary_opts if value == "False" else parameter.opts
        return max(flags, key=len)
    flag = max(parameter.opts, key=len)
    return " ".join(f"{flag} {shlex.quote(text)}" for text in _typed(value, repeated=parameter.multiple))


def _typed(value: str, *, repeated: bool) -> list[str]:
    """Return a Python value as typed on the command line: a sequence joined by commas, or one text per element."""
    parsed = _parse(value)
    if not isinstance(parsed, list | tuple):
        return [parsed if isinstance(parsed, str) else value]
    return [str(each) for each in parsed] if repeated else [",".join(map(str, parsed))]


def _parse(value: str) -> Any:  # noqa: ANN401 - any literal
    """Parse a Python value; a bare word is a string."""
    try:
        return ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return value


def out_of_memory(error: Exception) -> GeosegError:
    """Return the error for too little memory, of the machine or allowed by a limit."""
    found = " ".join(str(error).split())
    return GeosegError(
        f"there is too little memory{f' ({shorten(found, 200)})' if found else ''}; end other programs, or raise the "
        "limit of this one."
    )


def broken_package(error: Exception) -> GeosegError | None:
    """Return the error for a third-party package that is missing, shadowed or broken; None for any other error."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if type(error).__name__ == "DataDirError":  # of pyproj, which is imported by then
        package = "pyproj"
    if package in ("", "geoseg"):
        return None
    found = shorten(" ".join(str(error).split()), 200)
    return GeosegError(f"{package} cannot be used ({found}); `geoseg doctor` says what to do.")


def fail(error: GeosegError, command: click.Command | None) -> NoReturn:
    """Print an error as one line and exit with its code."""
    click.echo(f"geoseg: {sentence(error, command)}", err=True)
    sys.exit(error.exit_code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="geoseg")
@click.option("--json-progress", is_flag=True, help="Print progress as JSON lines to standard error.")
def main(*, json_progress: bool) -> None:  # it is read by `progress.is_json`
    """Turn aerial and satellite scenes into class maps and road networks.

    \b
    Exit codes: 0 done; 1 memory, installation or a bug; 2 usage; 3 data; 4 model; 5 output;
    6 cluster; 129, 130, 143 stopped by SIGHUP, Ctrl-C, SIGTERM.
    """

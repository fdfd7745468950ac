"""The `geoseg` command: imports subcommands when called, and shows errors as one sentence."""

import ast
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

from geoseg.errors import GeosegError, GeosegWarning
from geoseg.version import __version__

COMMANDS = ("predict", "info", "evaluate", "train", "roads", "polygons", "models", "tile", "resize")

_PARAMETER = re.compile(r"`(\w+)(?:=([^`]*))?`")


class LazyGroup(click.Group):
    """A group whose subcommands are imported when needed, each from its module's `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand; None if it is unknown."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __package__).command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - a command's result
        """Run the subcommand; a GeosegError becomes a message and its exit code."""
        with self._shown_warnings(ctx):
            try:
                return super().invoke(ctx)
            except GeosegError as error:
                fail(error, self._running(ctx))

    def _running(self, ctx: click.Context) -> click.Command | None:
        return self.get_command(ctx, ctx.invoked_subcommand or "")

    @contextmanager
    def _shown_warnings(self, ctx: click.Context) -> Iterator[None]:
        """Print each GeosegWarning once as one line, like an error; other warnings as Python does."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", GeosegWarning)
            print_other = warnings.showwarning
            shown = set()

            def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:  # noqa: ANN401
                if issubclass(category, GeosegWarning):
                    if str(message) in shown:
                        return
                    shown.add(str(message))
                    click.echo(f"geoseg: {sentence(message, self._running(ctx))}", err=True)
                else:
                    print_other(message, category, *place, **more)

            warnings.showwarning = show
            yield


def sentence(error: Exception | str, command: click.Command | None) -> str:
    """Replace the parameters that an error or warning of the library names by the options of `command`.

    `` `overwrite=True` `` becomes `--overwrite`, `` `bands=(1, 2, 3)` `` becomes `--bands 1,2,3`; an option that may
    be repeated is repeated. Other words in backticks stay.
    """
    parameters = {} if command is None else {each.name: each for each in _parameters(command)}

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        parameter = parameters.get(name)
        if isinstance(parameter, click.Argument):
            return parameter.make_metavar(click.Context(click.Command(None)))
        if not isinstance(parameter, click.Option):
            return match[0]
        if parameter.is_flag or value is None:
            flags = parameter.secondary_opts if value == "False" else parameter.opts
            return max(flags, key=len)
        flag = max(parameter.opts, key=len)
        return " ".join(f"{flag} {shlex.quote(text)}" for text in _typed(value, repeated=parameter.multiple))

    return _PARAMETER.sub(option, str(error))


def _typed(value: str, *, repeated: bool) -> list[str]:
    """Return a Python value as typed on the command line: a sequence joined by commas, or one text per element."""
    try:
        parsed = ast.literal_eval(value)
    except (SyntaxError, ValueError):  # a bare word
        return [value]
    if not isinstance(parsed, list | tuple):
        return [parsed if isinstance(parsed, str) else value]
    return [str(each) for each in parsed] if repeated else [",".join(map(str, parsed))]


def _parameters(command: click.Command) -> Iterator[click.Parameter]:
    """Yield the parameters of a command and its subcommands."""
    yield from command.params
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from _parameters(part)


def fail(error: GeosegError, command: click.Command | None) -> NoReturn:
    """Print an error as one line and exit with its code."""
    click.echo(f"geoseg: {sentence(error, command)}", err=True)
    sys.exit(error.exit_code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="geoseg")
def main() -> None:
    """Turn aerial and satellite scenes into class maps and road networks.

    \b
    Exit codes: 0 done, 2 usage, 3 scene, 4 model, 5 output.
    """

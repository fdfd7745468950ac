"""The `geoseg` command: its sub-commands are imported when they are called, and errors become one sentence."""

import sys
from importlib import import_module
from typing import Any

import click

from geoseg.errors import GeosegError
from geoseg.version import __version__

COMMANDS = ("predict", "info", "evaluate", "train", "roads", "polygons", "models", "tile", "resize")


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own, each as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the sub-commands, as the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a sub-command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __package__).command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what a command returns
        """Run the sub-command; a GeosegError becomes a message and its exit code."""
        try:
            return super().invoke(ctx)
        except GeosegError as error:
            fail(error)


def fail(error: GeosegError) -> None:
    """Print an error as one line and leave with its exit code."""
    click.echo(f"geoseg: {error}", err=True)
    sys.exit(error.exit_code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="geoseg")
def main() -> None:
    """Turn aerial and satellite scenes into class maps and road networks.

    \b
    Exit codes: 0 done, 2 usage, 3 scene, 4 model, 5 output.
    """

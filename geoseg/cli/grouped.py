"""Options grouped under headings in long helps; each option names its heading."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

EVERYDAY = "Options"
"""Heading of options without one."""
RESULTS = "Results"
SCENE = "Scene, bands and values"
TILES = "Resolution and tiles"
SPEED = "Speed, memory and cluster"
SCORES = "Reference and scores"
HEADINGS = (EVERYDAY, RESULTS, SCENE, TILES, SCORES, SPEED)
"""In the order of the help."""


class GroupedOption(click.Option):
    """An option that has a heading."""

    def __init__(self, *settings: Any, heading: str, **more: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*settings, **more)
        self.heading = heading


class GroupedCommand(click.Command):
    """A command whose help lists its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading."""
        for heading, rows in by_heading(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def option(heading: str, *names: str, **settings: Any) -> Callable[[_Decorated], _Decorated]:  # noqa: ANN401 - click's
    """Add an option as `click.option` does, with its heading in commands of the class `GroupedCommand`."""
    return click.option(*names, cls=GroupedOption, heading=heading, **settings)


def by_heading(command: click.Command, context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the help entry of each option of a command, by heading; a plain command has one heading."""
    grouped: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
    for each in command.get_params(context):
        row = each.get_help_record(context) if isinstance(each, click.Option) else None
        if row is not None:
            grouped[_heading(each) if isinstance(command, GroupedCommand) else EVERYDAY].append(row)
    return {heading: rows for heading, rows in grouped.items() if rows}


def _heading(parameter: click.Parameter) -> str:
    return parameter.heading if isinstance(parameter, GroupedOption) else EVERYDAY

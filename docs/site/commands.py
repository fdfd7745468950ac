"""The reference of the command line: a Markdown section for each command, from click's own description of it."""

from collections.abc import Iterator
from html import escape
from inspect import cleandoc

import click

from geoseg.cli.grouped import by_heading


def describe_commands(_: str | None) -> str:
    """Return a section for `geoseg` and each of its commands, at any depth, in the order of the help."""
    from geoseg.cli import main

    return "\n".join(_sections(main, click.Context(main, info_name="geoseg"), 2))


def _sections(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"\n{'#' * level} {context.command_path}\n"
    yield from (_text(cleandoc(command.help or "").replace("\b\n", "")), "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```\n"
    groups = by_heading(command, context)
    for heading, rows in groups.items():
        if len(groups) > 1:
            yield f"**{heading}**\n"
        yield "| option | meaning |\n|---|---|"
        yield from (f"| <code>{_cell(names)}</code> | {_cell(meaning)} |" for names, meaning in rows)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _sections(child, click.Context(child, info_name=name, parent=context), level + 1)


def _cell(text: str) -> str:
    """Return a text as one cell of a table."""
    return _text(" ".join(text.split())).replace("|", "&#124;")


def _text(text: str) -> str:
    """Return a text of the help, nothing of which is taken for HTML or emphasis, as Markdown."""
    return escape(text, quote=False).replace("*", "&#42;").replace("_", "&#95;")

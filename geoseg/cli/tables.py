"""Tables, nested values and sentences on the terminal."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from geoseg.sentences import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from geoseg.evaluation.report import sections


def show(tables: "Iterable[sections.Table]", sentences: Iterable[str]) -> None:
    """Print tables of scores, then sentences."""
    console = _make_console(width=120)
    for table in tables:
        shown = make_table(table.title)
        for number, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown, highlight=False)
        console.print()
    for sentence in sentences:
        console.print(sentence, highlight=False, soft_wrap=True)


def make_table(title: str, *columns: str, header: bool = True) -> "Table":
    """Make a table with a line below its head and none around it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        *columns,
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        show_header=header,
        padding=(0, 1, 0, 0),
    )


def print_tables(first: "Table", second: "Table") -> None:
    """Print two tables with an empty line between them."""
    console = _make_console(width=100)
    console.print(first)
    console.print()
    console.print(second)


def _make_console(*, width: int) -> "Console":
    """Make a console that is `width` columns wide in a pipe, where rich would fold rows at 80."""
    from .console import make_console

    console = make_console()
    if not console.is_terminal:
        console.width = width
    return console


def describe_network(length_km: float, edges: int) -> str:
    """Return a one-line summary of a road network."""
    return f"roads: {length_km:,.2f} km in {counted(edges, 'edge')}"


def without_recipe(facts: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Replace the recipe, the longest entry about a model, by the command that prints it."""
    where = {"recipe": f"`geoseg models show {shlex.quote(model)} --json` prints it"} if "recipe" in facts else {}
    return {**facts, **where}


def flatten(values: Any, name: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """Yield name and text of each value in nested JSON."""
    match values:
        case dict():
            for key, part in values.items():
                yield from flatten(part, f"{name} {key}".strip().replace("_", " "))
        case list() if any(isinstance(part, dict | list) for part in values):
            for number, part in enumerate(values, 1):
                yield from flatten(part, f"{name} {number}")
        case []:
            yield name, "–"
        case list():
            yield name, ", ".join(text for part in values for _, text in flatten(part))
        case bool():
            yield name, "yes" if values else "no"
        case float():
            yield name, f"{values:.8g}"
        case None:
            yield name, "–"
        case _:
            yield name, str(values)

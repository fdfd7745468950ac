"""Tables, nested values and sentences on the terminal."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geoseg.evaluation.report.sections import Table


def show(tables: "Iterable[Table]", sentences: Iterable[str]) -> None:
    """Print tables, then sentences."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    from .console import make_console

    console = make_console()
    if not console.is_terminal:
        console.width = 120  # a pipe has no width, and rich would fold rows at 80 columns
    for table in tables:
        shown = RichTable(
            title=table.title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0)
        )
        for number, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown, highlight=False)
        console.print()
    for sentence in sentences:
        console.print(sentence, highlight=False, soft_wrap=True)


def describe_network(length_km: float, edges: int) -> str:
    """Return the line that sums up a road network."""
    return f"roads: {length_km:,.2f} km in {edges:,} edge{'s' * (edges != 1)}"


def without_recipe(facts: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Replace the recipe among the facts of a model, which is longer than all others, by where it is printed."""
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

"""Tables and sentences on the terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoseg.evaluation.report.sections import Table


def show(tables: "Iterable[Table]", sentences: Iterable[str]) -> None:
    """Print tables, then sentences."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(markup=False, highlight=False)
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
        console.print(shown)
        console.print()
    for sentence in sentences:
        console.print(sentence, soft_wrap=True)

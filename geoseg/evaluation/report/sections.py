"""Tables and figures of a report."""

import math
from dataclasses import dataclass

UNDEFINED = "–"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose first column is text and whose other columns are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot, shown in HTML only."""

    title: str
    note: str
    """How to read it."""
    svg: str


def number(value: float) -> str:
    """Format a score with three decimals."""
    return UNDEFINED if math.isnan(value) else f"{value:.3f}"

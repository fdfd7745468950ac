"""An evaluation in Markdown."""

from collections.abc import Iterable

from geoseg.evaluation.result import Evaluation

from .tables import Table, by_class, conditions, confusion, images, near, overall


def to_markdown(evaluation: Evaluation) -> str:
    """A page of tables, with what was compared and how."""
    tables = [build(evaluation) for build in (overall, by_class, near, confusion, images)]
    return markdown_page(conditions(evaluation), tables)


def markdown_page(sentences: Iterable[str], tables: Iterable[Table]) -> str:
    """A page of sentences and tables."""
    listed = "\n".join(f"* {_escaped(sentence)}" for sentence in sentences)
    return "\n\n".join(["# Evaluation", listed, *map(_table, tables)]) + "\n"


def _table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    lines = [[_escaped(cell) for cell in line] for line in (table.columns, *table.rows)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))
    return f"## {table.title}\n\n{body}"


def _escaped(text: str) -> str:
    """Text whose characters mean themselves in a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")

"""Reports in Markdown."""

from collections.abc import Iterable

from .sections import Table


def markdown_page(title: str, sentences: Iterable[str], tables: Iterable[Table]) -> str:
    """Format a title, a list of sentences, and tables."""
    listed = "\n".join(f"* {_escaped(sentence)}" for sentence in sentences)
    return "\n\n".join([f"# {title}", listed, *map(_table, tables)]) + "\n"


def _table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    lines = [[_escaped(cell) for cell in line] for line in (table.columns, *table.rows)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))
    return f"## {table.title}\n\n{body}"


def _escaped(text: str) -> str:
    """Escape the characters that Markdown would interpret."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")

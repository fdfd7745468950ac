"""Write a report as JSON, Markdown and HTML files."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from geoseg.files import check_outputs, whole_files
from geoseg.models.texts import in_markdown
from geoseg.pages.page import render

from .plots import inlined
from .sections import Figure, Table

_REPORTS = ("evaluation.json", "evaluation.md", "evaluation.html")
_TITLE = "Evaluation"


def write_report(
    folder: Path,
    *,
    document: Mapping[str, Any],
    sentences: Iterable[str],
    sections: Callable[[], Iterable[Table | Figure]],
    maps: Mapping[str, Callable[[Path], object]] | None = None,
    overwrite: bool,
) -> tuple[Path, ...]:
    """Write `evaluation.json`, `.md` and `.html`, and `maps` by their functions, to a folder; return their paths.

    Files appear in the folder once all are complete. Errors are those of `check_reports`.
    """
    maps = maps or {}
    check_reports(folder, maps, overwrite=overwrite)
    parts, lines = tuple(sections()), tuple(sentences)
    texts = (
        json.dumps(document, indent=2) + "\n",
        _markdown(lines, (part for part in parts if isinstance(part, Table))),
        render(
            "evaluation.html.jinja",
            package=__package__,
            filters={"inlined": inlined},
            title=_TITLE,
            sentences=lines,
            sections=parts,
        ),
    )
    paths = tuple(folder / name for name in (*_REPORTS, *maps))
    with whole_files(paths) as work:
        for name, text in zip(_REPORTS, texts, strict=True):
            (work / name).write_text(text, encoding="utf-8")
        for name, write in maps.items():
            write(work / name)
    return paths


def check_reports(folder: Path, maps: Iterable[str] = (), *, overwrite: bool) -> None:
    """Raise OutputError if an evaluation cannot be written to a folder, or one there must not be replaced."""
    paths = [folder / name for name in (*_REPORTS, *maps)]
    check_outputs(paths, overwrite=overwrite, create=True, choose="another `folder`")


def _markdown(sentences: Iterable[str], tables: Iterable[Table]) -> str:
    bullets = "\n".join(f"* {in_markdown(sentence)}" for sentence in sentences)
    return "\n\n".join([f"# {_TITLE}", bullets, *map(_markdown_table, tables)]) + "\n"


def _markdown_table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    header, *rows = [[in_markdown(cell) for cell in line] for line in (table.columns, *table.rows)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
    return f"## {table.title}\n\n{body}"

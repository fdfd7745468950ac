"""Write a report to files: JSON for programs, Markdown and HTML for people."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from geoseg.files import check_outputs, whole_files

from .markdown import markdown_page
from .page import html_page
from .sections import Figure, Table

REPORTS = ("evaluation.json", "evaluation.md", "evaluation.html")

Writer = Callable[[Path], object]
"""Writes one file to a path."""


def write_report(
    folder: Path,
    *,
    document: Mapping[str, Any],
    sentences: Iterable[str],
    sections: Callable[[], Iterable[Table | Figure]],
    maps: Mapping[str, Writer] | None = None,
    overwrite: bool,
) -> tuple[Path, ...]:
    """Write `evaluation.json`, `.md` and `.html`, and `maps` by name, to a folder; return their paths.

    All files get their names when the last one is complete.

    Raises
    ------
    OutputError
        If a file exists and `overwrite` is not set, or the folder cannot be written.
    """
    maps = maps or {}
    check_reports(folder, maps, overwrite=overwrite)
    shown, told = tuple(sections()), tuple(sentences)
    texts = (
        json.dumps(document, indent=2) + "\n",
        markdown_page("Evaluation", told, (part for part in shown if isinstance(part, Table))),
        html_page("Evaluation", told, shown),
    )
    paths = tuple(folder / name for name in (*REPORTS, *maps))
    with whole_files(paths) as work:
        for name, text in zip(REPORTS, texts, strict=True):
            (work / name).write_text(text, encoding="utf-8")
        for name, write in maps.items():
            write(work / name)
    return paths


def check_reports(folder: Path, maps: Iterable[str] = (), *, overwrite: bool) -> None:
    """Raise OutputError if an evaluation cannot be written to a folder, or one there must not be replaced."""
    paths = [folder / name for name in (*REPORTS, *maps)]
    check_outputs(paths, overwrite=overwrite, create=True, choose="another `folder`")

"""Write an evaluation to files: JSON for programs, Markdown and HTML for people."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from geoseg.evaluation.result import Evaluation
from geoseg.files import check_outputs, whole_files

from .html import to_html
from .markdown import to_markdown

REPORTS = ("evaluation.json", "evaluation.md", "evaluation.html")


def write_evaluation(evaluation: Evaluation, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write `evaluation.json`, `evaluation.md` and `evaluation.html` to a folder, and return their paths.

    Raises
    ------
    OutputError
        If one exists and `overwrite` is not set, or the folder cannot be written.
    """
    texts = (json.dumps(evaluation.to_json(), indent=2) + "\n", to_markdown(evaluation), to_html(evaluation))
    writers = {name: text_writer(text) for name, text in zip(REPORTS, texts, strict=True)}
    return write_files(writers, Path(folder), overwrite=overwrite)


def text_writer(text: str) -> Callable[[Path], object]:
    """A function that writes a text to the path it is given."""
    return lambda path: path.write_text(text, encoding="utf-8")


def write_files(
    writers: Mapping[str, Callable[[Path], object]], folder: Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write files to a folder, each by a function that takes a path; they get their names when all are complete.

    Raises
    ------
    OutputError
        If one exists and `overwrite` is not set, or the folder cannot be written.
    """
    check_reports(folder, writers, overwrite=overwrite)
    paths = tuple(folder / name for name in writers)
    with whole_files(paths) as work:
        for name, write in writers.items():
            write(work / name)
    return paths


def check_reports(folder: Path, names: Iterable[str] = REPORTS, *, overwrite: bool) -> None:
    """Raise OutputError if an evaluation cannot be written to a folder, or one there must not be replaced."""
    paths = [folder / name for name in names]
    check_outputs(paths, overwrite=overwrite, create=True, choose="another `folder`")

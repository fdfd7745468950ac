"""Write an evaluation to files: JSON for programs, Markdown and HTML for people."""

import json
import os
from pathlib import Path

from geoseg.errors import OutputError

from .evaluation import Evaluation
from .markdown import to_markdown
from .page import to_html


def write_evaluation(evaluation: Evaluation, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write `evaluation.json`, `evaluation.md` and `evaluation.html` to a folder, and return their paths.

    Raises
    ------
    OutputError
        If one exists and `overwrite` is not set, or the folder cannot be written.
    """
    target = Path(folder)
    refuse_existing(target, overwrite=overwrite)
    texts = {
        "json": json.dumps(evaluation.to_json(), indent=2) + "\n",
        "md": to_markdown(evaluation),
        "html": to_html(evaluation),
    }
    written = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for ending, text in texts.items():
            partial = target / f".evaluation.{ending}.{os.getpid()}.part"
            try:
                partial.write_text(text, encoding="utf-8")
                written.append(partial.replace(target / f"evaluation.{ending}"))
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"the evaluation cannot be written to {target} ({error}).") from error
    return tuple(written)


def refuse_existing(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError if a folder holds an evaluation that must not be replaced."""
    for ending in ("json", "md", "html"):
        path = folder / f"evaluation.{ending}"
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another folder with -o, or replace it with --overwrite.")

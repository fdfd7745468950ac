"""Write an evaluation of roads: JSON for programs, Markdown and HTML for people, and maps for a GIS."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from geoseg.evaluation.pairing import pair_roads
from geoseg.evaluation.report.html import html_page, html_table
from geoseg.evaluation.report.markdown import markdown_page
from geoseg.evaluation.report.write import REPORTS, check_reports, text_writer, write_files

from .difference_map import write_differences
from .evaluate import RoadEvaluation
from .tables import conditions, tables

DIFFERENCES = "differences.gpkg"


def write_road_evaluation(
    evaluation: RoadEvaluation, folder: str | Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write `evaluation.json`, `.md` and `.html`, and a map of differences, to a folder; return their paths.

    The map is `differences.gpkg`, or one for each of several pairs under its name, such as `north_differences.gpkg`.
    Its layers `missed`, `false` and `junctions` are in the truth's CRS.

    Raises
    ------
    OutputError
        If one exists and `overwrite` is not set, or the folder cannot be written.
    """
    shown, sentences = tables(evaluation), conditions(evaluation)
    texts = (
        json.dumps(evaluation.to_json(), indent=2) + "\n",
        markdown_page(sentences, shown),
        html_page(sentences, map(html_table, shown)),
    )
    writers: dict[str, Callable[[Path], object]] = {
        name: text_writer(text) for name, text in zip(REPORTS, texts, strict=True)
    }
    names = _maps([pair.name for pair in evaluation.pairs])
    for name, pair in zip(names, evaluation.pairs, strict=True):
        writers[name] = partial(write_differences, pair.differences)
    return write_files(writers, Path(folder), overwrite=overwrite)


def check_road_reports(predicted: Path, truth: Path, folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError if an evaluation of these networks cannot be written to a folder."""
    pairs, _ = pair_roads(predicted, truth)
    check_reports(folder, (*REPORTS, *_maps([pair.name for pair in pairs])), overwrite=overwrite)


def _maps(names: list[str]) -> list[str]:
    return [DIFFERENCES] if len(names) == 1 else [f"{name}_{DIFFERENCES}" for name in names]

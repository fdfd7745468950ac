"""An evaluation as one HTML page that loads nothing."""

from collections.abc import Iterable
from html import escape

import numpy as np

from geoseg.evaluation.result import Evaluation
from geoseg.version import __version__

from .charts import precision_recall, reliability
from .tables import Table, by_class, conditions, confusion, images, near, overall

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2rem; font-size: 1.15rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
footer { margin-top: 3rem; opacity: .7; font-size: .85rem; }
"""


def to_html(evaluation: Evaluation) -> str:
    """A page of tables and charts, with what was compared and how."""
    parts = [html_table(build(evaluation)) for build in (overall, by_class, near)]
    if any(entry.sweep is not None for entry in evaluation.classes):
        parts.append(f"<h2>Relaxed precision and recall by threshold</h2>{precision_recall(evaluation.classes)}")
    if evaluation.calibration is not None:
        parts.append(f"<h2>Calibration</h2>{reliability(evaluation.calibration)}")
    parts += [_confusion(evaluation), html_table(images(evaluation))]
    return html_page(conditions(evaluation), parts)


def html_page(sentences: Iterable[str], parts: Iterable[str]) -> str:
    """A page of sentences and of parts that are HTML already."""
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Evaluation</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body><h1>Evaluation</h1><ul>{listed}</ul>\n"
        + "\n".join(parts)
        + f"\n<footer>geoseg {__version__}</footer></body></html>\n"
    )


def html_table(table: Table) -> str:
    """A table under its title."""
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
    return _titled(table, rows)


def _confusion(evaluation: Evaluation) -> str:
    """The confusion matrix, each cell as dark as its share of the true class."""
    table = confusion(evaluation)
    counts = np.array([[int(cell.replace(",", "")) for cell in row[1:]] for row in table.rows], np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = "".join(
        f"<tr><td>{escape(row[0])}</td>"
        + "".join(
            f'<td style="background: rgb(0 114 178 / {share * 0.7:.2f})" title="{share:.1%} of the class">{cell}</td>'
            for cell, share in zip(row[1:], line, strict=True)
        )
        + "</tr>"
        for row, line in zip(table.rows, shares, strict=True)
    )
    return _titled(table, rows)


def _titled(table: Table, rows: str) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cells(row: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)

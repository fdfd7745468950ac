"""Reproducible SVG plots, in colours that a page can replace with its own."""

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.evaluation.calibration import Calibration
from geoseg.evaluation.scores import ClassEvaluation
from geoseg.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "ink": "#1f2933",
    "faint": "#9aa5b1",
    "line": "#e4e7eb",
    "card": "#ffffff",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "green": "#009e73",
    "purple": "#cc79a7",
    "orange": "#e69f00",
    "sky": "#56b4e9",
}
"""By CSS variable of the page. Hues are colour-blind safe (Okabe and Ito, 2008)."""
INK, FAINT, LINE, CARD, *SERIES = COLOURS.values()
BLUE, VERMILION = SERIES[:2]
_ON_DARK = "#fdfdfe"
"""Text on dark cells, in dark pages too."""
_GREY = "#7b7b7b"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the font of the page
    "svg.hashsalt": "geoseg",  # the same plot has the same bytes
    "text.parse_math": False,  # names may hold dollars
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
}


def require_plots() -> None:
    """Raise UsageError unless Matplotlib is installed."""
    require("a report of scores", ["matplotlib"], "report")


def svg(figure: "Figure") -> str:
    """Return a figure as the text of an SVG file, without a date."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def inlined(svg: str) -> str:
    """Turn an SVG file into an element of a page: without prolog and unused ids, in the page's colours."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    element = re.sub(r' id="[\w.]+_\d+"', "", element)
    for name, colour in COLOURS.items():
        element = element.replace(f": {colour}", f": var(--{name})")
    return element


def plot_reliability(calibration: Calibration) -> str:
    """Plot accuracy by confidence: calibrated probabilities reach the diagonal. Opacity is the share of pixels."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure, axes = unit_square("confidence", "accuracy")
        width = 1 / len(calibration.bins)
        most = max(each.pixels for each in calibration.bins) or 1
        for position, each in enumerate(calibration.bins):
            if each.pixels:
                axes.bar(
                    (position + 0.5) * width,
                    each.accuracy,
                    width * 0.88,
                    color=BLUE,
                    alpha=0.25 + 0.75 * each.pixels / most,
                )
        return svg(figure)


def plot_precision_recall(classes: Sequence[ClassEvaluation]) -> str:
    """Plot relaxed precision and recall of each class over all thresholds; dots are the break-even points."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure, axes = unit_square("relaxed recall", "relaxed precision", below=0.22 * -(-len(classes) // 3))
        lines, names = [], []
        for position, entry in enumerate(classes):
            if (curve := entry.sweep) is None:
                continue
            colour = SERIES[position % len(SERIES)]
            dashes = "-" if position < len(SERIES) else "--"
            lines += axes.plot(curve.recall, curve.precision, dashes, color=colour, linewidth=1.8)
            names.append(entry.scores.name)
            if not np.isnan(curve.break_even):
                axes.plot(curve.break_even, curve.break_even, "o", color=colour, markersize=6)
        figure.legend(lines, names, loc="outside lower center", ncols=3, frameon=False)
        return svg(figure)


def unit_square(across: str, up: str, *, below: float = 0.0) -> "tuple[Figure, Axes]":
    """Return a figure of one square from 0 to 1 with its diagonal, and `below` inches of room for a legend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4.1 + below), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color=FAINT, linewidth=1.2)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=across, ylabel=up, aspect="equal")
    return figure, axes


def plot_confusion(
    matrix: npt.NDArray[np.int64], names: Sequence[str], partial: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Plot the confusion matrix `(classes, classes)`, reference in rows, as shares of each reference class.

    `partial` labels, which allow several classes, are rows below: `allowed` class names, and pixels `found` as each
    class. Allowed cells are grey, since they may be right or wrong.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    pixels = np.vstack([matrix, *(entry["found"] for entry in partial)])
    totals = pixels.sum(axis=1)
    shares = np.divide(pixels, totals[:, None], out=np.full(pixels.shape, np.nan), where=totals[:, None] > 0)
    unknown = np.vstack(
        [np.zeros(matrix.shape, bool), *([name in entry["allowed"] for name in names] for entry in partial)]
    )
    count = len(names)
    width, height = (max(4.5, 2.2 + 0.62 * size) for size in (count, len(pixels)))
    with mpl.rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(width + 1, height), layout="constrained")
        axes = figure.subplots()
        axes.set(xlim=(0, count), ylim=(len(pixels), 0), aspect="equal", xlabel="predicted", ylabel="reference")
        if partial:
            axes.axhline(count, color=INK, linewidth=1.5)
        slanted = count > 3
        axes.set_xticks(
            np.arange(count) + 0.5, names, rotation=35 if slanted else 0, ha="right" if slanted else "center"
        )
        rows = [*names, *(_set_name(entry["allowed"], names) for entry in partial)]
        labels = [f"{name}\n{_pixels(total)}" for name, total in zip(rows, totals, strict=True)]
        axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
        axes.tick_params(length=0)
        for (row, col), share in np.ndenumerate(shares):
            if not np.isnan(share):
                _draw_cell(axes, row, col, share, grey=bool(unknown[row, col]))
        return svg(figure)


def _draw_cell(axes: "Axes", row: int, col: int, share: float, *, grey: bool) -> None:
    """Draw a cell of a confusion matrix with the share of its row as a percentage."""
    from matplotlib.patches import Rectangle

    fill, alpha = (_GREY, 0.15 + 0.25 * share) if grey else (BLUE, 0.04 + 0.96 * share)
    axes.add_patch(Rectangle((col + 0.03, row + 0.03), 0.94, 0.94, facecolor=fill, alpha=alpha, linewidth=0))
    axes.text(
        col + 0.5,
        row + 0.5,
        _percent(share),
        ha="center",
        va="center",
        color=_ON_DARK if share > 0.55 and not grey else INK,
        fontweight="bold" if row == col else "normal",
    )


def _set_name(allowed: Sequence[str], names: Sequence[str]) -> str:
    """Name a label of several classes in as few words as possible, in short lines."""
    excluded = [name for name in names if name not in allowed]
    words = f"not {' or '.join(excluded)}" if len(excluded) < len(allowed) else " or ".join(allowed)
    return textwrap.fill(words, 24)


def _percent(share: float) -> str:
    return "0" if share == 0 else "<1" if share < 0.005 else f"{100 * share:.0f} %"


def _pixels(count: float) -> str:
    """Abbreviate a number of pixels."""
    for size, unit in ((1e6, "Mpx"), (1e3, "kpx")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} px"

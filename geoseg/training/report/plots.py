"""Plots of a run as SVG: curves over the epochs, and the confusion matrix."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.training.run.run_folder import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION, INK, FAINT = "#0072b2", "#d55e00", "#1f2933", "#9aa5b1"
"""Blue and vermilion of Okabe and Ito (2008), which the colour-blind tell apart, in text and for lines beside."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters, in the font of the page
    "svg.hashsalt": "geoseg",  # the same plot has the same bytes
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
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
}


def plot_curves(history: Sequence[Row], best: float | None) -> str:
    """Loss, Jaccard index, accuracy and learning rate over the epochs; the best epoch is marked.

    Parameters
    ----------
    history
        One row an epoch; what a row lacks is a gap.
    best
        Epoch whose weights are kept; None to mark none.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 6.2), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for axes, (title, column) in zip(
            panels, (("loss", "loss"), ("mean IoU (Jaccard)", "jaccard"), ("accuracy", "accuracy")), strict=False
        ):
            axes.set_title(title)
            axes.margins(y=0.16)  # room for the label of the mark
            _curve(axes, history, column, TRAINING, "training")
            _curve(axes, history, f"val_{column}", VALIDATION, "validation")
            # Towards the side where the training curve is not.
            _mark(axes, history, f"val_{column}", best, above=column == "loss")
        panels[3].set_title("learning rate")
        _curve(panels[3], history, "learning_rate", INK, "")
        panels[3].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        for axes in panels[2:]:
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
        return _svg(figure)


def _curve(axes: "Axes", history: Sequence[Row], column: str, colour: str, label: str) -> None:
    epochs = [row["epoch"] for row in history]
    values = [row.get(column, np.nan) for row in history]
    if np.isfinite(values).any():
        dot = "o" if np.isfinite(values).sum() == 1 else None  # a line through one point is not seen
        axes.plot(epochs, values, color=colour, label=label, linewidth=1.8, marker=dot)


def _mark(axes: "Axes", history: Sequence[Row], column: str, best: float | None, *, above: bool) -> None:
    found = [row[column] for row in history if row["epoch"] == best and column in row]
    if found and best is not None:
        axes.plot([best], found, "o", color=VALIDATION, markersize=8, markerfacecolor="white", label="best epoch")
        axes.annotate(
            f"{found[0]:.3f}",
            (best, found[0]),
            xytext=(0, 9 if above else -9),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            color=VALIDATION,
            fontweight="bold",
        )


def plot_confusion(
    matrix: npt.NDArray[np.int64], names: Sequence[str], partial: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The confusion matrix `(classes, classes)`, truth down the rows, as shares of each true class.

    Parameters
    ----------
    names
        Of the classes.
    partial
        Labels of several classes, which become rows below: the names of the classes that each has `allowed`, and its
        pixels `found` as each class. What is allowed is grey: it may be right or wrong.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    pixels = np.vstack([matrix, *(entry["found"] for entry in partial)])
    totals = pixels.sum(axis=1)
    shares = np.divide(pixels, totals[:, None], out=np.full(pixels.shape, np.nan), where=totals[:, None] > 0)
    allowed = [[name in entry["allowed"] for name in names] for entry in partial]
    unknown = np.vstack([np.zeros(matrix.shape, bool), *allowed])
    count = len(names)
    width, height = (max(4.5, 2.2 + 0.62 * size) for size in (count, len(pixels)))
    with mpl.rc_context(_STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(width + 1, height), layout="constrained")
        axes = figure.subplots()
        for shown, colours, least, most in ((~unknown, "Blues", 0, 1), (unknown, "Greys", -0.6, 3)):
            cells = np.where(shown, shares, np.nan)
            axes.pcolormesh(cells, cmap=colours, vmin=least, vmax=most, edgecolors="white", linewidth=1.5)
        if partial:
            axes.axhline(count, color=INK, linewidth=1.5)
        axes.set_xticks(
            np.arange(count) + 0.5, names, rotation=35 if count > 3 else 0, ha="right" if count > 3 else "center"
        )
        truths = [*names, *(_set_name(entry["allowed"], names) for entry in partial)]
        labels = [f"{name}\n{_pixels(total)}" for name, total in zip(truths, totals, strict=True)]
        axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.set_aspect("equal")
        axes.invert_yaxis()
        for (row, col), share in np.ndenumerate(shares):
            if np.isfinite(share):
                dark = share > 0.55 and not unknown[row, col]
                axes.text(
                    col + 0.5,
                    row + 0.5,
                    _percent(share),
                    ha="center",
                    va="center",
                    color="white" if dark else INK,
                    fontweight="bold" if row == col else "normal",
                )
        return _svg(figure)


def _set_name(allowed: Sequence[str], names: Sequence[str]) -> str:
    """What a label of several classes says, in the fewer words and in short lines."""
    excluded = [name for name in names if name not in allowed]
    words = f"not {' or '.join(excluded)}" if len(excluded) < len(allowed) else " or ".join(allowed)
    return textwrap.fill(words, 24)


def _percent(share: float) -> str:
    return "0" if share == 0 else "<1" if share < 0.005 else f"{100 * share:.0f} %"


def _pixels(count: float) -> str:
    """A number of pixels in few letters."""
    for size, unit in ((1e6, "Mpx"), (1e3, "kpx")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} px"


def _svg(figure: "Figure") -> str:
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()

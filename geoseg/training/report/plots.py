"""Training curves and calibration as SVG."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geoseg.evaluation.report.plots import BLUE, INK, STYLE, VERMILION, svg, unit_square
from geoseg.training.run.run_folder import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING, VALIDATION = BLUE, VERMILION


def plot_curves(history: Sequence[Row], best: float | None) -> str:
    """Plot loss, Jaccard index, accuracy and learning rate over the epochs, and mark the `best` epoch, if any.

    Values missing from rows of `history`, one per epoch, are gaps.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.2), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for axes, (title, column) in zip(
            panels, (("loss", "loss"), ("mean IoU (Jaccard)", "jaccard"), ("accuracy", "accuracy")), strict=False
        ):
            axes.set_title(title)
            axes.margins(y=0.16)  # room for the label of the mark
            _curve(axes, history, column, TRAINING, "training")
            _curve(axes, history, f"val_{column}", VALIDATION, "validation")
            # On the side away from the training curve.
            _mark(axes, history, f"val_{column}", best, above=column == "loss")
        panels[3].set_title("learning rate")
        _curve(panels[3], history, "learning_rate", INK, "")
        panels[3].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        for axes in panels[2:]:
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
        return svg(figure)


def _curve(axes: "Axes", history: Sequence[Row], column: str, colour: str, label: str) -> None:
    epochs = [row["epoch"] for row in history]
    values = [row.get(column, np.nan) for row in history]
    if np.isfinite(values).any():
        dot = "o" if np.isfinite(values).sum() == 1 else None  # a line through one point is invisible
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


def plot_calibration(calibration: Mapping[str, Any]) -> str:
    """Plot accuracy by confidence before and after calibration, given `Fit.to_json`: dots grow with their pixels.

    Bins with fewer than one in a thousand pixels are left out: their accuracy is chance.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure, axes = unit_square("confidence", "accuracy", below=0.22)
        for name, colour in (("before", VERMILION), ("after", BLUE)):
            total = sum(each["pixels"] for each in calibration[name])
            bins = [each for each in calibration[name] if each["pixels"] * 1000 >= total]
            places = [each["confidence"] for each in bins], [each["accuracy"] for each in bins]
            label = f"{name}: error {calibration[f'ece_{name}']:.3f}"
            axes.plot(*places, color=colour, linewidth=1.8, label=label, clip_on=False)
            sizes = [8 + 240 * each["pixels"] / total for each in bins]
            axes.scatter(*places, s=sizes, color=colour, alpha=0.6, clip_on=False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        return svg(figure)

"""Small charts as SVG: a unit square with curves, for pages that load nothing."""

from collections.abc import Sequence
from html import escape

import numpy as np

from geoseg.evaluation.calibration import Calibration
from geoseg.evaluation.matrix_scores import Floats
from geoseg.evaluation.result import ClassEvaluation

SIDE = 260
"""Pixels of the unit square."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 48, 12, 150, 44
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000")
"""Okabe and Ito's palette, told apart by colour-blind readers."""


def reliability(calibration: Calibration) -> str:
    """Accuracy by confidence; bars on the diagonal are probabilities that mean what they say."""
    width = SIDE / len(calibration.bins)
    most = max(each.pixels for each in calibration.bins) or 1
    bars = [
        f'<rect x="{_LEFT + i * width + 1:.1f}" y="{_y(each.accuracy):.1f}" width="{width - 2:.1f}" '
        f'height="{each.accuracy * SIDE:.1f}" fill="{_COLOURS[0]}" '
        f'fill-opacity="{0.25 + 0.75 * each.pixels / most:.2f}"><title>{each.pixels:,} pixels, confidence '
        f"{each.confidence:.3f}, accuracy {each.accuracy:.3f}</title></rect>"
        for i, each in enumerate(calibration.bins)
        if each.pixels
    ]
    diagonal = _line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "currentColor", dashed=True)
    return _square("confidence", "accuracy", [*bars, diagonal])


def precision_recall(classes: Sequence[ClassEvaluation]) -> str:
    """Relaxed precision and recall of each class over all thresholds, break-even points marked."""
    parts = [_line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "currentColor", dashed=True)]
    drawn = [entry for entry in classes if entry.sweep is not None]
    for i, entry in enumerate(drawn):
        curve, colour = entry.sweep, _COLOURS[i % len(_COLOURS)]
        if curve is None:
            continue
        parts.append(_line(curve.recall, curve.precision, colour))
        if not np.isnan(curve.break_even):
            parts.append(
                f'<circle cx="{_x(curve.break_even):.1f}" cy="{_y(curve.break_even):.1f}" r="3.5" fill="{colour}"/>'
            )
        top = _TOP + 14 + 18 * i
        parts.append(
            f'<rect x="{_LEFT + SIDE + 14}" y="{top - 9}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{_LEFT + SIDE + 30}" y="{top}">{escape(entry.scores.name)}</text>'
        )
    return _square("relaxed recall", "relaxed precision", parts)


def _x(value: float) -> float:
    return _LEFT + value * SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * SIDE


def _line(x: Floats, y: Floats, colour: str, *, dashed: bool = False) -> str:
    defined = np.isfinite(x) & np.isfinite(y)
    points = " ".join(f"{_x(a):.1f},{_y(b):.1f}" for a, b in zip(x[defined], y[defined], strict=True))
    style = 'stroke-dasharray="4 4" stroke-opacity="0.5"' if dashed else 'stroke-width="2"'
    return f'<polyline points="{points}" fill="none" stroke="{colour}" {style}/>'


def _square(across: str, up: str, parts: Sequence[str]) -> str:
    ticks = [
        f'<text x="{_x(value):.0f}" y="{_TOP + SIDE + 16}" text-anchor="middle">{value:g}</text>'
        f'<text x="{_LEFT - 6}" y="{_y(value) + 4:.0f}" text-anchor="end">{value:g}</text>'
        for value in (0, 0.5, 1)
    ]
    frame = (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.4"/>'
    )
    middle = _TOP + SIDE / 2
    labels = (
        f'<text x="{_LEFT + SIDE / 2:.0f}" y="{_TOP + SIDE + 36}" text-anchor="middle">{across}</text>'
        f'<text x="12" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 12 {middle:.0f})">{up}</text>'
    )
    width, height = _LEFT + SIDE + _RIGHT, _TOP + SIDE + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-size="12" fill="currentColor" role="img" aria-label="{up} by {across}">'
        f"{frame}{''.join(parts)}{''.join(ticks)}{labels}</svg>"
    )

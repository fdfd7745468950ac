"""QGIS styles of a map of differences: what was missed, what is false, and what became of junctions."""

from geoseg.vectors.qgis import category_style, single_style

_COLOURS = {"found": "0,158,115,255", "missed": "213,0,50,255", "false": "0,90,200,255"}
"""Told apart by brightness as well, for those who do not see red or green."""


def line_style(status: str) -> str:
    """QML for lines of one status, that stand out on imagery."""
    options = {
        "line_color": _COLOURS[status],
        "line_width": "0.8",
        "line_width_unit": "MM",
        "capstyle": "flat",
        "joinstyle": "round",
    }
    return single_style("line", "SimpleLine", options)


def point_style() -> str:
    """QML for junctions: a dot for each, coloured by the field `status`."""
    options = {
        status: {
            "name": "circle",
            "color": colour,
            "outline_color": "255,255,255,255",
            "outline_width": "0.3",
            "size": "2.2",
            "size_unit": "MM",
        }
        for status, colour in _COLOURS.items()
    }
    return category_style("status", "marker", "SimpleMarker", options)

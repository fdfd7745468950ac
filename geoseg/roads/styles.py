"""QGIS styles of a road network: lines coloured by kind, and small dots where roads meet or end."""

from geoseg.vectors.qgis import category_style, single_style

_KINDS = {"road": "255,106,0,255", "ring": "214,39,160,255", "plaza": "0,150,200,255"}


def edge_style() -> str:
    """QML for edges: one line symbol for each kind, that stand out on imagery and on class rasters alike."""
    options = {
        kind: {
            "line_color": colour,
            "line_width": "0.5",
            "line_width_unit": "MM",
            "capstyle": "round",
            "joinstyle": "round",
        }
        for kind, colour in _KINDS.items()
    }
    return category_style("kind", "line", "SimpleLine", options)


def node_style() -> str:
    """QML for nodes: white dots with a dark rim, smaller than a line is long at any scale that shows single roads."""
    options = {
        "name": "circle",
        "color": "255,255,255,255",
        "outline_color": "60,60,60,255",
        "outline_width": "0.2",
        "size": "1.2",
        "size_unit": "MM",
    }
    return single_style("marker", "SimpleMarker", options)

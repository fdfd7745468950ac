"""QGIS styles of a map of differences: what was missed, what is false, and what became of junctions."""

from xml.etree import ElementTree as Xml

from geoseg.styles import add_symbol, qgis_root, qml

_COLOURS = {"found": "0,158,115,255", "missed": "213,0,50,255", "false": "0,90,200,255"}
"""Told apart by brightness as well, for those who do not see red or green."""


def line_style(status: str) -> str:
    """QML for lines of one status, that stand out on imagery."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    options = {
        "line_color": _COLOURS[status],
        "line_width": "0.8",
        "line_width_unit": "MM",
        "capstyle": "flat",
        "joinstyle": "round",
    }
    add_symbol(Xml.SubElement(renderer, "symbols"), 0, "line", "SimpleLine", options)
    return qml(root)


def point_style() -> str:
    """QML for junctions: a dot for each, coloured by the field `status`."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="status", symbollevels="0")
    categories = Xml.SubElement(renderer, "categories")
    symbols = Xml.SubElement(renderer, "symbols")
    for number, (status, colour) in enumerate(_COLOURS.items()):
        Xml.SubElement(
            categories, "category", value=status, label=status, symbol=str(number), render="true", type="string"
        )
        options = {
            "name": "circle",
            "color": colour,
            "outline_color": "255,255,255,255",
            "outline_width": "0.3",
            "size": "2.2",
            "size_unit": "MM",
        }
        add_symbol(symbols, number, "marker", "SimpleMarker", options)
    return qml(root)

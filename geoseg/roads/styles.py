"""QGIS styles of a road network: lines coloured by kind, and small dots where roads meet or end."""

from xml.etree import ElementTree as Xml

from geoseg.styles import add_symbol, qgis_root, qml

_KINDS = {"road": "255,106,0,255", "ring": "214,39,160,255", "plaza": "0,150,200,255"}


def edge_style() -> str:
    """QML for edges: one line symbol for each kind, that stand out on imagery and on class rasters alike."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="kind", symbollevels="0")
    categories = Xml.SubElement(renderer, "categories")
    symbols = Xml.SubElement(renderer, "symbols")
    for number, (kind, colour) in enumerate(_KINDS.items()):
        Xml.SubElement(categories, "category", value=kind, label=kind, symbol=str(number), render="true", type="string")
        options = {
            "line_color": colour,
            "line_width": "0.5",
            "line_width_unit": "MM",
            "capstyle": "round",
            "joinstyle": "round",
        }
        add_symbol(symbols, number, "line", "SimpleLine", options)
    return qml(root)


def node_style() -> str:
    """QML for nodes: white dots with a dark rim, smaller than a line is long at any scale that shows single roads."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    options = {
        "name": "circle",
        "color": "255,255,255,255",
        "outline_color": "60,60,60,255",
        "outline_width": "0.2",
        "size": "1.2",
        "size_unit": "MM",
    }
    add_symbol(Xml.SubElement(renderer, "symbols"), 0, "marker", "SimpleMarker", options)
    return qml(root)

"""QGIS styles of a road network: lines coloured by kind, and small dots where roads meet or end."""

from collections.abc import Mapping
from xml.etree import ElementTree as Xml

_KINDS = {"road": "255,106,0,255", "ring": "214,39,160,255", "plaza": "0,150,200,255"}


def edge_style() -> str:
    """QML for edges: one line symbol for each kind, that stand out on imagery and on class rasters alike."""
    root = _qgis()
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
        _symbol(symbols, number, "line", "SimpleLine", options)
    return _text(root)


def node_style() -> str:
    """QML for nodes: white dots with a dark rim, smaller than a line is long at any scale that shows single roads."""
    root = _qgis()
    renderer = Xml.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    options = {
        "name": "circle",
        "color": "255,255,255,255",
        "outline_color": "60,60,60,255",
        "outline_width": "0.2",
        "size": "1.2",
        "size_unit": "MM",
    }
    _symbol(Xml.SubElement(renderer, "symbols"), 0, "marker", "SimpleMarker", options)
    return _text(root)


def _symbol(symbols: Xml.Element, number: int, kind: str, layer: str, options: Mapping[str, str]) -> None:
    symbol = Xml.SubElement(symbols, "symbol", type=kind, name=str(number), alpha="1")
    part = Xml.SubElement(symbol, "layer", {"class": layer, "enabled": "1", "pass": "0", "locked": "0"})
    for key, value in options.items():
        Xml.SubElement(part, "prop", k=key, v=value)


def _qgis() -> Xml.Element:
    return Xml.Element("qgis", version="3.22", styleCategories="Symbology")


def _text(root: Xml.Element) -> str:
    Xml.indent(root)
    return (
        '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )

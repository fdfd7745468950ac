"""QGIS layer styles that are written beside results, so that dragging one into a map shows its legend."""

from collections.abc import Mapping
from xml.etree import ElementTree as Xml

from geoseg.models.legend import Legend


def class_style(legend: Legend) -> str:
    """QML for a class raster: one colour and one name for each class id, nodata transparent."""
    root = qgis_root()
    pipe = Xml.SubElement(root, "pipe")
    renderer = Xml.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = Xml.SubElement(renderer, "colorPalette")
    for value, entry in enumerate(legend.classes):
        Xml.SubElement(palette, "paletteEntry", value=str(value), color=entry.colour, label=entry.name, alpha="255")
    return qml(root)


def qgis_root() -> Xml.Element:
    """The root element of a style that QGIS 3.22 and later read."""
    return Xml.Element("qgis", version="3.22", styleCategories="Symbology")


def add_symbol(symbols: Xml.Element, number: int, kind: str, layer: str, options: Mapping[str, str]) -> None:
    """Add a symbol of a vector layer by number: its kind (`line`, `fill`, `marker`), its one layer with options."""
    symbol = Xml.SubElement(symbols, "symbol", type=kind, name=str(number), alpha="1")
    part = Xml.SubElement(symbol, "layer", {"class": layer, "enabled": "1", "pass": "0", "locked": "0"})
    for key, value in options.items():
        Xml.SubElement(part, "prop", k=key, v=value)


def single_style(kind: str, layer: str, options: Mapping[str, str]) -> str:
    """QML for a vector layer whose features all look alike."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    add_symbol(Xml.SubElement(renderer, "symbols"), 0, kind, layer, options)
    return qml(root)


def category_style(field: str, kind: str, layer: str, options: Mapping[str, Mapping[str, str]]) -> str:
    """QML for a vector layer whose features look as the value of a text field says: options of the symbol by value."""
    root = qgis_root()
    renderer = Xml.SubElement(root, "renderer-v2", type="categorizedSymbol", attr=field, symbollevels="0")
    categories = Xml.SubElement(renderer, "categories")
    symbols = Xml.SubElement(renderer, "symbols")
    for number, (value, look) in enumerate(options.items()):
        Xml.SubElement(
            categories, "category", value=value, label=value, symbol=str(number), render="true", type="string"
        )
        add_symbol(symbols, number, kind, layer, look)
    return qml(root)


def qml(root: Xml.Element) -> str:
    """The text of a style file."""
    Xml.indent(root)
    return (
        '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )

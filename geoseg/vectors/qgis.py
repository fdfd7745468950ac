"""QGIS styles for results, with class names and colours."""

from collections.abc import Iterable, Mapping
from typing import Literal
from xml.etree import ElementTree as Xml

from geoseg.models.legend import Legend
from geoseg.models.texts import in_xml

Symbol = Literal["line", "fill", "marker"]

_KINDS = {"road": "255,106,0,255", "ring": "214,39,160,255", "plaza": "0,150,200,255"}
_STATUSES = {"found": "0,158,115,255", "missed": "213,0,50,255", "false": "0,90,200,255"}
"""Differ in brightness too, for colour-blind readers."""


def class_style(legend: Legend) -> str:
    """Return the QML of a class raster: name and colour of each entry, nodata transparent."""
    root = _root()
    pipe = Xml.SubElement(root, "pipe")
    renderer = Xml.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = Xml.SubElement(renderer, "colorPalette")
    for value, entry in enumerate(legend.entries):
        Xml.SubElement(
            palette, "paletteEntry", value=str(value), color=entry.colour, label=in_xml(entry.name), alpha="255"
        )
    return _qml(root)


def polygon_style(classes: Iterable[tuple[int, str, str]]) -> str:
    """Return the QML of polygons filled by `class_id`; classes are given as id, name and colour (`#4a4a4a`)."""
    fill = {
        "style": "solid",
        "outline_color": "35,35,35,120",
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    categories = [
        (str(number), in_xml(name), {"color": ",".join(map(str, bytes.fromhex(colour[1:]))) + ",255", **fill})
        for number, name, colour in classes
    ]
    return _category_style("class_id", "long", "fill", categories)


def edge_style() -> str:
    """Return the QML of road edges: a colour for each kind, visible on imagery and class rasters."""
    return _category_style(
        "kind", "string", "line", [(kind, kind, _line(colour, "0.5", "round")) for kind, colour in _KINDS.items()]
    )


def node_style() -> str:
    """Return the QML of road nodes: small white dots with a dark rim."""
    return _single_style("marker", _dot("255,255,255,255", "60,60,60,255", "0.2", "1.2"))


def difference_style(status: str) -> str:
    """Return the QML of lines of one status, `missed` or `false`."""
    return _single_style("line", _line(_STATUSES[status], "0.8", "flat"))


def junction_style() -> str:
    """Return the QML of junctions: dots coloured by `status`."""
    dots = [(status, status, _dot(colour, "255,255,255,255", "0.3", "2.2")) for status, colour in _STATUSES.items()]
    return _category_style("status", "string", "marker", dots)


def _line(colour: str, width: str, cap: str) -> dict[str, str]:
    return {"line_color": colour, "line_width": width, "line_width_unit": "MM", "capstyle": cap, "joinstyle": "round"}


def _dot(colour: str, rim: str, rim_width: str, size: str) -> dict[str, str]:
    return {
        "name": "circle",
        "color": colour,
        "outline_color": rim,
        "outline_width": rim_width,
        "size": size,
        "size_unit": "MM",
    }


def _single_style(kind: Symbol, options: Mapping[str, str]) -> str:
    """Return the QML of a layer with one symbol."""
    root = _root()
    renderer = Xml.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    _add_symbol(Xml.SubElement(renderer, "symbols"), 0, kind, options)
    return _qml(root)


def _category_style(
    field: str,
    field_type: Literal["string", "long"],
    kind: Symbol,
    categories: Iterable[tuple[str, str, Mapping[str, str]]],
) -> str:
    """Return the QML of a layer drawn by the values of a field; categories are value, label and symbol options.

    Attributes have a different order for each type of field: styles are compared byte by byte.
    """
    root = _root()
    integer = field_type == "long"
    order = {"enableorderby": "0"} if integer else {}
    renderer = Xml.SubElement(
        root, "renderer-v2", {"type": "categorizedSymbol", "attr": field, **order, "symbollevels": "0"}
    )
    listed = Xml.SubElement(renderer, "categories")
    symbols = Xml.SubElement(renderer, "symbols")
    for number, (value, label, options) in enumerate(categories):
        shown = {"label": label, "symbol": str(number), "render": "true"}
        typed = {"type": field_type, **shown} if integer else {**shown, "type": field_type}
        Xml.SubElement(listed, "category", {"value": value, **typed})
        _add_symbol(symbols, number, kind, options)
    return _qml(root)


def _root() -> Xml.Element:
    """Return the root element of a style, for QGIS 3.22 and later."""
    return Xml.Element("qgis", version="3.22", styleCategories="Symbology")


def _add_symbol(symbols: Xml.Element, number: int, kind: Symbol, options: Mapping[str, str]) -> None:
    symbol = Xml.SubElement(symbols, "symbol", type=kind, name=str(number), alpha="1")
    layer = {"class": f"Simple{kind.title()}", "enabled": "1", "pass": "0", "locked": "0"}
    part = Xml.SubElement(symbol, "layer", layer)
    for key, value in options.items():
        Xml.SubElement(part, "prop", k=key, v=value)


def _qml(root: Xml.Element) -> str:
    """Return the text of a style file."""
    Xml.indent(root)
    return (
        '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )

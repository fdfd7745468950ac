"""The QGIS style of a layer of class polygons."""

from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from geoseg.vectors.qgis import add_symbol, qgis_root, qml

from .classes import Classes


def polygon_style(classes: Classes, numbers: Iterable[int]) -> str:
    """QML that fills the polygons of each class with its colour, and names it in the legend."""
    root = qgis_root()
    renderer = Xml.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="class_id", enableorderby="0", symbollevels="0"
    )
    categories = Xml.SubElement(renderer, "categories")
    symbols = Xml.SubElement(renderer, "symbols")
    for place, number in enumerate(numbers):
        Xml.SubElement(
            categories,
            "category",
            {
                "value": str(number),
                "type": "long",
                "label": classes.name(number),
                "symbol": str(place),
                "render": "true",
            },
        )
        red, green, blue = bytes.fromhex(classes.colour(number)[1:])
        options = {
            "color": f"{red},{green},{blue},255",
            "style": "solid",
            "outline_color": "35,35,35,120",
            "outline_style": "solid",
            "outline_width": "0.1",
            "outline_width_unit": "MM",
            "joinstyle": "round",
        }
        add_symbol(symbols, place, "fill", "SimpleFill", options)
    return qml(root)

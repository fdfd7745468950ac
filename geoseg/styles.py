"""QGIS layer styles that are written beside results, so that dragging one into a map shows its legend."""

from xml.etree import ElementTree as Xml

from geoseg.models.legend import Legend


def class_style(legend: Legend) -> str:
    """QML for a class raster: one colour and one name for each class id, nodata transparent."""
    root = _qgis()
    pipe = Xml.SubElement(root, "pipe")
    renderer = Xml.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = Xml.SubElement(renderer, "colorPalette")
    for value, entry in enumerate(legend.classes):
        Xml.SubElement(palette, "paletteEntry", value=str(value), color=entry.colour, label=entry.name, alpha="255")
    return _text(root)


def _qgis() -> Xml.Element:
    return Xml.Element("qgis", version="3.22", styleCategories="Symbology")


def _text(root: Xml.Element) -> str:
    Xml.indent(root)
    return (
        '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )

"""Write layers as GeoJSON, GeoPackage, FlatGeobuf or GeoParquet."""

from collections.abc import Sequence
from pathlib import Path

from geoseg.files import discard

from .geojson import write_geojson
from .layers import Layer
from .targets import Targets


def write_files(layers: Sequence[Layer], wanted: Targets, folder: Path) -> None:
    """Write all files of a run to a work folder; the style is the first layer's."""
    if wanted.style is not None:
        (folder / wanted.style.name).write_text(layers[0].style, encoding="utf-8")
    for file_format, path in wanted.by_format.items():
        write_layers(layers, folder / path.name, file_format)


def write_layers(layers: Sequence[Layer], path: Path, file_format: str) -> None:
    """Write layers to a file, batch by batch; an existing file is replaced.

    A GeoPackage holds all layers and their styles, the other formats only the first layer. GeoJSON is in longitude and
    latitude (RFC 7946), the others in the layer's CRS. The bytes do not depend on the date. An OSError with a
    `strerror` reports what cannot be written.
    """
    discard(path)
    # Imported when needed: pyogrio brings pandas, which takes half a second.
    match file_format:
        case "gpkg":
            from .gdal import write_geopackage

            write_geopackage(layers, path)
        case "flatgeobuf":
            from .gdal import write_flatgeobuf

            # A single layer is named after its file.
            write_flatgeobuf(layers[0], path, layers[0].name if len(layers) > 1 else path.stem)
        case "parquet":
            from .geoparquet import write_geoparquet

            write_geoparquet(layers[0], path)
        case _:
            write_geojson(layers[0], path)

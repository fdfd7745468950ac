"""Write a road network in any of the formats."""

from collections.abc import Callable, Mapping
from pathlib import Path

from .network import RoadNetwork

Writer = Callable[[RoadNetwork, Path], None]


def _geojson(network: RoadNetwork, path: Path) -> None:
    from .geojson import write_geojson

    write_geojson(network, path)


def _geopackage(network: RoadNetwork, path: Path) -> None:
    from .layers import write_geopackage

    write_geopackage(network, path)


def _flatgeobuf(network: RoadNetwork, path: Path) -> None:
    from .layers import write_flatgeobuf

    write_flatgeobuf(network, path)


def _geoparquet(network: RoadNetwork, path: Path) -> None:
    from .layers import write_geoparquet

    write_geoparquet(network, path)


_WRITERS: Mapping[str, Writer] = {
    "geojson": _geojson,
    "gpkg": _geopackage,
    "flatgeobuf": _flatgeobuf,
    "parquet": _geoparquet,
}


def write_roads(network: RoadNetwork, path: str | Path, file_format: str) -> None:
    """Write a network to a file; what was there is replaced.

    GeoJSON is in longitude and latitude (RFC 7946), the others are in the grid's CRS. A GeoPackage has the layers
    `edges` and `nodes`; the other formats have one layer, the edges.

    Parameters
    ----------
    network
        What to write.
    path
        The file.
    file_format
        One of `geoseg.prediction.settings.VECTOR_ENDINGS`.
    """
    _WRITERS[file_format](network, Path(path))

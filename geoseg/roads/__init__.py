"""Road networks traced from probabilities or masks of any size, block by block."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compile_tracer import prepare_tracer as prepare_tracer
    from .network import Edges as Edges
    from .network import Nodes as Nodes
    from .network import RoadNetwork as RoadNetwork
    from .raster import RoadRaster as RoadRaster
    from .raster import road_raster as road_raster
    from .settings import RoadSettings as RoadSettings
    from .trace import trace_network as trace_network
    from .trace_file import trace_roads as trace_roads

_HOMES = {
    "Edges": "network",
    "Nodes": "network",
    "RoadNetwork": "network",
    "RoadRaster": "raster",
    "RoadSettings": "settings",
    "prepare_tracer": "compile_tracer",
    "road_raster": "raster",
    "trace_network": "trace",
    "trace_roads": "trace_file",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - all of them strings


if not TYPE_CHECKING:  # else a type checker would accept any name

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - an attribute of a module
        """Import public names at their first use: processes that only compile need none of them."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)

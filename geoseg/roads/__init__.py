"""Road networks traced from probabilities or masks of any size, block by block."""

from .network import Edges, Nodes, RoadNetwork
from .raster import RoadRaster, road_raster
from .settings import RoadSettings
from .trace import trace_network
from .trace_file import trace_roads

__all__ = [
    "Edges",
    "Nodes",
    "RoadNetwork",
    "RoadRaster",
    "RoadSettings",
    "road_raster",
    "trace_network",
    "trace_roads",
]

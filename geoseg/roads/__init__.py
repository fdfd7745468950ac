"""Road centrelines traced from a mask whose rows stream by, in memory bounded by a strip and the unfinished edges."""

from .road import Road, RoadSettings
from .trace import trace_roads
from .write import RoadTotals, write_geojson

__all__ = ["Road", "RoadSettings", "RoadTotals", "trace_roads", "write_geojson"]

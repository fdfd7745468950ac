"""The vector formats that results are written in."""

VECTOR_ENDINGS = {"geojson": ".geojson", "gpkg": ".gpkg", "flatgeobuf": ".fgb", "parquet": ".parquet"}
"""Formats of road networks and polygons, and their file name endings."""

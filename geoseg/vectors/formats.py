"""Vector formats of results."""

VECTOR_ENDINGS = {"geojson": ".geojson", "gpkg": ".gpkg", "flatgeobuf": ".fgb", "parquet": ".parquet"}
"""File name endings by format."""

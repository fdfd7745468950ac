"""Class ids of a raster, with their names and colours."""

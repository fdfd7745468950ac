"""Open rasters, and refuse those that GDAL would open but not read as they are."""

"""Files that a raster consists of: their names, servers and sidecars, and which of them may be opened."""

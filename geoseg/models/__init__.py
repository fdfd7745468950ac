"""Networks, losses, legends, bundles and engines: Keras; no raster."""

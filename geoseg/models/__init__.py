"""Keras networks, losses, legends, bundles and engines, independent of rasters."""

"""Bands of a raster: what each shows, and which of them a model wants."""

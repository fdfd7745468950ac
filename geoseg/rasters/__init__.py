"""Rasters on disk: open, read, resample, place on the ground."""

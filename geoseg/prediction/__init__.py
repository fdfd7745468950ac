"""Scenes to class rasters and road networks: plan, blocks, journal, mosaics."""

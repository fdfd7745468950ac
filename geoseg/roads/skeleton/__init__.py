"""Skeletons of road masks, block by block."""

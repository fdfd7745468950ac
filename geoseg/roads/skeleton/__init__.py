"""Skeletons of road masks, traced block by block."""

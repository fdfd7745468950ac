"""Inputs of a network: the bands of a scene, their values, and which pixels have data."""

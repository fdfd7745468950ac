"""Labelled imagery as training samples."""

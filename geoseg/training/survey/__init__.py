"""Inspect labelled imagery and suggest a recipe."""

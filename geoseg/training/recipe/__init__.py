"""Recipes: what to train, on which data, for how long."""

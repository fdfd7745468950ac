"""Recipes: network, data, loss and schedule of a training run."""

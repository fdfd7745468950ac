"""Registries of models: read one, make one, and add models from one, or from a bundle's own URL."""

"""Engines: run a bundle's network on tiles."""

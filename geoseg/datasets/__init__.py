"""Labelled imagery on disk: which files belong together, and how published data sets code their classes."""

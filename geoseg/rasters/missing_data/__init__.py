"""Pixels without data: declared or not, never written, or not read."""

"""Trace the skeleton of a road mask, block by block."""

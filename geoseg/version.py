"""The version of geoseg, for the package, the command line and the tags of results."""

__version__ = "0.1.0"

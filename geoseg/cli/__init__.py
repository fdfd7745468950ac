"""The command line: parse, call, show."""

from .group import main

__all__ = ["main"]

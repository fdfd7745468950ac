"""Report of a batch: footprints, class tables and times, on one page."""

from .page import write_report

__all__ = ["write_report"]

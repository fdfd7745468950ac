"""Report of a batch: footprints, class tables and times, on one page."""

from .page import REPORT, check_report, write_report

__all__ = ["REPORT", "check_report", "write_report"]

"""Report of a batch: footprints, class tables and times, on one page."""

from .page import write_report
from .updates import with_report

__all__ = ["with_report", "write_report"]

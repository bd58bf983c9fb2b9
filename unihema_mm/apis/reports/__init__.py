"""Reports in clinical units: ``write_report(results, out, ReportOptions(...))``."""

from .options import BORDER_RULES, INTERVAL_RULES, ReportOptions
from .report import write_report

__all__ = ['BORDER_RULES', 'INTERVAL_RULES', 'ReportOptions', 'write_report']

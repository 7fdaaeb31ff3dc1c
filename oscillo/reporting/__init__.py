"""Reports: a run, or several side by side, as one page that needs nothing else."""

from oscillo.reporting.comparison import write_comparison
from oscillo.reporting.report import leave_report, write_report

__all__ = ["leave_report", "write_comparison", "write_report"]

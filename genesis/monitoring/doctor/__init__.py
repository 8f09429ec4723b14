"""The doctor: does the configured Redis behave as Genesis needs, and which of its settings endanger the promise?"""

from __future__ import annotations

from genesis.monitoring.doctor.examination import examine
from genesis.monitoring.doctor.findings import LEVELS, Finding, Report

__all__ = ["LEVELS", "Finding", "Report", "examine"]

"""The doctor: is everything there that Genesis needs, does it behave as it must, and which of its settings endanger the promise?"""

from __future__ import annotations

from genesis.monitoring.doctor.examination import examine
from genesis.monitoring.doctor.findings import LEVELS, Finding, Report

__all__ = ["LEVELS", "Finding", "Report", "examine"]

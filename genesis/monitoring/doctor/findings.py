"""What the doctor finds: how bad it is, what was found, why it matters, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from genesis.masking import mask

Level = Literal["error", "warning", "unknown", "ok"]
LEVELS: tuple[Level, ...] = ("error", "warning", "unknown", "ok")
"""From worst to best; unknown: the server does not tell."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        about: the setting that names the server, such as `redis.url`, or what else was looked at.
        check: short name of what was looked at, for scripts.
        found: what was found.
        why: why it matters; empty when all is well.
        advice: what to do; empty when there is nothing.
    """

    level: Level
    about: str
    check: str
    found: str
    why: str = ""
    advice: str = ""


class Report(msgspec.Struct, frozen=True):
    """All findings, worst first; fine as long as there is no error among them."""

    fine: bool
    errors: int
    warnings: int
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Report:
        """Sort the findings and mask whatever password may have got into one."""
        masked = (msgspec.structs.replace(row, found=mask(row.found), why=mask(row.why), advice=mask(row.advice)) for row in findings)
        rows = tuple(sorted(masked, key=lambda row: LEVELS.index(row.level)))
        errors, warnings = (sum(row.level == level for row in rows) for level in ("error", "warning"))
        return cls(not errors, errors, warnings, rows)

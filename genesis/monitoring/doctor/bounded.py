"""Run checks beside each other, each for a bounded time; one that breaks or is late takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.looks import Look

SECONDS = 2.0
"""How long a check may take."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        about: what a finding is about that says the check could not be made.
        name: short name, for scripts.
        look: returns what is found.
        late: what it means when there is no answer in time; None: it can't be told.
        seconds: how long it may take.
    """

    about: str
    name: str
    look: Callable[[], Iterable[Finding]]
    late: Finding | None = None
    seconds: float = SECONDS


def begin(checks: Sequence[Check]) -> Callable[[], list[Finding]]:
    """Begin all checks at once; return a function that waits for them, and returns the findings in the order of the checks."""
    under_way = [(check, Look(check.name, partial(_made, check), check.seconds).begin()) for check in checks]

    def wait() -> list[Finding]:
        found: list[Finding] = []
        for check, waited in under_way:
            try:
                answer = waited()
            except Exception as error:  # noqa: BLE001 - one check's mistake must not hide what the others find
                found.append(Finding("unknown", check.about, check.name, f"it can't be looked at: {type(error).__name__}: {error}"))
                continue
            if answer.value is not None:
                found += answer.value
            else:
                found.append(check.late or Finding("unknown", check.about, check.name, answer.error))
        return found

    return wait


def _made(check: Check) -> list[Finding]:
    return list(check.look())

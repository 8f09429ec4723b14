"""The conformance suite: what a Redis must do so that Genesis can keep its promise, as cases that anyone can run.

    for case in CASES:
        if case.quick:
            case.run(client, "genesis:check-1")

`genesis doctor` runs the quick ones against the configured ledger; `tests/conformance` runs all of them
against every Redis that Genesis supports. Each case uses keys below the given prefix alone and removes
them; those marked `alone` also change a setting of the server for a moment.
"""

from __future__ import annotations

from genesis.bus.conformance import claims, leases, scripts, streams, verbs
from genesis.bus.conformance.case import Case, ConformanceError

__all__ = ["CASES", "Case", "ConformanceError"]

CASES: tuple[Case, ...] = tuple(
    case for module in (streams, claims, scripts, verbs, leases) for case in vars(module).values() if isinstance(case, Case)
)
"""All cases: first the server's own behaviour, then the verbs of the ledger on it."""

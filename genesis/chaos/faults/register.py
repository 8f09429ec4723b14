"""The register of faults by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from genesis.chaos.plan import Step
from genesis.chaos.site import Site

Fault = Callable[[Site, Step], AbstractContextManager[None]]

FAULTS: dict[str, Fault] = {}
"""By the names of `genesis.chaos.plan.KINDS`. Entering one does the damage, leaving it puts it right and returns when it is."""


def fault(name: str) -> Callable[[Callable[[Site, Step], Iterator[None]]], Fault]:
    """Register a generator function as a fault: damage before its `yield`, repair after it."""

    def register(function: Callable[[Site, Step], Iterator[None]]) -> Fault:
        FAULTS[name] = contextmanager(function)
        return FAULTS[name]

    return register

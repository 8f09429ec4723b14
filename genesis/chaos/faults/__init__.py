"""What is done to the system, and how it is put right: one context manager for each kind of fault."""

from __future__ import annotations

from genesis.chaos.faults import network, processes, servers
from genesis.chaos.faults.register import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "network", "processes", "servers"]

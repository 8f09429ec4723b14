"""Processes that are killed, frozen, asked to end, or whose clock jumps."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from genesis.chaos.faults.register import fault
from genesis.chaos.plan import Step
from genesis.chaos.processes import children, signal_quietly
from genesis.chaos.site import BRIDGES, LEDGER, PUBLISHER, VOLATILE, WORKERS, Site

_HOUR = 3600.0
_CLOCKS = (*BRIDGES, *WORKERS, PUBLISHER)


def _killed(site: Site, name: str, step: Step) -> Iterator[None]:
    starts = site.keeper.end(name, signal.SIGKILL, step.pause)
    yield
    site.keeper.wait_for_start(name, starts)


@fault("kill-bridge")
def kill_bridge(site: Site, step: Step) -> Iterator[None]:
    """Kill a bridge."""
    yield from _killed(site, BRIDGES[step.target], step)


@fault("kill-worker")
def kill_worker(site: Site, step: Step) -> Iterator[None]:
    """Kill a worker's parent; its children finish what they run, and end."""
    yield from _killed(site, WORKERS[step.target], step)


@fault("kill-publisher")
def kill_publisher(site: Site, step: Step) -> Iterator[None]:
    """Kill the publisher."""
    yield from _killed(site, PUBLISHER, step)


@fault("kill-ledger")
def kill_ledger(site: Site, step: Step) -> Iterator[None]:
    """Kill the ledger."""
    yield from _killed(site, LEDGER, step)
    site.wait_for_server(LEDGER)


@fault("kill-volatile")
def kill_volatile(site: Site, step: Step) -> Iterator[None]:
    """Kill the volatile server."""
    yield from _killed(site, VOLATILE, step)
    site.wait_for_server(VOLATILE)


@fault("kill-child")
def kill_child(site: Site, step: Step) -> Iterator[None]:
    """Kill one of the workers' children; its parent makes another."""
    found = site.worker_children()
    if found:
        signal_quietly(found[step.target % len(found)], signal.SIGKILL)
    yield


def _frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        signal_quietly(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            signal_quietly(pid, signal.SIGCONT)


def _pids(site: Site, name: str) -> list[int]:
    pid = site.keeper.pid(name)
    return [] if pid is None else [pid]


@fault("freeze-bridge")
def freeze_bridge(site: Site, step: Step) -> Iterator[None]:
    """Stop a bridge, and let it go on when others have taken over."""
    yield from _frozen(_pids(site, BRIDGES[step.target]))


@fault("freeze-worker")
def freeze_worker(site: Site, step: Step) -> Iterator[None]:
    """Stop a worker with all its children."""
    parents = _pids(site, WORKERS[step.target])
    yield from _frozen([*parents, *(child for parent in parents for child in children(parent))])


@fault("freeze-child")
def freeze_child(site: Site, step: Step) -> Iterator[None]:
    """Stop one of the workers' children."""
    found = site.worker_children()
    yield from _frozen(found[step.target % len(found) :][:1] if found else [])


@fault("freeze-ledger")
def freeze_ledger(site: Site, step: Step) -> Iterator[None]:
    """Stop the ledger: it keeps its connections and answers nobody."""
    del step
    yield from _frozen(_pids(site, LEDGER))
    site.wait_for_server(LEDGER)


@fault("freeze-volatile")
def freeze_volatile(site: Site, step: Step) -> Iterator[None]:
    """Stop the volatile server."""
    del step
    yield from _frozen(_pids(site, VOLATILE))
    site.wait_for_server(VOLATILE)


@fault("restart-workers")
def restart_workers(site: Site, step: Step) -> Iterator[None]:
    """Ask one worker after the other to end, and wait until it has been started again."""
    for worker in WORKERS:
        starts = site.keeper.end(worker, signal.SIGTERM, step.pause)
        site.keeper.wait_for_start(worker, starts)
    yield


@fault("restart-bridge")
def restart_bridge(site: Site, step: Step) -> Iterator[None]:
    """Ask a bridge to end."""
    starts = site.keeper.end(BRIDGES[step.target], signal.SIGTERM, step.pause)
    yield
    site.keeper.wait_for_start(BRIDGES[step.target], starts)


def _moved(site: Site, step: Step, seconds: float) -> Iterator[None]:
    role = _CLOCKS[step.target]
    site.set_clock(role, seconds)
    yield
    site.set_clock(role, 0.0)


@fault("clock-forward")
def clock_forward(site: Site, step: Step) -> Iterator[None]:
    """Set a process's clock forward."""
    yield from _moved(site, step, _HOUR)


@fault("clock-back")
def clock_back(site: Site, step: Step) -> Iterator[None]:
    """Set a process's clock back."""
    yield from _moved(site, step, -_HOUR)

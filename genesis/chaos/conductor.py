"""Carry out a schedule of faults on a running system, and find out when it has recovered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from genesis.chaos.evidence import Watcher
from genesis.chaos.faults import FAULTS
from genesis.chaos.mixed import Mixer
from genesis.chaos.plan import Step
from genesis.chaos.progress import NEVER, Numbered, Progress
from genesis.chaos.site import Site

LIMIT_BEYOND_LEASE = 10.0
"""Seconds beyond the lease within which everything must be done again."""

_PATIENCE_BEYOND_LEASE = 60.0  # before the next fault comes all the same
_LOOK_SECONDS = 0.1
SEEN_SECONDS = 0.5  # until an entry that was added has been seen


@dataclass(slots=True)
class Injected:
    """A fault that happened; times in seconds of the monotonic clock.

    Attributes:
        step: of the schedule.
        begun: when.
        healed: when it was put right: the process started, the server answering, the network passing.
        trouble: what went wrong with making it, if something did.
    """

    step: Step
    begun: float
    healed: float = NEVER
    trouble: str = ""


def recovery(fault: Injected, numbered: Sequence[Numbered]) -> float:
    """Return the seconds from a fault's end until everything that had been published by then was done."""
    waited_for = (each.done for each in numbered if each.published <= fault.healed)
    return max(0.0, max(waited_for, default=fault.healed) - fault.healed)


def alone(fault: Injected, seconds: float, faults: Sequence[Injected]) -> bool:
    """Tell whether no other fault lay between a fault's end and its recovery, so that the time is its own."""
    return not any(other is not fault and other.begun < fault.healed + seconds and other.healed > fault.healed for other in faults)


def undisturbed(fault: Injected, until: float, faults: Sequence[Injected]) -> bool:
    """Tell whether no other fault was there from a fault's beginning until a time."""
    return not any(other is not fault and other.begun < until and other.healed > fault.begun for other in faults)


@dataclass
class Conductor:
    """Carries out a schedule.

    Attributes:
        site: the system.
        watcher: who sees what it does.
        mixer: who puts in what does not belong there; one entry with every fault.
        say: tells a person.
        poison_every: faults from one set of events that hurt to the next; 0 for none.
        pace: called with the number of faults so far; returns when it is time for the next, so that they are spread over the events.
        injected: the faults so far.
    """

    site: Site
    watcher: Watcher
    mixer: Mixer
    say: Callable[[str], None]
    poison_every: int
    pace: Callable[[int], None] = lambda _done: None
    injected: list[Injected] = field(default_factory=list)
    _running: list[threading.Thread] = field(default_factory=list)
    _progress: Progress = field(default_factory=Progress)
    _given_up: float = -NEVER  # what was published before this is waited for no longer: it will be found lost

    def play(self, steps: Sequence[Step]) -> None:
        """Carry out all steps."""
        for step in steps:
            if not self._running:
                self.pace(step.number - 1)
            if self.poison_every and (step.number - 1) % self.poison_every == 0:
                self.mixer.poison()
            time.sleep(step.calm)
            fault = Injected(step, time.monotonic())
            self.injected.append(fault)
            thread = threading.Thread(target=self._inject, args=(fault,), name=step.kind, daemon=True)
            thread.start()
            self._running.append(thread)
            self.mixer.broken()
            if step.overlaps:
                self.say(f"fault {step.number} of {len(steps)}: {step.kind}, and the next one comes at once")
                continue
            for each in self._running:
                each.join()
            self._running.clear()
            self.say(f"fault {step.number} of {len(steps)}: {step.kind}; {self._recover()}")

    def _inject(self, fault: Injected) -> None:
        try:
            with FAULTS[fault.step.kind](self.site, fault.step):
                time.sleep(fault.step.seconds)
        except Exception as error:  # noqa: BLE001 - told in the report; the run goes on
            fault.trouble = f"{type(error).__name__}: {error}"
        fault.healed = time.monotonic()

    def _recover(self) -> str:
        """Wait until everything that was published before the last fault's end is done; tell how long that took."""
        healed = max(fault.healed for fault in self.injected)
        deadline = healed + self.site.wishes.lease + _PATIENCE_BEYOND_LEASE
        while True:
            now = time.monotonic()
            self.watcher.show(self._progress.feed)
            left = self._progress.waiting(healed, self._given_up)
            # Entries are seen a little after they were added.
            if not left and now > healed + SEEN_SECONDS:
                return f"all done {max(0.0, self._progress.last_done(healed) - healed):.1f} s after it was over"
            if now > deadline:
                self._given_up = healed
                return f"NOT all done {now - healed:.0f} s after it was over: {left} events are not"
            time.sleep(_LOOK_SECONDS)

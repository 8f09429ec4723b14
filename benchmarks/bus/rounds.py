"""Everybody in turns, round after round, and the medians of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from benchmarks.bus.contestants import Contestant
from benchmarks.bus.measure import FailedError, Phase, Speed, measure, of
from benchmarks.reports import middle


@dataclass(frozen=True)
class Plan:
    """How long is measured.

    Attributes:
        seconds: that a contestant's events about last, at saturation.
        phases: at given rates, in each round with one worker, and in the first one with more.
        workers: how many there are at a time.
    """

    seconds: float
    phases: tuple[Phase, ...]
    workers: tuple[int, ...]


FULL = Plan(2.0, (Phase(50, 25, told=False), Phase(50, 150), Phase(500, 750)), (1, 2))
QUICK = Plan(0.4, (Phase(50, 10, told=False), Phase(50, 30), Phase(500, 150)), (1,))


@dataclass
class Found:
    """What was measured of one contestant with so many workers, in all rounds."""

    contestant: Contestant
    workers: int
    speeds: list[Speed] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Events per second at saturation; NaN where it failed."""
        return middle(speed.rate for speed in self.speeds)

    @property
    def cpu(self) -> float:
        """Microseconds of CPU per event."""
        return middle(speed.cpu for speed in self.speeds)

    def latency(self, rate: float) -> tuple[float, float]:
        """Return p50 and p99 in milliseconds, each the median of the rounds' own."""
        rounds = [of(speed.latencies[rate]) for speed in self.speeds if rate in speed.latencies]
        return middle(p50 for p50, _ in rounds), middle(p99 for _, p99 in rounds)

    def plain(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        rates = sorted({rate for speed in self.speeds for rate in speed.latencies})
        return {
            "contestant": self.contestant.name,
            "workers": self.workers,
            "events_per_second": self.rate,
            "rounds": [speed.rate for speed in self.speeds],
            "cpu_us_per_event": self.cpu,
            "latency_ms": {f"{rate:g}/s": dict(zip(("p50", "p99"), self.latency(rate), strict=True)) for rate in rates},
        }


def race(contestants: Sequence[Contestant], plan: Plan, rounds: int, *, fsync: bool) -> list[Found]:
    """Measure everybody in turns."""
    found = {(one.name, workers): Found(one, workers) for one in contestants for workers in plan.workers}
    for number in range(rounds):
        for contestant, workers in _turns(contestants, plan, number):
            phases = plan.phases if workers == 1 or not number else ()
            events = max(50, int(contestant.rate * plan.seconds))
            try:
                speed = measure(contestant, workers, events, phases, fsync=fsync)
            except FailedError as error:
                click.echo(f"failed: {error}", err=True)
                continue
            found[contestant.name, workers].speeds.append(speed)
            told = ", ".join(f"{rate:g}/s {p50:.2f}/{p99:.2f} ms" for rate, (p50, p99) in ((r, of(s)) for r, s in speed.latencies.items()))
            click.echo(f"round {number + 1}: {contestant.name}, {workers}: {speed.rate:,.0f}/s {told}", err=True)
    return list(found.values())


def _turns(contestants: Sequence[Contestant], plan: Plan, number: int) -> Iterator[tuple[Contestant, int]]:
    """Return whose turn it is, each round from another one on: who is next to whom is not to matter."""
    turns = [(contestant, workers) for contestant in contestants for workers in plan.workers]
    begin = number * len(turns) // 3 % len(turns)
    yield from turns[begin:] + turns[:begin]

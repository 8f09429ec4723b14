"""The tables and the plot of the pipeline's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.reports import Table, middle, times

if TYPE_CHECKING:
    from benchmarks.pipeline.backlog import Cost
    from benchmarks.pipeline.latency import Latency
    from benchmarks.pipeline.throughput import Run

MB = 1_000_000
MILLI = 1000
BARE, CEILING = "bare loop", "two bare loops"


def rates_table(detector: str, runs: Mapping[str, Sequence[Run]]) -> Table:
    """Return frames per second and CPU time of each contestant."""
    rates = {who: middle(run.rate for run in some) for who, some in runs.items()}
    cost = {who: f"{middle(run.cost for run in some) * MILLI:.1f}" for who, some in runs.items()}
    persons = {who: f"{middle(run.persons / max(run.frames, 1) for run in some):.2f}" for who, some in runs.items()}
    rows = [
        [who, f"{rate:.1f}", times(rate, rates[BARE]), times(rate, rates[CEILING]), cost[who], _shares(runs[who]), persons[who]]
        for who, rate in rates.items()
    ]
    frames = next(iter(runs.values()))[0].frames
    return Table(
        f"Throughput with {detector}, {frames} frames",
        ("", "frames/s", "of the bare loop", "of two bare loops", "CPU ms/frame", "of which, in ms", "persons/frame"),
        rows,
        "From the first frame to the last settled PersonDetected; models are loaded before. In event mode the detection group is alone, "
        "but for the last row: there one more worker serves all other groups, and the exporter runs. CPU is user and system time of all "
        "processes, Redis too.",
    )


def headline(detector: str, runs: Mapping[str, Sequence[Run]]) -> str:
    """Return what two workers and sync mode reach of what the bare loop does."""
    rates = {who: middle(run.rate for run in some) for who, some in runs.items()}
    two, sync = rates["event mode, 2 workers"], rates["sync mode"]
    shares = f"{times(two, rates[CEILING])} two bare loops; sync mode {times(sync, rates[BARE])} one"
    return f"{detector}: {two:.1f} frames/s with 2 workers, {shares}."


def memory_table(detector: str, runs: Mapping[str, Sequence[Run]]) -> Table:
    """Return the memory of each process while it works."""
    most: dict[str, list[tuple[int, int]]] = {}
    for some in runs.values():
        for run in some:
            for name, sizes in run.memory.items():
                most.setdefault(name, []).append(sizes)
    rows = [
        [name, f"{middle(resident for resident, _ in sizes) / MB:.0f}", f"{middle(own for _, own in sizes) / MB:.0f}"]
        for name, sizes in sorted(most.items(), key=lambda item: item[0] != BARE)
    ]
    return Table(
        f"Memory with {detector}, in MB", ("", "resident", "own share (PSS)"), rows, "The most that was seen while frames were worked on."
    )


def latency_table(name: str, found: Sequence[Latency]) -> Table:
    """Return how long frames took, by rate and number of cameras."""
    rows = [
        [
            f"{one.cameras} x {one.fps:g} fps", f"{one.offered:.1f}", f"{one.settled:.1f}",
            *(f"{value * MILLI:.0f}" for value in one.seconds), "yes" if one.saturated else "",
        ]
        for one in found
    ]  # fmt: skip
    return Table(
        f"Latency with {name}, 2 workers",
        ("cameras", "captured/s", "settled/s", "p50 ms", "p95 ms", "p99 ms", "saturated"),
        rows,
        "From a frame's capture time to its settled PersonDetected. Saturated: more was captured than could be looked at, and the latency "
        "only tells for how long; more cameras were not tried at that rate.",
    )


def backlog_table(costs: Mapping[int, Sequence[Cost]]) -> Table:
    """Return what an event takes while others wait."""
    least = min(costs)
    seconds = {size: middle(one.seconds for one in some) for size, some in costs.items()}
    cpu = {size: middle(sum(one.cpu.values()) for one in some) for size, some in costs.items()}
    rows = [
        [
            f"{size:,}", f"{seconds[size] * MILLI:.3f}", _change(seconds[size], seconds[least]), f"{cpu[size] * MILLI:.3f}",
            _change(cpu[size], cpu[least]),
        ]
        for size in costs
    ]  # fmt: skip
    return Table(
        "What an event costs while others wait",
        ("waiting", "ms/event", "change", "CPU ms/event", "change"),
        rows,
        "One bridge, one worker child, a handler that does nothing.",
    )


def cameras_table(detector: str, runs: Mapping[int, Sequence[Run]]) -> Table:
    """Return what the same number of frames costs, out of one camera or several."""
    least = min(runs)
    rate = {count: middle(run.rate for run in some) for count, some in runs.items()}
    cost = {count: middle(run.cost for run in some) for count, some in runs.items()}
    rows = [
        [str(count), f"{rate[count]:.1f}", times(rate[count], rate[least]), f"{cost[count] * MILLI:.1f}", _change(cost[count], cost[least])]
        for count in runs
    ]
    return Table(
        f"The same frames out of several cameras, with {detector}, 2 workers",
        ("cameras", "frames/s", "of one camera's", "CPU ms/frame", "change"),
        rows,
    )


def draw_rates(axes: Any, runs: Mapping[str, Sequence[Run]]) -> None:
    """Draw frames per second, with a line at the ceiling."""
    names = list(runs)
    axes.barh(range(len(names)), [middle(run.rate for run in runs[who]) for who in names], color="#4c78a8")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(middle(run.rate for run in runs[CEILING]), color="#999999", linestyle="--", linewidth=1)
    axes.set_xlabel("frames per second")


def _shares(some: Sequence[Run]) -> str:
    """Return who took the CPU time, the largest share first."""
    roles = {role: middle(run.cpu.get(role, 0.0) / max(run.frames, 1) for run in some) * MILLI for run in some for role in run.cpu}
    return ", ".join(f"{role} {value:.1f}" for role, value in sorted(roles.items(), key=lambda item: -item[1]))


def _change(value: float, base: float) -> str:
    return f"{(value / base - 1) * 100:+.1f} %" if base else "-"

"""The tables: who is how fast, what is to be reached, who loses work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from benchmarks.bus.contestants import FIRST, LAST, PLAIN, Contestant
from benchmarks.bus.kill import EVENTS, WORK, Loss
from benchmarks.bus.rounds import Found
from benchmarks.reports import Table, times

NAN = float("nan")
Rates = Mapping[tuple[str, int], Found]


def by_name(found: Sequence[Found]) -> Rates:
    """Return them by contestant and workers."""
    return {(one.contestant.name, one.workers): one for one in found}


def pool(contestant: Contestant) -> str:
    """Return which pool of Celery it is compared with: its own; for others that of one process."""
    return "prefork" if "prefork" in contestant.name else "solo"


def fastest_peer(found: Sequence[Found], workers: int) -> Found | None:
    """Return the fastest of those that are neither Genesis nor Celery."""
    peers = [one for one in found if one.workers == workers and not _own(one.contestant) and not isnan(one.rate)]
    return max(peers, key=lambda one: one.rate, default=None)


def throughput(found: Sequence[Found], title: str, note: str) -> Table:
    """Return events per second at saturation."""
    counts = sorted({one.workers for one in found})
    columns = ["contestant"]
    for count in counts:
        columns += [f"{_workers(count)}: events/s", "x Celery, same pool", "x fastest peer", "CPU per event"]
    known, rows = by_name(found), []
    for contestant in dict.fromkeys(one.contestant.name for one in found):
        row = [known[contestant, counts[0]].contestant.title]
        for count in counts:
            one = known[contestant, count]
            celery, peer = known.get((PLAIN[pool(one.contestant)], count)), fastest_peer(found, count)
            row += [_number(one.rate), ratio(one.rate, celery), ratio(one.rate, peer), _number(one.cpu, " us")]
        rows.append(row)
    return Table(title, columns, rows, note)


def latencies(found: Sequence[Found], rates: Sequence[float]) -> Table:
    """Return how soon a handler begins."""
    counts = sorted({one.workers for one in found})
    columns = ["contestant", *(f"{_workers(count)}, {rate:g}/s: p50 / p99 ms" for count in counts for rate in rates)]
    known, rows = by_name(found), []
    for contestant in dict.fromkeys(one.contestant.name for one in found):
        cells = [_latency(known[contestant, count], rate) for count in counts for rate in rates]
        rows.append([known[contestant, counts[0]].contestant.title, *cells])
    note = "From just before publishing until the handler begins. The pace waits for nobody; in brackets: who makes fewer than that."
    return Table("Latency from publishing to the handler's begin", columns, rows, note)


def losses(tried: Sequence[tuple[Contestant, int]], found: Sequence[Loss | None], patience: float) -> Table:
    """Return who lost what."""
    rows = []
    for (contestant, workers), loss in zip(tried, found, strict=True):
        title = contestant.title if workers == 1 else f"{contestant.title}, {workers} children"
        if loss is None:
            rows.append([title, "failed", "-", "-"])
        else:
            back = "-" if isnan(loss.seconds) else f"{loss.seconds:.1f} s"
            rows.append([title, str(loss.missing), str(loss.twice), back])
    note = (
        f"{EVENTS:,} events of {WORK * 1000:g} ms. Killed when a third is done, with all children, and started again. Missing: "
        f"not handled to its end within {patience:g} s after that; it may lie somewhere still. Twice: the handler ran to its end again; "
        "in Genesis such a second run has no effect. Back: from the new start until the last event was handled."
    )
    return Table("kill -9 of the worker", ["contestant", "missing", "twice", "back after"], rows, note)


def targets(found: Sequence[Found], rates: Sequence[float]) -> list[list[str]]:
    """Return what is to be reached, and what was: rows of a table."""
    known, rows = by_name(found), []
    for name, ours in FIRST.items():
        if (ours, 1) in known and (PLAIN[name], 1) in known:
            rows.append(target(f"batch 1, {name}: x Celery, {name}", 1.8, known[ours, 1].rate / known[PLAIN[name], 1].rate))
    peer = fastest_peer(found, 1)
    for ours, least in ((FIRST["solo"], 1.0), (LAST, 5.0)):
        if peer is not None and (ours, 1) in known:
            what = known[ours, 1].contestant.title
            rows.append(target(f"{what}: x fastest peer ({peer.contestant.name})", least, known[ours, 1].rate / peer.rate))
    for name, ours in FIRST.items():
        if (ours, 1) in known and (PLAIN[name], 1) in known:
            pairs = zip(("p50", "p99"), known[ours, 1].latency(rates[0]), known[PLAIN[name], 1].latency(rates[0]), strict=True)
            rows += [target(f"{what} at {rates[0]:g}/s, {name}: share of Celery's", 1.0, a / b, most=True) for what, a, b in pairs]
    return rows


def target(what: str, bound: float, value: float, *, most: bool = False, form: str = "{:.2f} x") -> list[str]:
    """Return a row: what, what is wanted, what was measured, and whether it is reached."""
    reached = value <= bound if most else value >= bound
    return [what, f"{'at most' if most else 'at least'} {form.format(bound)}", form.format(value), "yes" if reached else "NO"]


def bars(found: Sequence[Found], axes: Any) -> None:
    """Draw events per second."""
    counts = sorted({one.workers for one in found})
    known = by_name(found)
    names = list(dict.fromkeys(one.contestant.name for one in found))[::-1]
    height = 0.8 / len(counts)
    for index, count in enumerate(counts):
        values = [known[name, count].rate for name in names]
        places = [place + 0.4 - height * (index + 0.5) for place in range(len(names))]
        shades = {name: ("C0" if known[name, count].contestant.ours else "0.6") for name in names}
        axes.barh(places, values, height * 0.9, color=[shades[name] for name in names], alpha=1.0 - 0.45 * index, label=_workers(count))
    axes.set_yticks(range(len(names)), [known[name, counts[0]].contestant.title for name in names])
    axes.set_xlabel("events per second, handler that does nothing")
    if len(counts) > 1:
        axes.legend(loc="lower right", frameon=False)


def ratio(value: float, other: Found | None) -> str:
    """Return it as `2.4 x`; `-` where there is nothing to compare with."""
    return "-" if other is None or isnan(other.rate) or isnan(value) else times(value, other.rate)


def _own(contestant: Contestant) -> bool:
    return contestant.ours or contestant.name in PLAIN.values()


def _latency(one: Found, rate: float) -> str:
    p50, p99 = one.latency(rate)
    if isnan(p50):
        return "-"
    text = f"{p50:.1f} / {p99:.1f}"
    return f"({text})" if one.rate < rate else text


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _number(value: float, unit: str = "") -> str:
    return "-" if isnan(value) else f"{value:,.0f}{unit}"

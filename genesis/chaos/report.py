"""What a run of chaos has shown: as a table for people, as Markdown for the documentation, as JSON for machines."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from genesis.chaos.audit import Finding, Verdict
from genesis.chaos.conductor import LIMIT_BEYOND_LEASE, Injected, alone, recovery, undisturbed
from genesis.chaos.evidence import Evidence, Letter
from genesis.chaos.plan import KINDS, POLITE
from genesis.chaos.progress import NEVER, Numbered

KILLING = frozenset({"poison", "time_limit"})
"""Reasons of dead letters whose events killed workers before."""


class Row(msgspec.Struct, frozen=True):
    """One kind of fault. What happened between the beginning of one fault and that of the next is counted to the first.

    Attributes:
        kind: its name.
        told: in words.
        injected: how often.
        events: numbered events that were published.
        lost: of these.
        doubled: effects that happened twice.
        buried: dead letters, by reason.
        repeats: runs that were repeated, and whose effect had the same key both times.
        recovery: seconds from the fault's end until everything published by then was done, of those faults that no
            other one disturbed.
    """

    kind: str
    told: str
    injected: int
    events: int
    lost: int
    doubled: int
    buried: dict[str, int]
    repeats: int
    recovery: list[float]


class Report(msgspec.Struct, frozen=True):
    """A whole run.

    Attributes:
        seed: of its schedule.
        seconds: that it took.
        lease: `delivery.lease_seconds`.
        limit: seconds within which a fault must be recovered from.
        rows: by kind of fault.
        events: numbered events that were published.
        effects: that they had, each counted once for its key.
        lost: of everything.
        doubled: of everything.
        buried: all dead letters, by reason.
        repeats: runs that were repeated.
        findings: everything that must not be, in words.
    """

    seed: int
    seconds: float
    lease: float
    limit: float
    rows: list[Row]
    events: int
    effects: int
    lost: int
    doubled: int
    buried: dict[str, int]
    repeats: int
    findings: list[str]

    @property
    def good(self) -> bool:
        """Whether the promise was kept."""
        return not self.findings


def make_report(
    seed: int, seconds: float, lease: float, seen: Evidence, verdict: Verdict, faults: Sequence[Injected], further: Sequence[str]
) -> Report:
    """Put together what a run has shown; `further` is what else must not be, in words."""
    limit = lease + LIMIT_BEYOND_LEASE
    rows, slow = [], []
    begun = [fault.begun for fault in faults]
    repeats = [at for each in verdict.numbered for at in each.repeats]
    for kind in KINDS:
        mine = [index for index, fault in enumerate(faults) if fault.step.kind == kind.name]
        if not mine:
            continue
        during = _During(mine, begun)
        times = []
        for index in mine:
            took = recovery(faults[index], verdict.numbered)
            if alone(faults[index], took, faults):
                times.append(round(took, 2))
                if took > limit:
                    slow.append(f"fault {faults[index].step.number}, {kind.name}: not all was done within {limit:g} s ({took:.1f} s)")
        rows.append(
            Row(
                kind=kind.name, told=kind.told, injected=len(mine),
                events=during.count(each.published for each in verdict.numbered),
                lost=during.count(finding.at for finding in verdict.of("lost")),
                doubled=during.count(finding.at for finding in verdict.of("doubled")),
                buried=reasons(letter for letter in seen.letters if during.has(letter.at)),
                repeats=during.count(repeats), recovery=times,
            )
        )  # fmt: skip
    findings = [*(_told(finding) for finding in verdict.findings), *slow, *_hasty(faults, verdict.numbered, seen.letters, limit)]
    findings += [f"fault {fault.step.number}, {fault.step.kind}, could not be made: {fault.trouble}" for fault in faults if fault.trouble]
    return Report(
        seed=seed, seconds=round(seconds, 1), lease=lease, limit=limit, rows=rows, events=len(verdict.numbered),
        effects=sum(len(each.keys) for each in verdict.numbered), lost=len(verdict.of("lost")), doubled=len(verdict.of("doubled")),
        buried=reasons(seen.letters), repeats=len(repeats),
        findings=[*findings, *further],
    )  # fmt: skip


def _hasty(faults: Sequence[Injected], numbered: Sequence[Numbered], letters: Sequence[Letter], limit: float) -> Iterator[str]:
    """Find runs that were repeated though nobody was killed: whoever is asked to end must finish what runs.

    An event that takes its workers along kills several of them before it is buried, and they had not settled yet what ended just before.
    """
    killed = [letter.at for letter in letters if letter.reason in KILLING]
    for fault in faults:
        end = fault.healed + recovery(fault, numbered)
        repeats = sum(fault.begun <= at <= end for each in numbered for at in each.repeats)
        poisoned = any(fault.begun <= at <= end + 2 * limit for at in killed)
        if fault.step.kind in POLITE and repeats and not poisoned and undisturbed(fault, end, faults):
            yield f"fault {fault.step.number}, {fault.step.kind}: {repeats} runs were cut short and repeated"


class _During:
    """Tells whether a time lies in the span of one of some faults: from its beginning to that of the next."""

    def __init__(self, mine: Sequence[int], begun: Sequence[float]) -> None:
        # What was before the first fault is counted to the first.
        self._spans = [(begun[i] if i else -NEVER, begun[i + 1] if i + 1 < len(begun) else NEVER) for i in mine]

    def has(self, at: float) -> bool:
        return any(first <= at < after or (at == after == NEVER) for first, after in self._spans)

    def count(self, times: Iterable[float]) -> int:
        return sum(self.has(at) for at in times)


def reasons(letters: Iterable[Letter]) -> dict[str, int]:
    """Count dead letters by reason, the most frequent first."""
    return dict(Counter(letter.reason for letter in letters).most_common())


def _told(finding: Finding) -> str:
    return f"{finding.sort}: {finding.what}"


def cells(row: Row) -> list[str]:
    """Return a row as texts."""
    times = f"{statistics.median(row.recovery):.1f} / {max(row.recovery):.1f}" if row.recovery else "-"
    return [
        row.told, str(row.injected), str(row.events), str(row.lost), str(row.doubled), _counted(row.buried) or "-", str(row.repeats), times,
    ]  # fmt: skip


HEADS = ("fault", "injected", "events", "lost", "doubled", "dead letters", "repeats", "recovery: median / longest (s)")


def totals(report: Report) -> list[str]:
    """Return the last row of the table as texts."""
    times = [seconds for row in report.rows for seconds in row.recovery]
    told = f"{statistics.median(times):.1f} / {max(times):.1f}" if times else "-"
    injected = sum(row.injected for row in report.rows)
    return [
        "all", str(injected), str(report.events), str(report.lost), str(report.doubled), _counted(report.buried) or "-",
        str(report.repeats), told,
    ]  # fmt: skip


def markdown(report: Report) -> str:
    """Return the table as Markdown."""
    lines = [HEADS, ["---", *["---:"] * 4, "---", "---:", "---:"], *map(cells, report.rows), [f"**{text}**" for text in totals(report)]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def table(report: Report) -> Any:
    """Return the table as something that rich can print."""
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", show_footer=True, padding=(0, 1, 0, 0))
    for index, (head, foot) in enumerate(zip(HEADS, totals(report), strict=True)):
        made.add_column(head, foot, justify="left" if index in {0, 5} else "right")
    for row in report.rows:
        made.add_row(*cells(row), style="" if not (row.lost or row.doubled) else "red")
    return made


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())

"""Recovery times and the table."""

from __future__ import annotations

import pytest

from genesis.chaos.audit import Finding, Verdict
from genesis.chaos.conductor import Injected, alone, recovery
from genesis.chaos.evidence import Evidence, Letter
from genesis.chaos.plan import Step
from genesis.chaos.progress import NEVER, Numbered
from genesis.chaos.report import Report, make_report, markdown


def fault(begun: float, healed: float, kind: str = "kill-bridge", number: int = 1) -> Injected:
    return Injected(Step(number, kind, 0, 0.0, 0.0, 0.0, overlaps=False), begun, healed)


def numbered(published: float, done: float) -> Numbered:
    return Numbered("x", published, done)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], 0.0),
        ([numbered(1.0, 2.0)], 0.0),
        ([numbered(1.0, 12.5), numbered(2.0, 11.0)], 2.5),
        ([numbered(10.5, 20.0)], 0.0),
        ([numbered(1.0, NEVER)], NEVER),
    ],
    ids=["nothing was published", "done before its end", "the last one counts", "published after its end", "never done"],
)
def test_recovery_is_from_the_end_of_a_fault_until_all_that_was_published_by_then_is_done(events: list[Numbered], expected: float) -> None:
    assert recovery(fault(5.0, 10.0), events) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (fault(1.0, 9.0), True),
        (fault(13.0, 14.0), True),
        (fault(11.0, 14.0), False),
        (fault(1.0, 11.0), False),
        (fault(1.0, NEVER), False),
    ],
    ids=["was over before", "came after the recovery", "came in between", "was still there", "is still there"],
)
def test_a_recovery_counts_when_no_other_fault_disturbed_it(other: Injected, expected: bool) -> None:
    mine = fault(5.0, 10.0)

    assert alone(mine, 2.5, [mine, other]) is expected


def report(verdict: Verdict, seen: Evidence | None = None) -> Report:
    faults = [fault(5.0, 6.0), fault(20.0, 21.0, "kill-worker", 2)]
    return make_report(7, 60.0, 3.0, seen or Evidence(), verdict, faults, [])


def test_what_happens_is_counted_to_the_fault_that_began_last() -> None:
    seen = Evidence(letters=[Letter("persons", "g", "1-0", "e", "", "stale_frame", 22.0)])
    lost = Finding("lost", "one is missing", 7.0)

    made = report(Verdict([numbered(1.0, 2.0), numbered(19.9, 20.5), numbered(20.1, 20.4)], [lost]), seen)

    assert [(row.kind, row.events, row.lost, row.buried) for row in made.rows] == [
        ("kill-bridge", 2, 1, {}),
        ("kill-worker", 1, 0, {"stale_frame": 1}),
    ]
    assert (made.events, made.lost, made.good) == (3, 1, False)


def test_a_recovery_that_takes_too_long_is_a_failure() -> None:
    made = report(Verdict([numbered(5.5, 19.5)], []))

    assert made.findings == ["fault 1, kill-bridge: not all was done within 13 s (13.5 s)"]


@pytest.mark.parametrize(("kind", "findings"), [("restart-workers", 1), ("kill-worker", 0)])
def test_a_polite_restart_repeats_nothing(kind: str, findings: int) -> None:
    event = Numbered("x", 5.5, 6.5, [("k", 6.5), ("k", 6.6)])

    made = make_report(7, 60.0, 3.0, Evidence(), Verdict([event], []), [fault(5.0, 7.0, kind)], [])

    assert made.repeats == 1
    assert made.findings == [f"fault 1, {kind}: 1 runs were cut short and repeated"][:findings]


def test_what_a_poison_s_victims_had_not_settled_is_not_held_against_a_restart() -> None:
    event = Numbered("x", 5.5, 6.5, [("k", 6.5), ("k", 6.6)])
    seen = Evidence(letters=[Letter("zones", "g", "1-0", "e", "killed-1", "poison", 15.0)])

    made = make_report(7, 60.0, 3.0, seen, Verdict([event], []), [fault(5.0, 7.0, "restart-workers")], [])

    assert (made.repeats, made.findings) == (1, [])


def test_the_table_is_markdown() -> None:
    lines = markdown(report(Verdict([numbered(5.5, 7.0)], []))).splitlines()

    assert lines[2] == "| kill -9 of a bridge | 1 | 1 | 0 | 0 | - | 0 | 1.0 / 1.0 |"
    assert lines[-1].startswith("| **all** | **2** | **1** | **0** | **0** |")
    assert {line.count("|") for line in lines} == {9}

"""A seed is a schedule: whoever has the seed can see the same faults again."""

from __future__ import annotations

from collections import Counter

import pytest

from genesis.chaos.faults import FAULTS
from genesis.chaos.plan import KINDS, LONGEST_CHAIN, Step, chosen, schedule
from genesis.errors import UsageError


def steps(seed: int = 1, count: int = 200, overlap: float = 0.33) -> list[Step]:
    return schedule(seed, count, KINDS, lease=3.0, overlap=overlap)


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert steps(7) == steps(7)


def test_another_seed_gives_another_schedule() -> None:
    assert steps(7) != steps(8)


def test_every_kind_comes_as_often_as_every_other() -> None:
    counts = Counter(step.kind for step in steps(count=3 * len(KINDS)))

    assert counts == {kind.name: 3 for kind in KINDS}


def test_a_frozen_process_sleeps_for_longer_than_the_lease() -> None:
    frozen = [step for step in steps() if step.kind in {"freeze-bridge", "freeze-worker", "freeze-child"}]

    assert frozen
    assert all(step.seconds > 3.0 for step in frozen)


def test_faults_overlap_in_short_chains_and_the_last_one_waits() -> None:
    overlaps = [step.overlaps for step in steps(overlap=1.0)]

    assert not overlaps[-1]
    longest = max(len(run) for run in "".join("x" if each else " " for each in overlaps).split())
    assert longest == LONGEST_CHAIN - 1


def test_every_kind_can_be_made() -> None:
    assert sorted(FAULTS) == sorted(kind.name for kind in KINDS)


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no fault 'flood' \(faults: kill-bridge, "):
        chosen(["flood"])


def test_no_name_means_all() -> None:
    assert chosen([]) == KINDS
    assert [kind.name for kind in chosen(["lose-queues", "kill-child"])] == ["kill-child", "lose-queues"]

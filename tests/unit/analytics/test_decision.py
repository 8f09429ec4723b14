"""Who it is, and when that is sure."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genesis.analytics.decision import LEAST_WEIGHT, NOBODY, SURE, Decision, Look, counted, decide, evidence

THRESHOLD, MARGIN = 0.07, 0.1
ADA, GRACE = "ada", "grace"

IDENTITIES = st.sampled_from([ADA, GRACE, "mary"])
WEIGHTS = st.floats(0, 1)
DISTANCES = st.floats(0, 2)
LOOKS = st.builds(Look, WEIGHTS, IDENTITIES, DISTANCES, st.none() | DISTANCES) | st.builds(Look, WEIGHTS)
VOTES = st.dictionaries(st.sampled_from([NOBODY, ADA, GRACE, "mary"]), st.integers(0, 5000))


def votes_of(looks: list[Look]) -> dict[str, int]:
    return reduce(lambda votes, look: counted(votes, look, THRESHOLD, MARGIN), looks, {})


def answer(looks: list[Look], most: int = 10) -> str | None:
    """Return who it is after these looks; `?` while that is open."""
    found = decide(votes_of(looks), len(looks), most)
    return found.identity if found else "?"


@pytest.mark.parametrize(
    ("look", "whom", "amount"),
    [
        (Look(1.0, ADA, 0.03, 0.2), ADA, 1000),
        (Look(1.0, ADA, 0.03), ADA, 1000),
        (Look(0.5, ADA, 0.03), ADA, 500),
        (Look(1.0, ADA, 0.07, 0.2), ADA, 250),
        (Look(1.0, ADA, 0.0701, 0.2), NOBODY, 255),
        (Look(1.0, ADA, 0.084, 0.2), NOBODY, 1000),
        (Look(1.0, ADA, 0.7), NOBODY, 1000),
        (Look(1.0), NOBODY, 1000),
        (Look(1.0, ADA, 0.03, 0.031), NOBODY, 100),
        (Look(0.05, ADA, 0.03), ADA, 0),
        (Look(0.05), NOBODY, 0),
        (Look(1.0, ADA, float("nan")), NOBODY, 0),
    ],
    ids=[
        "clear", "nobody else enrolled", "middling face", "just at the threshold", "just above it", "clearly above it", "far away",
        "empty gallery", "two are as near", "worthless face", "worthless face, empty gallery", "no distance",
    ],
)  # fmt: skip
def test_a_look_speaks_for_the_nearest_or_for_nobody(look: Look, whom: str, amount: int) -> None:
    assert evidence(look, THRESHOLD, MARGIN) == (whom, amount)


GOOD, POOR = 0.6, 0.35


@pytest.mark.parametrize(
    ("looks", "who"),
    [
        ([Look(1.0, ADA, 0.03, 0.2)], ADA),
        ([Look(GOOD, ADA, 0.03, 0.2)], "?"),
        ([Look(GOOD, ADA, 0.03, 0.2)] * 2, ADA),
        ([Look(POOR, ADA, 0.03, 0.2)], "?"),
        ([Look(POOR, ADA, 0.03, 0.2)] * 3, ADA),
        ([Look(1.0, ADA, 0.069, 0.2)], "?"),
        ([Look(1.0, GRACE, 0.2)], None),
        ([Look(1.0)], None),
        ([Look(POOR, ADA, 0.03, 0.2), Look(1.0, ADA, 0.2), Look(1.0, ADA, 0.2)], None),
        ([Look(1.0, ADA, 0.03, 0.2), Look(1.0, GRACE, 0.03, 0.2)], "?"),
        ([Look(1.0, ADA, 0.03, 0.2), Look(1.0, GRACE, 0.03, 0.2), Look(1.0, ADA, 0.03, 0.2)], ADA),
        ([Look(1.0, ADA, 0.03, 0.031)] * 8, "?"),
        ([Look(1.0, ADA, 0.03, 0.031)] * 10, None),
        ([Look(0.05, ADA, 0.01)] * 9, "?"),
        ([Look(0.05, ADA, 0.01)] * 10, None),
        ([], "?"),
    ],
    ids=[
        "one excellent face is enough", "one good face is not", "two are", "one poor face is not", "three that agree are",
        "just below the threshold", "a stranger", "nobody is enrolled", "a stranger with one bad look", "two names", "one of them leads",
        "two people as near", "looks are used up", "worthless faces", "worthless faces used up", "no look",
    ],
)  # fmt: skip
def test_looks_decide_when_one_answer_leads(looks: list[Look], who: str | None) -> None:
    assert answer(looks) == who


@pytest.mark.parametrize(
    ("votes", "looks", "found"),
    [
        ({ADA: 1000}, 1, Decision(ADA, 0.909)),
        ({ADA: 2000, NOBODY: 100}, 3, Decision(ADA, 0.909)),
        ({ADA: 850}, 1, Decision(ADA, 0.895)),
        ({ADA: 849}, 1, None),
        ({ADA: 1000, NOBODY: 501}, 2, None),
        ({ADA: 1000, NOBODY: 500}, 2, Decision(ADA, 0.625)),
        ({ADA: 1000, GRACE: 501}, 2, None),
        ({ADA: 1000, GRACE: 1000}, 10, Decision(None, 0.0)),
        ({NOBODY: 1000, ADA: 501}, 2, None),
        ({NOBODY: 1000, ADA: 500}, 2, Decision(None, 0.625)),
        ({ADA: 849}, 10, Decision(None, 0.0)),
        ({}, 10, Decision(None, 0.0)),
        ({}, 1, None),
    ],
)
def test_one_table_decides(votes: dict[str, int], looks: int, found: Decision | None) -> None:
    assert decide(votes, looks, 10) == found


@given(VOTES, st.integers(0, 20), st.integers(1, 20))
def test_every_case_has_an_answer_and_none_is_open_when_the_looks_are_used_up(votes: dict[str, int], looks: int, most: int) -> None:
    found = decide(votes, looks, most)

    assert found is not None or looks < most
    if found is not None:
        assert 0 <= found.score < 1
        assert found.identity is None or votes[found.identity] == max(votes.values()) >= SURE


@given(st.lists(LOOKS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_looks_does_not_matter(looks: list[Look], random: object) -> None:
    shuffled = list(looks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert votes_of(looks) == votes_of(shuffled)
    assert answer(looks, len(looks)) == answer(shuffled, len(looks))


@given(VOTES, st.integers(1, 10), LOOKS)
def test_more_evidence_for_a_person_never_takes_the_name_away(votes: dict[str, int], looks: int, look: Look) -> None:
    before = decide(votes, looks, 10)
    whom, _ = evidence(look, THRESHOLD, MARGIN)

    after = decide(counted(votes, look, THRESHOLD, MARGIN), looks + 1, 10)

    if before is not None and before.identity == whom:
        assert after is not None
        assert after.identity == whom
        assert after.score >= before.score
    if after is not None and after.identity is not None and (before is None or before.identity != after.identity):
        assert whom == after.identity  # who becomes known is who the look was for


@given(st.lists(st.tuples(st.floats(0, LEAST_WEIGHT, exclude_max=True), IDENTITIES, DISTANCES), max_size=30))
def test_faces_below_a_certain_weight_name_nobody_however_many(faces: list[tuple[float, str, float]]) -> None:
    looks = [Look(weight, whom, distance) for weight, whom, distance in faces]

    assert answer(looks, 30) in {"?", None}


@given(st.floats(0, 0.84), IDENTITIES, DISTANCES, st.lists(st.tuples(WEIGHTS, st.floats(0.0701, 2)), max_size=9))
@example(0.84, ADA, 0.0, [])
def test_one_bad_look_names_no_stranger(weight: float, whom: str, distance: float, others: list[tuple[float, float]]) -> None:
    looks = [Look(weight, whom, distance)] + [Look(other, whom, far) for other, far in others]

    assert answer(looks) in {"?", None}


@given(LOOKS, st.floats(0.001, 1.9), st.floats(0, 1))
def test_evidence_is_never_negative_and_never_more_than_the_face_is_worth(look: Look, threshold: float, margin: float) -> None:
    whom, amount = evidence(look, threshold, margin)

    assert 0 <= amount <= round(look.weight * 1000)
    assert whom in {NOBODY, look.nearest}

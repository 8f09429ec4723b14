"""All is settled when two looks in a row say so, and nothing has happened between them."""

from __future__ import annotations

import pytest

from genesis.monitoring.status import CacheStatus, GroupStatus, Status, StreamStatus, at_rest


def look(*streams: tuple[int, int, int]) -> Status:
    """Return a look at streams: entries, those that are not settled, and those that are."""
    rows = tuple(
        StreamStatus(stream=f"genesis:{number}", exists=True, length=length, dead_letters=0, groups=(group(left, done),))
        for number, (length, left, done) in enumerate(streams)
    )
    return Status(prefix="genesis", streams=rows, cameras=(), cache=CacheStatus(bytes=0, limit=1, frames=0, references=0))


def group(left: int, done: int) -> GroupStatus:
    return GroupStatus(group="g", queue="q", exists=True, pending=left, lag=0, oldest_pending=None, totals={"settled": done})


@pytest.mark.parametrize(
    ("before", "now", "rest"),
    [
        (None, look((1, 0, 1)), False),
        (look((1, 1, 0)), look((1, 0, 1)), False),
        (look((1, 0, 1)), look((1, 0, 1)), True),
        (look((1, 0, 1)), look((1, 1, 0)), False),
        (look((1, 0, 1), (0, 0, 0)), look((1, 0, 1), (1, 0, 1)), False),
        (look((1, 0, 1), (5, 0, 5)), look((1, 0, 1), (5, 0, 6)), False),
    ],
    ids=["one look", "something was left", "twice nothing", "something is left", "one more that is settled already", "trimmed meanwhile"],
)
def test_one_look_at_streams_that_feed_each_other_is_not_enough(before: Status | None, now: Status, rest: bool) -> None:
    assert at_rest(before, now) is rest

"""The ledger is asked for all figures in two round trips, and tells what it would tell one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from genesis.bus.backpressure import group_backlogs
from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.bus.programs import FORGOTTEN_SECONDS, Program, note
from genesis.connections import connect
from genesis.events import STREAMS, ZoneEvent, completed
from genesis.monitoring.latest import happenings_looker
from genesis.monitoring.reading import PAGE, read
from genesis.monitoring.status import looker
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON, frame, persons, zone


@pytest.fixture
def filled(settings: Settings) -> Iterator[Ledger]:
    """Return a ledger with entries that are pending, unread and settled, and five cameras."""
    with closing(Ledger(settings, builtin_subscriptions())) as made:
        made.create_groups()
        made.publish([completed(frame(number)) for number in range(6)])
        made.publish([completed(persons(number)) for number in range(3)])
        made.client.xreadgroup("detection-workers", "me", {"genesis:frames": ">"}, count=4)
        made.client.xreadgroup("frame-workers", "me", {"genesis:frames": ">"}, count=1)
        board = LedgerCameras(made, lambda _frames: None)
        for number in range(5):
            board.at(f"{number + 1}-0").seen(frame(0, camera=f"cam-{number}"))
        yield made


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is sent from now on: the path of the socket that each packet goes to."""
    sent: list[str] = []
    send = redis.connection.AbstractConnection.send_packed_command

    def noted(self: Any, *args: Any, **options: Any) -> Any:
        sent.append(self.path)
        return send(self, *args, **options)

    monkeypatch.setattr(redis.connection.AbstractConnection, "send_packed_command", noted)
    return sent


def test_a_look_takes_two_round_trips_to_the_ledger(settings: Settings, filled: Ledger, trips: list[str]) -> None:
    look = looker(settings)
    look()
    trips.clear()

    look()

    assert [path in settings.redis.url for path in trips] == [True, True, False, False]


def test_it_tells_what_the_groups_tell_one_by_one(settings: Settings, filled: Ledger) -> None:
    told = read(filled.client, filled.keys, 0.0)

    for short in STREAMS:
        expected = [(group.group, group.pending, group.lag) for group in group_backlogs(filled.client, filled.keys.stream(short))]
        assert [(group.name, group.pending, group.lag) for group in told.streams[short].groups] == expected
    assert {(group.name, group.pending, group.lag) for group in told.streams["frames"].groups} == {
        ("detection-workers", 4, 2), ("frame-workers", 1, 5)
    }  # fmt: skip
    oldest = filled.client.xrange("genesis:frames", count=1)[0][0].decode()
    assert {group.oldest for group in told.streams["frames"].groups} == {oldest}


def test_a_lag_that_the_server_does_not_tell_is_counted_over_many_pages(settings: Settings, filled: Ledger) -> None:
    pipe = filled.client.pipeline(transaction=False)
    for _ in range(2 * PAGE):
        pipe.xadd("genesis:zones", {"f": "v"})
    pipe.execute()
    # Of an id between two entries nobody knows how many were read before it.
    filled.client.xgroup_setid("genesis:zones", "zone-workers", "0-1")
    third = filled.client.xrange("genesis:zones", count=3)[2][0].decode()
    filled.client.xgroup_setid("genesis:zones", "analytics-workers", third)

    told = {group.name: group.lag for group in read(filled.client, filled.keys, 0.0).streams["zones"].groups}

    assert told == {"zone-workers": 2 * PAGE, "analytics-workers": 2 * PAGE - 3}


def test_an_empty_ledger_is_told_as_such(settings: Settings) -> None:
    with closing(connect(settings.redis.url)) as client:
        told = looker(settings)()

        assert list(client.scan_iter()) == []
    assert {(row.exists, row.length) for row in told.streams} == {(False, 0)}
    assert {group.exists for row in told.streams for group in row.groups} == {False}
    assert (told.cameras, told.programs) == ((), ())


def test_programs_are_told_until_they_are_forgotten_and_nothing_is_removed_by_looking(settings: Settings, filled: Ledger) -> None:
    now = 1_000_000.0
    for name, seen in (("new", now - 3), ("silent", now - 60), ("old", now - FORGOTTEN_SECONDS - 1)):
        note(filled.client, filled.keys, Program("worker", name, "north", 1, "1.0", now - 90, seen, ("detection",)))
    filled.client.hset(filled.keys.programs, "worker/broken", "[]")

    told = read(filled.client, filled.keys, now)

    assert [program.name for program in told.programs] == ["new", "silent"]
    assert filled.client.hlen(filled.keys.programs) == 4


def test_the_newest_events_are_told_in_the_order_of_their_publication(settings: Settings, filled: Ledger) -> None:
    filled.publish([completed(zone(name, track="s1-1")) for name in ("first", "second")])
    filled.client.xadd("genesis:alerts", {"no": "event"})
    filled.publish([completed(ZoneEvent(camera="door", time=NOON, kind="entered", zone="third", track="s1-1"))])

    told = happenings_looker(settings, 2.0)(2)

    assert [row.text for row in told] == ["somebody (track 1) entered third", "somebody (track 1) entered second"]

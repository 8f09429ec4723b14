"""A report is made of what the ledger holds, and says what does not add up."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from genesis.bus.ledger import Delivery, Ledger
from genesis.cache import FrameCache
from genesis.cli.report import Faces, RunReport, make_report, render
from genesis.events import Box, Event, FaceRecognized, FrameCaptured, PersonDetected, SessionEvent, completed
from genesis.monitoring.status import Status, status
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON, frame, persons


@pytest.fixture
def bus(settings: Settings) -> Iterator[Ledger]:
    made = Ledger(settings, builtin_subscriptions())
    made.create_groups()
    yield made
    made.close()


def figures(bus: Ledger) -> Status:
    return status(bus.client, FrameCache.of(bus.settings), bus.settings, bus.registry)


def report(bus: Ledger) -> RunReport:
    return make_report(bus.client, figures(bus), sources=["clip"], seconds=2.0, cache_peak=10, problems=[], video=None)


def settle_all(bus: Ledger, event: type[Event], group: str, *, bury: bool = False) -> None:
    stream = bus.keys.stream_of(event)
    for _, entries in bus.client.xreadgroup(group, "test", {stream: ">"}):
        for entry, fields in entries:
            delivery = Delivery(stream, group, entry.decode(), fields.get(b"framekey", b"").decode())
            if bury:
                bus.bury(delivery, {"dlq-reason": "permanent", "dlq-group": group})
            else:
                bus.settle(delivery)


def published(bus: Ledger, frames: int, told: int) -> None:
    bus.publish([completed(frame(n)) for n in range(frames)])
    bus.publish([completed(persons(n, n)) for n in range(frames)])
    ended = SessionEvent(
        camera="door", time=NOON, scope="camera", kind="ended", session="s1", frames=told, dropped={"superseded": 2}, duration=1.0
    )
    bus.publish([completed(ended)])


def test_everything_settled_or_dead_lettered_is_accounted_for(bus: Ledger) -> None:
    published(bus, frames=3, told=3)
    for row in bus.registry:
        if row.event in {FrameCaptured, PersonDetected, SessionEvent}:
            settle_all(bus, row.event, row.group, bury=row.group == "face-workers")

    told = report(bus)

    assert told.ok, told.problems
    assert (told.frames, told.persons, told.frames_with_persons, told.dead_lettered) == (3, 0 + 1 + 2, 2, 3)
    assert told.dropped == {"superseded": 2}
    assert told.latency.samples == 3
    assert told.detector == "hog"


def test_what_is_pending_is_a_problem(bus: Ledger) -> None:
    published(bus, frames=3, told=3)

    told = report(bus)

    assert not told.ok
    assert "detection-workers of genesis:frames: 3 of 3 entries are neither settled nor dead-lettered" in told.problems


def test_a_frame_that_never_arrived_is_a_problem(bus: Ledger) -> None:
    published(bus, frames=2, told=3)
    for row in bus.registry:
        if row.event in {FrameCaptured, PersonDetected, SessionEvent}:
            settle_all(bus, row.event, row.group)

    assert report(bus).problems == ("capture says that it published 3 frames, the stream has 2",)


def test_the_status_tells_pending_lag_and_age(bus: Ledger) -> None:
    bus.publish([completed(frame(n)) for n in range(5)])
    bus.client.xreadgroup("detection-workers", "test", {"genesis:frames": ">"}, count=2)

    told = {group.group: group for stream in figures(bus).streams for group in stream.groups}

    assert (told["detection-workers"].pending, told["detection-workers"].lag) == (2, 3)
    assert (told["frame-workers"].pending, told["frame-workers"].lag) == (0, 5)
    assert told["detection-workers"].oldest_pending is not None
    assert told["frame-workers"].oldest_pending is None


def test_the_status_names_missing_groups_and_a_missing_cache(bus: Ledger) -> None:
    bus.client.flushall()
    away = bus.settings.frame_cache.model_copy(update={"url": "redis://127.0.0.1:1/0"})
    settings = bus.settings.model_copy(update={"frame_cache": away})

    told = status(bus.client, FrameCache.of(settings), settings, bus.registry)

    assert not any(group.exists for stream in told.streams for group in stream.groups)
    assert "can't be reached" in told.cache.error


def test_who_was_recognised_is_told_by_name(bus: Ledger) -> None:
    box = Box(0.0, 0.0, 9.0, 9.0)
    for number, name in enumerate(["Ada", "Ada", None, "Grace", None]):
        face = FaceRecognized(
            camera="door", time=NOON, session="s1", number=number, person=box, box=box, model="Dlib", identity=name, track=str(number)
        )
        bus.publish([completed(face)])

    told = make_report(bus.client, figures(bus), sources=["clip"], seconds=2.0, cache_peak=10, problems=[], unknown=1, video=None)
    console = Console(width=120, record=True, file=StringIO())
    console.print(render(told))

    assert told.faces == Faces(decisions=5, known={"Ada": 2, "Grace": 1}, unknown=1)
    assert "5 looked at; known: Ada 2, Grace 1; 1 different unknown" in console.export_text()

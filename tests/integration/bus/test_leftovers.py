"""What points to nothing is swept up: frames' references, the frames themselves, and attempts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus import leftovers
from genesis.bus.cameras import LedgerCameras
from genesis.bus.janitor import Janitor
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.leftovers import References
from genesis.bus.trimming import Trimmer
from genesis.cache import FrameCache
from genesis.events import FrameCaptured, PersonDetected, completed
from genesis.subscriptions import Registry
from tests.events_of_tests import frame, persons
from tests.integration.bus.conftest import Take
from tests.janitors import janitor_of

REFERENCES = "genesis:references"
PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def cache(bus: Ledger) -> Iterator[FrameCache]:
    opened = FrameCache.of(bus.settings)
    yield opened
    opened.close()


@pytest.fixture
def janitor(bus: Ledger) -> Janitor:
    return janitor_of(bus)


def sweeps(janitor: Janitor, count: int = 2) -> list[int]:
    return [janitor.round(sweep=True).references for _ in range(count)]


def test_frames_of_a_deleted_stream_are_swept_up_at_the_second_look(
    bus: Ledger, janitor: Janitor, cache: FrameCache, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        cache.put(f"frame-{number}", PICTURE)
    bus.publish([completed(frame(number)) for number in range(2)])
    bus.client.delete("genesis:frames")
    bus.create_groups()
    bus.publish([completed(frame(2))])

    assert sweeps(janitor, 3) == [0, 2, 0]
    assert bus.client.hgetall(REFERENCES) == {b"frame-2": b"2"}
    assert cache.count() == 1
    assert bus.client.hget("genesis:counts", "janitor|references") == b"2"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_frames_of_a_destroyed_group_are_swept_up_unless_it_is_to_come_back(bus: Ledger, take: Take) -> None:
    bus.publish([completed(frame())])
    bus.settle(take(FrameCaptured, "detection-workers"))
    bus.client.xgroup_destroy("genesis:frames", "frame-workers")
    fewer = Registry()
    for row in bus.registry:
        if row.group != "frame-workers":
            fewer.add(row)

    serves_it, serves_it_no_more = janitor_of(bus), janitor_of(bus, registry=fewer)

    assert sweeps(serves_it, 3) == [0, 0, 0]
    assert sweeps(serves_it_no_more) == [0, 1]
    assert bus.client.hgetall(REFERENCES) == {}


def test_frames_of_unsettled_entries_are_kept(bus: Ledger, take: Take, janitor: Janitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PAGE", 2)
    bus.publish([completed(frame(number)) for number in range(7)])
    for _ in range(5):
        bus.settle(take(FrameCaptured, "frame-workers"))
        bus.settle(take(FrameCaptured, "detection-workers"), [completed(persons(0))])
    take(PersonDetected, "person-workers")
    before = bus.client.hgetall(REFERENCES)

    assert sweeps(janitor, 3) == [0, 0, 0]
    assert bus.client.hgetall(REFERENCES) == before
    assert len(before) == 3


def test_a_frame_that_a_camera_shows_is_kept_until_it_shows_it_no_more(bus: Ledger, take: Take, janitor: Janitor) -> None:
    bus.publish([completed(frame())])
    entry = take(FrameCaptured, "frame-workers")
    LedgerCameras(bus, lambda _frames: None).at(entry.entry).seen(frame())
    bus.settle(entry)
    bus.settle(take(FrameCaptured, "detection-workers"))

    shown = sweeps(janitor, 3)
    bus.client.delete("genesis:camera:door")

    assert (shown, sweeps(janitor)) == ([0, 0, 0], [0, 1])


def test_a_count_that_changes_is_looked_at_again(bus: Ledger, janitor: Janitor) -> None:
    bus.client.hset(REFERENCES, "nobody's", 2)

    first = sweeps(janitor, 1)
    bus.client.hincrby(REFERENCES, "nobody's", -1)

    assert (first, sweeps(janitor)) == ([0], [0, 1])


@pytest.mark.parametrize(
    ("after", "goes_to"),
    [
        ("_without_needed", "a stream looked at before"),
        ("_without_needed", "a new camera"),
        ("_shown", "a camera"),
        ("_shown", "another count"),
    ],
)
def test_a_frame_that_passes_on_while_we_look_is_kept(
    bus: Ledger, janitor: Janitor, monkeypatch: pytest.MonkeyPatch, after: str, goes_to: str
) -> None:
    board = LedgerCameras(bus, lambda _frames: None)
    bus.client.hset(REFERENCES, "frame-7", 1)
    if goes_to == "a camera":
        board.at("1-0").seen(frame(6))
    look = getattr(References, after)

    def looking(*arguments: object) -> object:
        found = look(*arguments)
        if "camera" in goes_to:
            board.at("2-0").seen(frame(7))
            bus.client.hset(REFERENCES, "frame-7", 1)
        elif goes_to == "another count":
            bus.client.hincrby(REFERENCES, "frame-7", 1)
        else:
            bus.client.xadd("genesis:frames", {"framekey": "frame-7"})
        return found

    first = sweeps(janitor, 1)
    monkeypatch.setattr(References, after, looking)

    assert (first, sweeps(janitor, 1)) == ([0], [0])
    assert bus.client.hexists(REFERENCES, "frame-7")


def test_when_too_much_is_published_meanwhile_nothing_is_removed(bus: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    references = References(bus, Trimmer(bus), threading.Event())
    bus.client.hset(REFERENCES, "nobody's", 1)
    references.sweep()
    with monkeypatch.context() as patch:
        patch.setattr(references, "_frames", lambda _stream, _start: iter(()))
        with bus.client.pipeline() as pipe:
            for number in range(1001):
                pipe.xadd("genesis:frames", {"n": number})
            pipe.execute()
        busy = references.sweep()

    assert (busy, references.sweep(), references.sweep()) == ([], [], ["nobody's"])


def test_a_great_leak_is_swept_up_in_parts(bus: Ledger, janitor: Janitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "MOST", 600)
    bus.client.hset(REFERENCES, mapping={f"nobody's-{number}": 1 for number in range(2000)})
    bus.publish([completed(frame())])

    found = sweeps(janitor, 8)

    assert sum(found) == 2000
    assert max(found) < 1200
    assert bus.client.hgetall(REFERENCES) == {b"frame-0": b"2"}
    assert len(janitor._references._suspects) == 0


def all_new(bus: Ledger) -> Iterator[Delivery]:
    for row in bus.registry:
        stream = row.stream(bus.keys)
        for _, entries in bus.client.xreadgroup(row.group, "test", {stream: ">"}):
            for entry, fields in entries:
                yield Delivery(stream, row.group, entry.decode(), fields.get(b"framekey", b"").decode())


@given(st.lists(st.tuples(st.sampled_from(["publish", "settle", "pass on", "bury", "tidy"]), st.integers(0, 1000)), max_size=40))
@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_regular_work_there_is_nothing_to_sweep_up(bus: Ledger, steps: list[tuple[str, int]]) -> None:
    bus.client.flushall()
    bus.create_groups()
    janitor = janitor_of(bus, redis={"retention": 0})
    waiting: list[Delivery] = []
    freed: list[str] = []
    published = 0
    for verb, choice in [*steps, ("tidy", 0)]:
        if verb == "tidy":
            done = janitor.round(sweep=True)
            assert (done.references, done.attempts, done.failed) == (0, 0, ())
        elif verb == "publish" or not waiting:
            bus.publish([completed(frame(published))])
            published += 1
            waiting.extend(all_new(bus))
        else:
            delivery = waiting.pop(choice % len(waiting))
            outputs = [completed(persons(int(delivery.frame.split("-")[1])))] if verb == "pass on" and "frames" in delivery.stream else []
            outcome = bus.bury(delivery, {"dlq-reason": "permanent"}) if verb == "bury" else bus.settle(delivery, outputs)
            freed.extend(outcome.freed)
            waiting.extend(all_new(bus))
    while waiting:
        freed.extend(bus.settle(waiting.pop()).freed)

    assert sorted(freed) == sorted(f"frame-{number}" for number in range(published))
    janitor.trim()
    assert [bus.client.xlen(f"genesis:{stream}") for stream in ("frames", "persons")] == [0, 0]


def test_attempts_of_entries_that_are_no_longer_pending_are_removed(bus: Ledger, take: Take, janitor: Janitor) -> None:
    bus.publish([completed(frame(number)) for number in range(2)])
    gone, still = take(FrameCaptured, "frame-workers"), take(FrameCaptured, "detection-workers")
    attempts = bus.keys.attempts("genesis:frames")
    fields = {delivery.group: f"{delivery.group}|{delivery.entry}" for delivery in (gone, still)}
    strange = ["what is this", f"{still.group}|99999999999999999999-1"]
    useless = [f"{still.group}|1-1", "no group of ours|5-5"]
    bus.client.hset(attempts, mapping=dict.fromkeys([*fields.values(), *strange, *useless], "1 1"))
    bus.client.hset(bus.keys.attempts("genesis:faces"), mapping={f"face-storage-workers|{number}-1": "1 1" for number in range(1500)})
    bus.client.xgroup_destroy("genesis:frames", "frame-workers")

    done = janitor.round(sweep=True)

    assert done.attempts == 1503
    assert set(bus.client.hgetall(attempts)) == {name.encode() for name in (fields[still.group], *strange)}
    assert bus.client.exists(bus.keys.attempts("genesis:faces")) == 0

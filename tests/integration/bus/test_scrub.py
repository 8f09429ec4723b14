"""What is known of a person leaves the streams, and the files behind them; what somebody still needs does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

import pytest

from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.persistence import rewrite_files
from genesis.bus.scrub import Scrubber
from genesis.embedded.redis import RedisServer
from genesis.events import AlertEvent, Box, Event, FaceRecognized, FrameCaptured, PersonDetected, completed
from genesis.monitoring.doctor.permissions import LEDGER
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.letters_of_tests import buried, letters

Take = Callable[[type[Event], str], Delivery]
GROUP = "face-storage-workers"
STREAM = "genesis:faces"
ADA = "0d5f2c1e-0000-4000-8000-00000000ada0"
AT = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


def face(number: int, who: str | None = None, size: int = 512) -> FaceRecognized:
    return FaceRecognized(
        camera="door", time=AT, id=f"face-{number}", session="s", number=number, person=Box(0, 0, 9, 9), box=Box(1, 1, 5, 5), model="Dlib",
        identity=who and "Ada", identity_id=who, embedding=b"SECRET%03d" % number + b"x" * size,
    )  # fmt: skip


def frame(number: int) -> FrameCaptured:
    return completed(
        FrameCaptured(camera="door", time=AT, session="s", number=number, width=8, height=8, frame_key=f"door-s-{number}")
    )  # fmt: skip


def of_ada(fields: Mapping[bytes, bytes]) -> bool:
    return any(ADA.encode() in value for value in fields.values())


def publish(bus: Ledger, *events: Event) -> None:
    bus.publish([completed(event) for event in events])


def settle(bus: Ledger, take: Take, count: int, event: type[Event] = FaceRecognized, group: str = GROUP) -> None:
    for _ in range(count):
        bus.settle(take(event, group))


def numbers(bus: Ledger) -> list[int]:
    return [int(fields[b"id"].removeprefix(b"face-")) for _, fields in bus.client.xrange(STREAM)]


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_settled_entry_is_removed_and_those_far_from_it_stay(bus: Ledger, take: Take) -> None:
    publish(bus, *(face(number, ADA if number == 20 else None) for number in range(40)))
    settle(bus, take, 40)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.entries, removed.left, removed.lingering) == (1, {}, [])
    assert 20 not in numbers(bus)
    assert removed.beside == 39 - len(numbers(bus))
    assert 0 < removed.beside <= 8  # an entry takes about 1 kB, a block 4 kB
    assert numbers(bus)[:5] == [0, 1, 2, 3, 4]
    assert numbers(bus)[-5:] == [35, 36, 37, 38, 39]


@pytest.mark.parametrize("delivered", [True, False])
def test_an_entry_that_some_group_has_not_settled_stays_and_is_told(bus: Ledger, take: Take, *, delivered: bool) -> None:
    publish(bus, face(1, ADA))
    if delivered:
        take(FaceRecognized, GROUP)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.entries, removed.left) == (0, {"faces": 1})
    assert numbers(bus) == [1]


def test_an_entry_beside_an_unsettled_one_goes_alone_after_a_wait(bus: Ledger, take: Take) -> None:
    publish(bus, face(1, ADA), face(2))
    settle(bus, take, 1)
    pending = take(FaceRecognized, GROUP)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.entries, removed.beside, removed.left, removed.lingering) == (1, 0, {}, [STREAM])
    assert numbers(bus) == [2]
    assert bus.settle(pending).done


def test_an_entry_is_waited_for_until_it_is_settled(bus: Ledger, take: Take) -> None:
    publish(bus, face(1, ADA), face(2))
    settle(bus, take, 1)
    pending = take(FaceRecognized, GROUP)
    later = threading.Timer(0.3, lambda: bus.settle(pending))
    later.start()

    removed = Scrubber(bus).remove(of_ada, time.monotonic() + 20)

    later.join()
    assert (removed.entries, removed.beside, removed.left, removed.lingering) == (1, 1, {}, [])
    assert numbers(bus) == []


def test_nothing_goes_while_a_group_is_missing_that_is_to_see_everything(bus: Ledger, take: Take) -> None:
    publish(bus, face(1, ADA))
    settle(bus, take, 1)
    bus.client.xgroup_destroy(STREAM, GROUP)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.entries, removed.left) == (0, {"faces": 1})


def test_neighbours_that_are_all_meant_are_counted_once(bus: Ledger, take: Take) -> None:
    publish(bus, *(face(number, ADA) for number in range(30)))
    settle(bus, take, 30)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.entries, removed.beside, removed.left) == (30, 0, {})
    assert numbers(bus) == []


def test_a_dead_letter_goes_and_the_others_keep_their_names(bus: Ledger) -> None:
    for event in (face(1), face(2, ADA), face(3)):
        buried(bus, event, GROUP)
    before = letters(bus)

    removed = Scrubber(bus).remove(of_ada, soon())

    assert (removed.letters, removed.lingering) == (1, [])
    assert letters(bus) == [before[0], before[2]]
    buried(bus, face(4), GROUP)
    assert [letter.own("id") for letter in letters(bus)] == [b"face-1", b"face-3", b"face-4"]


def test_alerts_about_a_sighting_go_too(bus: Ledger, take: Take) -> None:
    publish(bus, AlertEvent(camera="door", time=AT, rule="known", message="Ada came", cause="face-1"))
    for group in ("alert-workers", "notification-workers"):
        settle(bus, take, 1, AlertEvent, group)

    removed = Scrubber(bus).remove(lambda fields: b'"cause":"face-1"' in fields[b"data"], soon())

    assert removed.entries == 1
    assert bus.client.xlen("genesis:alerts") == 0


def test_what_was_removed_is_in_no_file_of_the_server(redis_program: Path, settings: Settings, registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    with RedisServer("ledger", folder, appendfsync="no") as server:
        bus = Ledger(settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": server.url()})}), registry)
        bus.create_groups()
        bus.client.config_set("rdbcompression", "no")  # so that we can read it, too
        buried(bus, face(30, ADA), GROUP)
        publish(bus, *(face(number, ADA if number in {3, 11} else None) for number in range(30)))
        for entry, _ in bus.client.xrange(STREAM):
            bus.client.xreadgroup(GROUP, "test", {STREAM: ">"}, count=100)
            bus.settle(Delivery(STREAM, GROUP, entry.decode()))

        removed = Scrubber(bus).remove(of_ada, soon())
        left = rewrite_files(bus, time.monotonic() + 20)

        assert (removed.entries, removed.letters, removed.lingering, left) == (3, 1, [], None)
        written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert face_bytes(29) in written
        assert [number for number in (3, 11, 30) if face_bytes(number) in written] == []
        assert ADA.encode() not in written
        bus.close()


def face_bytes(number: int) -> bytes:
    """Return how an embedding begins in JSON."""
    import base64

    return base64.b64encode(b"SECRET%03d" % number)[:12]


def test_what_is_under_way_is_waited_for_in_the_order_of_its_way(bus: Ledger, take: Take) -> None:
    publish(bus, frame(1))
    told: list[tuple[str, int]] = []

    def work(stream: str, left: int) -> None:
        """Do what the workers do, whenever we are told that somebody waits."""
        told.append((stream, left))
        if stream == "frames":
            for group in ("frame-workers", "detection-workers"):
                person = PersonDetected(camera="door", time=AT, id="p", session="s", number=1, width=8, height=8, persons=(), detector="d")
                bus.settle(take(FrameCaptured, group), [person] if group == "detection-workers" else [])
        elif stream == "persons":
            for group in ("person-workers", "face-workers"):
                bus.settle(take(PersonDetected, group), [face(1)] if group == "face-workers" else [])
        else:
            settle(bus, take, 1)

    left = Scrubber(bus).wait_until_settled(("frames", "persons", "faces"), time.monotonic() + 20, waits=work)

    assert left == {}
    assert told == [("frames", 1), ("persons", 1), ("faces", 1)]


def test_waiting_ends_and_tells_what_is_left(bus: Ledger) -> None:
    publish(bus, frame(1), frame(2))

    left = Scrubber(bus).wait_until_settled(("frames", "persons", "faces"), soon())

    assert left == {"frames": 2}


def test_entries_whose_frames_have_gone_are_not_waited_for(bus: Ledger) -> None:
    publish(bus, frame(1), frame(2))
    asked: list[list[str]] = []

    def gone(frames: object) -> bool:
        asked.append(list(frames))  # type: ignore[call-overload]
        return True

    left = Scrubber(bus).wait_until_settled(("frames",), time.monotonic() + 20, harmless=gone)

    assert (left, asked) == ({}, [["door-s-1", "door-s-2"]])


def test_an_empty_server_has_nothing_to_wait_for_and_nothing_to_remove(settings: Settings, registry: Registry) -> None:
    bus = Ledger(settings, registry)
    scrubber = Scrubber(bus)

    left = scrubber.wait_until_settled(("frames", "persons", "faces"), soon())
    removed = scrubber.remove(lambda _: True, soon())

    assert (left, removed.entries, removed.letters, removed.left) == ({}, 0, 0, {})
    bus.close()


def test_a_user_who_may_do_what_genesis_needs_may_remove_entries_too(bus: Ledger, take: Take, ledger: str) -> None:
    names = {
        command.split()[0] + (f"|{command.split()[1]}" if command[:5] in {"XGROU", "XINFO", "CLIEN", "SCRIP"} else "") for command in LEDGER
    }
    bus.client.execute_command(
        "ACL", "SETUSER", "restricted", "reset", "on", ">s3cret", "~genesis*", *(f"+{name.lower()}" for name in names)
    )
    url = ledger.replace("unix://", "unix://restricted:s3cret@")
    restricted = Ledger(bus.settings.model_copy(update={"redis": bus.settings.redis.model_copy(update={"url": url})}), bus.registry)
    publish(bus, face(1, ADA), face(2))
    buried(bus, face(3, ADA), GROUP)
    settle(bus, take, 2)

    removed = Scrubber(restricted).remove(of_ada, soon())
    left = rewrite_files(restricted, soon())

    assert (removed.entries, removed.letters, removed.left, removed.lingering) == (2, 1, {}, [])
    assert left is not None
    assert left.startswith("its server could not be told to write its files anew")
    restricted.close()
    bus.client.execute_command("ACL", "DELUSER", "restricted")

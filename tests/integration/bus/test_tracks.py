"""A face finds the track of its person, and a presence its name, though those who write and those who read know nothing of each other."""

from __future__ import annotations

import pytest

from genesis.bus.ledger import Ledger
from genesis.bus.tracks import FRAMES, LedgerSent, LedgerTracks
from genesis.context import MemorySent, MemoryTracks, Naming, SentBoard, TrackBoard
from genesis.errors import NotYetError
from tests.events_of_tests import persons

ADA = Naming("Ada", "7b0d8f1e-0000-4000-8000-000000000001", known=True, score=0.9, face="f" * 64)


@pytest.fixture
def tracks(bus: Ledger) -> LedgerTracks:
    return LedgerTracks(bus)


def test_a_person_of_a_frame_has_the_track_that_was_noted(tracks: LedgerTracks) -> None:
    tracks.followed(persons(3, 3), ["s1-1", "", "s1-4"])
    tracks.followed(persons(4, 1, camera="yard"), ["s1-9"])

    found = [tracks.track_of("door", "s1", 3, index) for index in range(4)]

    assert found == ["s1-1", None, "s1-4", None]


def test_a_frame_that_the_tracker_has_not_come_to_is_asked_for_again(tracks: LedgerTracks) -> None:
    with pytest.raises(NotYetError, match="frame 0"):
        tracks.track_of("door", "s1", 0, 0)
    tracks.followed(persons(3, 1), ["s1-1"])

    with pytest.raises(NotYetError, match="frame 4"):
        tracks.track_of("door", "s1", 4, 0)
    assert tracks.track_of("door", "s1", 2, 0) is None


def test_old_frames_are_forgotten_and_nothing_is_kept_for_ever(tracks: LedgerTracks, bus: Ledger) -> None:
    for number in (0, 1, FRAMES):
        tracks.followed(persons(number, 1), [f"s1-{number}"])
    tracks.named("s1-1", ADA)

    assert tracks.track_of("door", "s1", 0, 0) is None
    assert tracks.track_of("door", "s1", 1, 0) == "s1-1"
    assert all(bus.client.ttl(key) > 0 for key in bus.client.keys("genesis:track*"))


def test_writing_twice_changes_nothing(tracks: LedgerTracks) -> None:
    for _ in range(2):
        tracks.followed(persons(3, 1), ["s1-1"])
        tracks.named("s1-1", ADA)

    assert tracks.track_of("door", "s1", 3, 0) == "s1-1"
    assert tracks.naming("s1-1") == ADA
    assert tracks.naming("s1-2") is None


@pytest.mark.parametrize("kind", ["ledger", "memory"])
def test_both_boards_say_the_same_of_the_newest_frame(kind: str, bus: Ledger) -> None:
    board: TrackBoard = LedgerTracks(bus) if kind == "ledger" else MemoryTracks()
    board.followed(persons(3, 2), ["s1-1", ""])
    board.named("s1-1", ADA)

    assert [board.track_of("door", "s1", 3, index) for index in range(3)] == ["s1-1", None, None]
    assert board.naming("s1-1") == ADA


@pytest.mark.parametrize("kind", ["ledger", "memory"])
def test_who_was_told_is_remembered_by_event(kind: str, bus: Ledger) -> None:
    board: SentBoard = LedgerSent(bus) if kind == "ledger" else MemorySent()

    for name in ("guard", "mail", "guard"):
        board.note("e1", name)

    assert board.sent("e1") == {"guard", "mail"}
    assert board.sent("e2") == frozenset()

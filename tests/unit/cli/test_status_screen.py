"""The screen of `genesis status --watch`, and the tables of `genesis status`, at several sizes."""

from __future__ import annotations

import io
from datetime import timezone
from typing import Any

import pytest
from rich.console import Console

from genesis.cli.screen_parts import chosen
from genesis.cli.screen_view import ServerFigure, View, screen
from genesis.cli.status import render
from genesis.events import SessionEvent, ZoneEvent
from genesis.monitoring.history import History
from genesis.monitoring.latest import Happening, happening
from genesis.monitoring.status import CacheStatus, Status
from genesis.monitoring.verdict import Reason, Verdict, judge
from genesis.settings import Settings
from tests.events_of_tests import NOON
from tests.looks import NOW, SERVED, camera, group, look, program, staff, stream

SIZES = [(80, 24), (120, 40), (200, 50), (60, 12), (20, 4)]
EVENTS = tuple(
    happening(f"{900 - number}-0", ZoneEvent(camera="door", time=NOON, kind="entered", zone="hall", track=f"s1-{number}"))
    for number in range(30)
)


def large() -> Status:
    """Return a look at all streams, five cameras and eight programs."""
    groups = {
        "frames": (group("frame-workers", "ingestion", settled=90), group("detection-workers", "detection", pending=7, lag=12, settled=80)),
        "persons": (group("person-workers", "analytics"), group("face-workers", "recognition", retried=3)),
        "faces": (group("face-storage-workers", "storage"),),
        "zones": (group("zone-workers", "alerts"), group("analytics-workers", "analytics")),
        "alerts": (group("alert-workers", "alerts"), group("notification-workers", "notifications")),
        "metrics": (group("metrics-workers", "metrics"), group("storage-workers", "storage")),
        "sessions": (group("session-workers", "sessions"), group("storage-workers", "storage")),
    }
    workers = (program("worker", f"w{number}@north", queues=SERVED, children=2) for number in range(6))
    return look(
        streams=tuple(stream(name, *rows, dead_letters=2 * (name == "zones")) for name, rows in groups.items()),
        cameras=(*(camera(f"cam-{number}") for number in range(4)), camera("gate", state="lost", dropped={"superseded": 3})),
        programs=(*staff(worker=None), *workers),
    )


def shown(width: int, height: int, **changes: Any) -> list[str]:
    """Return the lines of the screen."""
    status = changes.pop("status", large())
    history = History()
    for second in (2, 1, 0) if status else ():
        history.add(look(time=NOW - second, cameras=status.cameras, streams=status.streams))
    values = {
        "prefix": "genesis", "now": NOW, "status": status, "verdict": judge(status, Settings()) if status else None, "history": history,
        "happenings": EVENTS, "servers": (ServerFigure("ledger", "12.0 MB of 1.0 GB"), ServerFigure("cache/broker", "away", well=False)),
        "zone": timezone.utc,
    }  # fmt: skip
    console = Console(width=width, height=height, record=True, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(screen(View(**{**values, **changes}), width, height), end="")
    return console.export_text().splitlines()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_keeps_to_the_terminal(width: int, height: int) -> None:
    lines = shown(width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("genesis  ■ trouble")


def test_on_a_large_terminal_everything_is_there() -> None:
    text = "\n".join(shown(200, 50))

    for words in (
        "12:00:00  running for 2.0 h", "camera gate is lost", "2 dead letters (zones 2)", "── cameras ─", "cam-0", "3 superseded",
        "── streams ─", "notification-workers", "── programs ─", "bridge-north-1", "w5@north", "── stores ─",
        "20.0 MB of 500.0 MB, 40 frames", "ledger 12.0 MB of 1.0 GB", "cache/broker away", "── newest events ─",
        "somebody (track 0) entered hall",
    ):  # fmt: skip
        assert words in text


def test_on_a_small_one_the_least_important_parts_give_way() -> None:
    text = "\n".join(shown(80, 24))

    assert "gate" in text.partition("── streams")[0]
    assert "detection-workers" in text
    assert "frame-workers" not in text
    assert "bridge 1   capture 1   worker 6 with 12 children" in text
    assert [name in "\n".join(shown(60, 12)) for name in ("── cameras", "── streams", "── stores")] == [True, True, False]


def test_lost_cameras_and_troubled_programs_come_first() -> None:
    status = look(
        cameras=(*(camera(f"cam-{number}") for number in range(20)), camera("gate", state="lost")),
        programs=(*(program("worker", f"w{number}", queues=SERVED) for number in range(20)), program("worker", "x", ailing=("broker",))),
    )

    text = "\n".join(shown(120, 30, status=status))

    assert text.index("gate  ") < text.index("cam-0")
    assert text.index("ailing: broker") < text.index("w0 ")
    assert "more" in text


def test_the_frames_of_the_last_minute_are_drawn() -> None:
    history = History()
    for second in range(61):
        history.add(look(time=NOW - 60 + second, cameras=(camera(frames=10 * second),)))

    (line,) = [line for line in shown(120, 40, history=history, status=look()) if line.startswith("door")]

    assert "▇" * 20 in line


def test_that_the_ledger_is_away_is_said_with_what_was_known() -> None:
    before = shown(100, 30, status=None, verdict=None, away="Redis can't be reached: start it", since=NOW - 3)
    after = shown(100, 30, away="Redis can't be reached: start it", since=NOW - 65)

    assert before[:3] == [before[0], "  for 3.0 s; it is tried again and again", "  Redis can't be reached: start it"]
    assert "■ ledger away" in before[0]
    assert after[1] == "  for 1 min; what follows was so at 12:00:00"
    assert any(line.startswith("cam-0") for line in after)


def test_before_the_first_look_it_says_that_it_looks() -> None:
    assert "○ looking" in shown(80, 24, status=None, verdict=None)[0]


def test_more_reasons_than_there_is_room_for_are_counted() -> None:
    verdict = Verdict("trouble", tuple(Reason(f"reason {number}", grave=True) for number in range(9)))

    assert shown(80, 24, verdict=verdict)[1:3] == ["  reason 0", "  + 8 more: genesis doctor"]
    assert shown(80, 10, verdict=verdict)[1] == "  reason 0   + 8 more: genesis doctor"


def test_strangers_who_come_and_go_do_not_push_out_the_rest() -> None:
    crowd = [
        happening(f"{500 - number}-0", SessionEvent(camera="door", time=NOON, scope="person", kind="started", session=f"s-{number}"))
        for number in range(20)
    ]
    seen: list[Happening] = [*crowd, *EVENTS[:3]]

    kept = chosen(seen, 8)

    assert [row for row in kept if row.kind == "zones"] == list(EVENTS[:3])
    assert [row for row in kept if row.kind == "sessions"] == crowd[:5]


def test_names_of_others_cannot_write_on_the_terminal() -> None:
    nasty = "\x1b[2Jrtsp://me:s3cret@host/"
    status = look(cameras=(camera(nasty),), programs=(program("worker", nasty, queues=SERVED), *staff(worker=None)))
    event = happening("9-0", ZoneEvent(camera=nasty, time=NOON, kind="identified", track="t", identity=nasty))

    text = "\n".join(shown(200, 50, status=status, happenings=(event,)))

    assert "\x1b[2J" not in text
    assert "s3cret" not in text


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_tables_show_programs_and_a_word_with_its_reasons(width: int) -> None:
    status = large()
    console = Console(width=width, record=True, file=io.StringIO())

    console.print(render(status, judge(status, Settings())))

    text = console.export_text()
    assert "bridge-north-1" in text
    assert "\n■ trouble" in text
    assert "  camera gate is lost" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_cache_that_is_away_is_one_line() -> None:
    status = look(cache=CacheStatus(0, 500, 0, 3, "Redis at unix:///c.sock can't be reached"))
    console = Console(width=120, record=True, file=io.StringIO())

    console.print(render(status))

    assert "frame cache: Redis at unix:///c.sock can't be reached" in console.export_text()
    assert any("frame cache: Redis at unix:///c.sock" in line for line in shown(120, 40, status=status))

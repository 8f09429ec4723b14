"""What is told of a camera's persons hangs together, whatever they do: presences, zones, figures, and what ends them all."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.capture.inprocess import InProcess
from genesis.context import MemoryTracks, Naming
from genesis.events import AlertEvent, Event, MetricsEvent, PersonDetected, SessionEvent, ZoneEvent
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON
from tests.walkers import CAMERA, camera_event, clip, end_of

ADA = Naming("Ada", "7b0d8f1e-0000-4000-8000-000000000001", known=True, score=0.9, face="f" * 64)


def installed(**changes: Any) -> Settings:
    """Return settings of a camera with zones, without faces and a database."""
    values: dict[str, Any] = {"cameras": [CAMERA], "storage": {"dsn": "none"}, "recognition": {"engine": "none"}}
    return Settings(**{**values, **changes})


def told(events: list[Any], settings: Settings | None = None) -> list[Event]:
    """Return what is told of persons when these events are handled one after the other."""
    seen: list[Event] = []
    pipeline = InProcess(settings or installed(), builtin_subscriptions(), lambda event, _: seen.append(event))
    for event in events:
        pipeline.handle(event)
    assert not pipeline.failed
    given = {id(event) for event in events}
    return [event for event in seen if id(event) not in given and not isinstance(event, PersonDetected)]


def of(wanted: type[Event], events: list[Event], **values: Any) -> list[Any]:
    return [event for event in events if isinstance(event, wanted) and all(getattr(event, name) == value for name, value in values.items())]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(20, 60))
@hypothesis_settings(max_examples=40)
def test_presences_zones_and_numbers_hang_together(seed: int, people: int, frames: int) -> None:
    events = told([*clip(frames, people, seed)])

    starts = {event.session: event for event in of(SessionEvent, events, scope="person", kind="started")}
    ends = {event.session: event for event in of(SessionEvent, events, scope="person", kind="ended")}
    zones = of(ZoneEvent, events)
    assert starts.keys() == ends.keys()
    assert len(starts) == len(of(SessionEvent, events, scope="person", kind="started"))
    assert [event.number for event in zones] == list(range(len(zones)))
    stays: dict[tuple[str, str], list[ZoneEvent]] = defaultdict(list)
    occupancy: Counter[str] = Counter()
    for event in zones:
        assert starts[event.track].time <= event.time <= ends[event.track].time
        if event.kind in {"entered", "exited"}:
            stays[event.track, event.zone].append(event)
            occupancy[event.zone] += 1 if event.kind == "entered" else -1
            assert event.occupancy == occupancy[event.zone]
    for (track, zone), changes in stays.items():
        assert [event.kind for event in changes] == ["entered", "exited"] * (len(changes) // 2)
        spent = sum(event.dwell for event in changes if event.kind == "exited")
        assert ends[track].zones[zone] == pytest.approx(spent)
    for track, end in ends.items():
        assert end.duration == pytest.approx((end.time - starts[track].time).total_seconds())
        assert 3 <= end.frames <= frames
        assert set(end.zones) == {zone for name, zone in stays if name == track}


@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.7, 10.0, 1000.0]))
@hypothesis_settings(max_examples=20)
def test_the_figures_of_all_windows_add_up_to_those_of_the_clip(seed: int, window: float) -> None:
    frames = clip(50, 4, seed)

    events = told([*frames], installed(metrics={"window_seconds": max(1.0, window)}))

    figures = of(MetricsEvent, events)
    assert sum(event.frames_processed for event in figures) == sum(event.frames_captured for event in figures) == 50
    exits = Counter(event.zone for event in of(ZoneEvent, events, kind="exited"))
    assert sum((Counter(event.visits) for event in figures), Counter()) == exits


def test_a_person_is_told_of_only_when_taken_for_real_and_then_from_the_first_look_on() -> None:
    frames = clip(30, people=1, seed=4)

    (start, *_) = of(SessionEvent, told(frames[:20]), kind="started")
    before = told(frames[: start_frame(frames) + 2])

    assert of(SessionEvent, before) == []
    assert start.time == frames[start_frame(frames)].time


def start_frame(frames: list[PersonDetected]) -> int:
    """Return the first of three frames in a row with somebody in whom the detector believes."""
    sure = [any(person.confidence > 0.45 for person in event.persons) for event in frames]
    return next(number for number in range(len(sure)) if all(sure[number : number + 3]))


def test_the_end_of_the_camera_s_session_ends_what_is_open() -> None:
    frames = clip(25, people=3, seed=2)[:-1]

    events = told([*frames, camera_event("ended", 5.0, next_number=25)])

    assert len(of(SessionEvent, events, scope="person", kind="started")) == len(of(SessionEvent, events, scope="person", kind="ended")) > 0
    reasons = {event.reason for event in of(SessionEvent, events, scope="person", kind="ended")}
    assert "the camera's session ended" in reasons
    assert of(MetricsEvent, events)[-1].time + timedelta(seconds=10) > frames[-1].time


def test_a_new_session_ends_what_the_old_one_has_left_open_and_begins_anew() -> None:
    old, new = clip(25, people=3, seed=2, session="s1")[:-1], clip(25, people=3, seed=2, session="s2")
    later = [msgspec.structs.replace(event, time=event.time + timedelta(seconds=60)) for event in new]

    events = told([*old, *later])

    first, second = ([event for event in of(SessionEvent, events) if event.session.startswith(name)] for name in ("s1-", "s2-"))
    assert Counter(event.kind for event in first) == Counter(event.kind for event in second)
    assert {event.session for event in first}.isdisjoint({event.session for event in second})
    assert [event.number for event in of(ZoneEvent, events)] == list(range(len(of(ZoneEvent, events))))
    assert {event.session for event in of(ZoneEvent, events)} == {"s1"}


def test_a_clock_that_jumps_back_ends_what_is_open_and_no_track_is_named_twice() -> None:
    first = clip(25, people=3, seed=2)[:-1]
    jumped = [msgspec.structs.replace(event, number=event.number + 25, id=f"j{event.number}") for event in first]
    jumped = [msgspec.structs.replace(event, time=event.time - timedelta(hours=1)) for event in jumped]

    events = told([*first, *jumped, end_of(50)])

    starts, ends = (of(SessionEvent, events, scope="person", kind=kind) for kind in ("started", "ended"))
    assert len(starts) == len({event.session for event in starts}) == len(ends)
    assert [event for event in ends if event.reason == "the clock jumped back"]
    assert all(event.duration >= 0 for event in ends)
    assert all(event.dwell >= 0 for event in of(ZoneEvent, events))


def test_a_clock_that_goes_back_a_little_is_taken_to_stand_still() -> None:
    frames = clip(25, people=3, seed=2)
    shaken = [
        msgspec.structs.replace(event, time=event.time - timedelta(milliseconds=900 if number == 12 else 0))
        for number, event in enumerate(frames)
    ]

    events = told([*shaken])

    assert not [event for event in of(SessionEvent, events, kind="ended") if event.reason == "the clock jumped back"]
    assert all(event.duration >= 0 for event in of(SessionEvent, events, kind="ended"))


def test_a_state_that_can_not_be_read_is_no_state() -> None:
    from genesis.context import Context
    from tasks.analytics import follow_persons

    state: dict[str, Any] = {"session": 7, "people": "nonsense"}

    events = follow_persons(clip(1)[0], Context(installed(), None, None, state=state))  # type: ignore[arg-type]

    assert events == []
    assert state["session"] == "s1"


def test_a_camera_without_zones_has_presences_all_the_same() -> None:
    events = told([*clip(40, people=3, seed=2)], installed(cameras=[]))

    assert of(ZoneEvent, events) == []
    assert of(SessionEvent, events, kind="ended")


def test_the_end_of_a_presence_has_the_name_that_is_known_by_then() -> None:
    from genesis.context import Context
    from tasks.analytics import follow_persons

    board, state, frames, seen = MemoryTracks(), {}, clip(40, people=1, seed=4), list[Any]()
    context = Context(installed(), None, None, board, state=state)  # type: ignore[arg-type]

    for event in frames:
        seen += follow_persons(event, context) or []
        for start in [one for one in seen if isinstance(one, SessionEvent) and one.kind == "started"]:
            board.named(start.session, ADA)

    ends = of(SessionEvent, seen, kind="ended")
    assert ends
    assert {(event.identity, event.identity_id, event.known, event.face) for event in ends} == {("Ada", ADA.identity_id, True, "f" * 64)}


def test_a_rule_that_nobody_is_there_is_judged_by_the_pictures_time() -> None:
    rules = [{"name": "empty", "when": "nobody", "seconds": 3}]
    empty = [msgspec.structs.replace(event, persons=()) for event in clip(40)]

    alerts = of(AlertEvent, told([*empty], installed(alerts={"rules": rules})))

    assert [(alert.rule, alert.time) for alert in alerts] == [("empty", NOON + timedelta(seconds=3))]


def test_a_lost_camera_raises_the_alert_that_a_rule_asks_for() -> None:
    rules = [{"name": "dark", "when": "camera_lost", "severity": "critical"}]

    alerts = of(AlertEvent, told([camera_event("lost", 4.0, reason="no frame for 10 s", id="lost-1")], installed(alerts={"rules": rules})))

    assert [(alert.rule, alert.severity, alert.cause) for alert in alerts] == [("dark", "critical", "lost-1")]


def test_a_name_is_told_to_the_rules_once_it_is_known() -> None:
    rules = [{"name": "visitor", "when": "entered", "names": ["Ada"], "cooldown_seconds": 0}]
    frames = clip(40, people=1, seed=4)[:-1]
    entry = of(ZoneEvent, told(frames), kind="entered")[0]
    update = camera_event("updated", 30.0, track=entry.track, identity="Ada", identity_id=ADA.identity_id, known=True, id="u1")

    events = told([*frames, msgspec.structs.replace(update, scope="person", session=entry.track)], installed(alerts={"rules": rules}))

    assert [event.identity for event in of(ZoneEvent, events, kind="identified")] == ["Ada"]
    assert [(alert.rule, alert.identity) for alert in of(AlertEvent, events)][:1] == [("visitor", "Ada")]


@pytest.mark.parametrize(
    ("rule", "pictured"),
    [
        ({"when": "entered", "zones": ["left"]}, {("entered", "left")}),
        ({"when": "crowded", "zones": ["right"], "more_than": 5}, {("entered", "right")}),
        ({"when": "crossed"}, {("crossed", "middle")}),
        ({"when": "loitering", "zones": ["left"]}, {("loitering", "left")}),
        ({"when": "exited"}, set()),
        ({"when": "entered", "cameras": ["yard"]}, set()),
    ],
    ids=lambda value: str(value.get("when")) if isinstance(value, dict) else "",
)
def test_only_what_a_rule_may_be_about_holds_its_frame(rule: dict[str, Any], pictured: set[tuple[str, str]]) -> None:
    frames = [msgspec.structs.replace(event, frame_key=f"f{event.number}") for event in clip(60, people=6, seed=3)[:-1]]
    other = {**CAMERA, "name": "yard"}

    zones = of(ZoneEvent, told(frames, installed(cameras=[CAMERA, other], alerts={"rules": [{"name": "one", **rule}], "snapshots": True})))

    assert {(event.kind, event.zone) for event in zones if event.frame_key} == pictured
    assert {event.kind for event in zones} == {"entered", "exited", "loitering", "crossed"}

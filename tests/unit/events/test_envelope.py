"""The wire form: what is written is read back, and whatever else comes is refused with one of two errors."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.errors import MalformedEventError, PermanentError, UnknownEventTypeError
from genesis.events import (
    EVENT_TYPES,
    AlertEvent,
    Box,
    Event,
    FaceRecognized,
    FrameCaptured,
    MetricsEvent,
    Person,
    PersonDetected,
    SessionEvent,
    ZoneEvent,
    caused,
    completed,
    decode,
    derived_id,
    encode,
)

WHEN = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=timezone.utc)
LARGEST = 2**63 - 1

words = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=256)
numbers = st.integers(0, LARGEST)
sizes = st.integers(1, LARGEST)
reals = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(0, allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1)
# Offsets in whole minutes are all that RFC 3339 can write.
zones = st.one_of(st.just(timezone.utc), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))))
times = st.datetimes(timezones=zones)
boxes = st.builds(Box, reals, reals, reals, reals)
persons = st.builds(Person, box=boxes, confidence=shares, track=st.none() | words)
losses = st.dictionaries(words, st.integers(-LARGEST, LARGEST), max_size=4)
counts = st.dictionaries(words, numbers, max_size=3)
spans = st.dictionaries(words, seconds, max_size=3)
ways = st.sampled_from([None, "in", "out"])
named = {"identity": st.none() | words, "identity_id": st.none() | words, "known": st.booleans()}
common = {"camera": names, "time": times, "id": names, "traceparent": words}
frames = {"session": names, "number": numbers, "width": sizes, "height": sizes, "live": st.booleans()}

EVENTS: dict[type[Event], st.SearchStrategy[Any]] = {
    FrameCaptured: st.builds(FrameCaptured, **common, **frames, frame_key=names, dropped=counts),
    PersonDetected: st.builds(
        PersonDetected, **common, **frames, frame_key=words, persons=st.lists(persons, max_size=4).map(tuple), detector=words,
        dropped=counts, last=st.booleans(),
    ),
    FaceRecognized: st.builds(
        FaceRecognized, **common, session=names, number=numbers, person=boxes, box=boxes, model=words, identity=st.none() | words,
        distance=st.none() | reals, threshold=st.none() | reals, track=st.none() | words, index=st.none() | numbers,
        score=st.none() | shares,
    ),
    ZoneEvent: st.builds(
        ZoneEvent, **common, kind=st.sampled_from(["entered", "exited", "loitering", "crossed", "identified"]), zone=words, track=names,
        session=words, box=st.none() | boxes, dwell=seconds, number=st.none() | numbers, occupancy=numbers, direction=ways, **named,
        face=words, frame_key=words,
    ),
    AlertEvent: st.builds(
        AlertEvent, **common, rule=names, severity=st.sampled_from(["low", "medium", "high", "critical"]), message=words, cause=words,
        kind=st.sampled_from(["raised", "updated"]), alert=words, zone=words, track=words, box=st.none() | boxes, dwell=seconds,
        persons=numbers, direction=ways, **named, snapshot=words, notify=st.lists(words, max_size=3).map(tuple),
    ),
    MetricsEvent: st.builds(
        MetricsEvent, **common, window=st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False), frames_captured=numbers,
        frames_processed=numbers, persons=numbers, dropped=losses, session=words, seconds=seconds, late=numbers, most_persons=numbers,
        tracks=numbers, occupancy=counts, visits=counts, dwell=spans, latency_p50=st.none() | seconds, latency_p95=st.none() | seconds,
    ),
    SessionEvent: st.builds(
        SessionEvent, **common, scope=st.sampled_from(["camera", "person"]),
        kind=st.sampled_from(["started", "updated", "lost", "recovered", "ended"]), session=names, reason=words, frames=numbers,
        dropped=losses, track=st.none() | words, duration=seconds, next_number=numbers, live=st.booleans(), zones=spans,
        box=st.none() | boxes, **named, score=st.none() | shares, face=words,
    ),
}  # fmt: skip


def a_frame(**changes: Any) -> FrameCaptured:
    event = FrameCaptured(
        camera="door", time=WHEN, id="e1", traceparent="", session="s", number=7, width=768, height=576, frame_key="door-7"
    )
    return msgspec.structs.replace(event, **changes)


def test_every_event_type_takes_part_in_the_round_trip() -> None:
    assert set(EVENTS) == set(EVENT_TYPES)


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(EVENTS[kind])

    fields = encode(event)
    crossed = {name.encode().decode(): value.encode().decode() for name, value in fields.items()}  # Redis, as UTF-8

    assert decode(fields) == decode(crossed) == event
    assert all(isinstance(value, str) for value in fields.values())


def test_the_fields_are_those_of_cloud_events() -> None:
    fields = encode(a_frame(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"))

    assert fields == {
        "specversion": "1.0",
        "id": "e1",
        "source": "/cameras/door",
        "type": "genesis.frame.captured",
        "time": "2026-02-03T04:05:06.789012Z",
        "subject": "door",
        "dataschema": "urn:genesis:frame:captured:1.1",
        "datacontenttype": "application/json",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "framekey": "door-7",
        "data": '{"camera":"door","session":"s","number":7,"width":768,"height":576,"live":false}',
    }


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"number": np.int64(7)}, "numpy.int64"),
        ({"session": "\ud800"}, "surrogates"),
        ({"session": object()}, "object"),
        ({"time": "noon"}, "time"),
        ({"time": object()}, "time"),
        ({"id": 7}, "int"),
    ],
    ids=str,
)
def test_what_is_no_value_of_an_event_is_a_malformed_one_when_it_is_written(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(MalformedEventError, match=part):
        encode(a_frame(**changes))


def test_an_event_without_an_id_is_not_written() -> None:
    with pytest.raises(ValueError, match="FrameCaptured has no id"):
        encode(a_frame(id=""))


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
@given(data=st.data(), minor=st.integers(0, 10**6), extra=st.dictionaries(words.map("x-{}".format), st.integers() | words, max_size=3))
def test_a_newer_minor_schema_with_more_fields_is_read(kind: type[Event], data: st.DataObject, minor: int, extra: dict[str, Any]) -> None:
    event = data.draw(EVENTS[kind])
    fields = encode(event)
    fields["dataschema"] = fields["dataschema"].rpartition(".")[0] + f".{minor}"
    fields["data"] = json.dumps({**json.loads(fields["data"]), **extra})
    fields["newattribute"] = "of a later time"

    read = decode(fields)

    assert read == event


@pytest.mark.parametrize(
    ("change", "error", "part"),
    [
        ({"type": "genesis.frame.forgotten"}, UnknownEventTypeError, "'genesis.frame.forgotten'"),
        ({"type": ""}, UnknownEventTypeError, "unknown event type ''"),
        ({"dataschema": "urn:genesis:frame:captured:2.0"}, UnknownEventTypeError, "2.0 can't be read here (this code reads version 1.x)"),
        ({"dataschema": "urn:genesis:frame:captured:0.9"}, UnknownEventTypeError, "version 0.9"),
        ({"dataschema": "urn:genesis:frame:captured:" + "9" * 5000 + ".0"}, UnknownEventTypeError, "can't be read here"),
        ({"dataschema": "urn:genesis:frame:captured"}, MalformedEventError, "'dataschema'"),
        ({"dataschema": "urn:genesis:frame:captured:1"}, MalformedEventError, "'dataschema'"),
        ({"dataschema": "urn:genesis:frame:captured:1.²"}, MalformedEventError, "'dataschema'"),
        ({"dataschema": "urn:genesis:person:detected:1.0"}, MalformedEventError, "'dataschema'"),
        ({"dataschema": ""}, MalformedEventError, "'dataschema'"),
        ({"specversion": "0.3"}, MalformedEventError, "'0.3', expected '1.0'"),
        ({"id": ""}, MalformedEventError, "'id' has 0 characters"),
        ({"id": "x" * 257}, MalformedEventError, "'id' has 257 characters"),
        ({"time": "yesterday"}, MalformedEventError, "time"),
        ({"time": "2026-02-03T04:05:06"}, MalformedEventError, "timezone"),
        ({"data": ""}, MalformedEventError, "'data' is not JSON"),
        ({"data": "{"}, MalformedEventError, "'data' is not JSON"),
        ({"data": "[" * 100_000}, MalformedEventError, "'data' is not JSON"),
        ({"data": '{"camera": NaN}'}, MalformedEventError, "'data' is not JSON"),
        ({"data": "[]"}, MalformedEventError, "a JSON list"),
        ({"data": "null"}, MalformedEventError, "a JSON NoneType"),
        ({"data": "{}"}, MalformedEventError, "camera"),
        ({"data": '{"camera":"door","session":"s","number":"7","width":768,"height":576}'}, MalformedEventError, "number"),
        ({"data": '{"camera":"door","session":"s","number":-1,"width":768,"height":576}'}, MalformedEventError, "number"),
        ({"data": '{"camera":"door","session":"s","number":1e99,"width":768,"height":576}'}, MalformedEventError, "number"),
        ({"data": '{"camera":"","session":"s","number":7,"width":768,"height":576}'}, MalformedEventError, "camera"),
        ({"data": '{"camera":null,"session":"s","number":7,"width":768,"height":576}'}, MalformedEventError, "camera"),
    ],
)
def test_a_broken_field_is_named(change: dict[str, str], error: type[PermanentError], part: str) -> None:
    fields = {**encode(a_frame()), **change}

    with pytest.raises(error) as caught:
        decode(fields)

    assert part in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "dataschema", "data"])
def test_a_missing_field_is_named(name: str) -> None:
    fields = encode(a_frame())
    del fields[name]

    with pytest.raises(MalformedEventError, match=f"field '{name}' missing"):
        decode(fields)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_coordinate_that_is_no_number_is_refused_and_never_read_as_another(value: float) -> None:
    event = ZoneEvent(camera="door", time=WHEN, id="e", kind="entered", zone="z", track="t", box=Box(0, 0, value, 1))

    with pytest.raises(MalformedEventError, match="box"):
        decode(encode(event))


def read_or_refused(fields: dict[str, str]) -> Event | None:
    """Decode, and let no other error pass than the two that decide a delivery's fate."""
    try:
        return decode(fields)
    except (MalformedEventError, UnknownEventTypeError):
        return None


@given(st.dictionaries(st.sampled_from([*encode(a_frame()), "other"]) | st.text(), st.text()))
def test_arbitrary_fields_are_refused_and_nothing_else(fields: dict[str, str]) -> None:
    assert read_or_refused(fields) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(event=st.one_of(*EVENTS.values()), data=st.data())
def test_a_valid_event_with_one_changed_value_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    fields = encode(event)
    inside = json.loads(fields["data"])
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(json_values)
    fields["data"] = json.dumps(inside)

    read = read_or_refused(fields)

    assert read is None or type(read) is type(event)


@given(event=st.one_of(*EVENTS.values()), data=st.data())
def test_a_valid_event_with_one_damaged_field_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    fields = encode(event)
    name = data.draw(st.sampled_from(sorted(fields)))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(fields[name])), st.integers(0, len(fields[name])))))
    fields[name] = fields[name][:start] + data.draw(st.text(max_size=5)) + fields[name][end:]

    read = read_or_refused(fields)

    assert read is None or type(read) is type(event)


def test_ids_and_traces_are_given_once() -> None:
    first = completed(a_frame(id=""))

    again = completed(first)

    assert first.id
    assert first.traceparent.startswith("00-")
    assert again == first


def test_outputs_get_the_same_ids_whoever_runs_the_handler() -> None:
    cause = completed(a_frame())
    outputs = [AlertEvent.about(cause, rule="r"), AlertEvent.about(cause, rule="r")]

    once, again, elsewhere = (caused(outputs, cause, group) for group in ("g", "g", "h"))

    assert once == again
    assert len({event.id for event in (*once, *elsewhere)}) == 4
    assert {event.traceparent.split("-")[1] for event in once} == {cause.traceparent.split("-")[1]}
    assert once[0].traceparent != cause.traceparent


@given(words, words, st.integers(0, 1000), words, words, st.integers(0, 1000))
def test_different_causes_groups_and_positions_give_different_ids(
    cause: str, group: str, index: int, other_cause: str, other_group: str, other_index: int
) -> None:
    same = (cause, group, index) == (other_cause, other_group, other_index)
    unclear = any("\0" in word for word in (cause, group, other_cause, other_group))

    equal = derived_id(cause, group, index) == derived_id(other_cause, other_group, other_index)

    assert equal == same or unclear


@pytest.mark.parametrize("parent", ["", "-", "00-zz-1-01", "a-b-c-d", "00-" + "a" * 32])
def test_a_cause_with_a_broken_trace_begins_a_new_one(parent: str) -> None:
    cause = a_frame(traceparent=parent)

    (output,) = caused([AlertEvent.about(cause, rule="r")], cause, "g")

    assert [len(part) for part in output.traceparent.split("-")] == [2, 32, 16, 2]

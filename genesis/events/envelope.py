"""The wire form of an event: CloudEvents 1.0 in binary mode, as the fields of a stream entry.

    specversion id source type time subject dataschema datacontenttype [traceparent] [framekey] data

Attributes are plain strings and `data` is JSON, so an entry reads well in `redis-cli`. What the envelope
carries (`id`, `time`, `traceparent`, and `framekey`, an extension attribute that names the cached frame)
is not repeated in `data`; the camera is both `subject` and a field of the data. There is no official Redis
binding of CloudEvents; this is ours.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from genesis.errors import MalformedEventError, UnknownEventTypeError
from genesis.events.types import EVENT_TYPES, Event

Fields = dict[str, str]
EventT = TypeVar("EventT", bound=Event)

SPECVERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type", "time", "dataschema", "data")
_BY_TYPE = {cls.TYPE: cls for cls in EVENT_TYPES}
_IN_ENVELOPE = frozenset({"id", "time", "traceparent", "frame_key"})
_MAX_ID = 256


_NOTHING: tuple[Any, ...] = (None, "", (), {})


def _emptiable(cls: type[Event]) -> dict[str, Any]:
    """Return the fields that are nothing by default, and need not be written then."""
    defaults: dict[str, Any] = {field.name: {} if field.default_factory is dict else field.default for field in msgspec.structs.fields(cls)}
    return {name: default for name, default in defaults.items() if any(_is(default, nothing) for nothing in _NOTHING)}


def _is(value: Any, nothing: Any) -> bool:
    return type(value) is type(nothing) and bool(value == nothing)


_EMPTY = {cls: _emptiable(cls) for cls in EVENT_TYPES}
# A namespace of our own, so that derived ids can't meet those of another program.
_NAMESPACE = uuid.UUID("6f1f8f0c-6f0e-4d57-9b0e-6a0a5f1d3c11")


def new_id() -> str:
    """Return a fresh event id (32 hexadecimal digits)."""
    return uuid.uuid4().hex


def derived_id(cause: str, group: str, index: int) -> str:
    """Return the id of a handler's output: the same for the same cause, group and position, whoever runs it."""
    return uuid.uuid5(_NAMESPACE, f"{cause}\x00{group}\x00{index}").hex


def new_traceparent() -> str:
    """Return a W3C trace context that begins a new trace."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def child_traceparent(parent: str, event_id: str) -> str:
    """Return the trace context of an event caused by another: its trace, with a span made from the event's id."""
    parts = parent.split("-")
    if len(parts) != 4 or len(parts[1]) != 32:  # noqa: PLR2004
        return new_traceparent()
    return f"00-{parts[1]}-{uuid.uuid5(_NAMESPACE, event_id).hex[:16]}-{parts[3]}"


def completed(event: EventT) -> EventT:
    """Return the event with an id and a trace context, made now if it has none."""
    if event.id and event.traceparent:
        return event
    return msgspec.structs.replace(event, id=event.id or new_id(), traceparent=event.traceparent or new_traceparent())


def caused(outputs: Iterable[EventT], cause: Event, group: str) -> list[EventT]:
    """Give a handler's outputs their ids and trace contexts, derived from the event that caused them."""
    finished = []
    for index, output in enumerate(outputs):
        event_id = output.id or derived_id(cause.id, group, index)
        trace = output.traceparent or child_traceparent(cause.traceparent, event_id)
        finished.append(msgspec.structs.replace(output, id=event_id, traceparent=trace))
    return finished


def encode(event: Event) -> Fields:
    """Return the stream fields of an event.

    Raises:
        ValueError: the event has no id yet (see `completed` and `caused`).
        MalformedEventError: it could not be read back (a time without a zone, a NaN, an empty name, a NumPy number).
    """
    if not event.id:
        msg = f"{type(event).__name__} has no id"
        raise ValueError(msg)
    empty = _EMPTY[type(event)]
    values = msgspec.structs.asdict(event).items()
    data = {name: value for name, value in values if name not in _IN_ENVELOPE and not _is(value, empty.get(name, ...))}
    fields = {
        "specversion": SPECVERSION,
        "id": event.id,
        "source": f"/cameras/{event.camera}",
        "type": event.TYPE,
        "time": msgspec.to_builtins(event.time, enc_hook=str),
        "subject": event.camera,
        "dataschema": schema_uri(type(event)),
        "datacontenttype": "application/json",
    }
    if event.traceparent:
        fields["traceparent"] = event.traceparent
    if event.frame:
        fields["framekey"] = event.frame
    try:
        fields["data"] = msgspec.json.encode(data).decode()
        decode(fields)  # better its maker is told than all its readers
    except (TypeError, ValueError, RecursionError) as error:
        # A number of NumPy's, most often: JSON has none of those.
        msg = f"{type(event).__name__}: {error}"
        raise MalformedEventError(msg[:500]) from error
    return fields


def decode(fields: Mapping[str, str]) -> Event:
    """Return the event that stream fields describe.

    Raises:
        UnknownEventTypeError: the type or its major schema version is not known here.
        MalformedEventError: a field is missing, or its value is not what the type says.
    """
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        msg = f"not an event: field {', '.join(map(repr, missing))} missing (fields found: {', '.join(sorted(fields)) or 'none'})"
        raise MalformedEventError(msg[:500])
    if fields["specversion"] != SPECVERSION:
        msg = f"field 'specversion' is {fields['specversion'][:20]!r}, expected {SPECVERSION!r}"
        raise MalformedEventError(msg)
    cls = _BY_TYPE.get(fields["type"])
    if cls is None:
        msg = f"unknown event type {fields['type'][:100]!r} (known: {', '.join(_BY_TYPE)})"
        raise UnknownEventTypeError(msg)
    _check_schema(cls, fields["dataschema"])
    if not 0 < len(fields["id"]) <= _MAX_ID:
        msg = f"field 'id' has {len(fields['id'])} characters, expected 1 to {_MAX_ID}"
        raise MalformedEventError(msg)
    data = _json_object(cls, fields["data"])
    data["id"], data["time"], data["traceparent"] = fields["id"], fields["time"], fields.get("traceparent", "")
    if "framekey" in fields:
        data["frame_key"] = fields["framekey"]
    try:
        return msgspec.convert(data, cls)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        msg = f"{cls.__name__}: {error}"
        raise MalformedEventError(msg[:500]) from error


def schema_uri(cls: type[Event]) -> str:
    """Return the `dataschema` of an event type, which ends with its major and minor version."""
    major, minor = cls.SCHEMA
    return f"urn:{cls.TYPE.replace('.', ':')}:{major}.{minor}"


def _check_schema(cls: type[Event], schema: str) -> None:
    stem, _, version = schema.rpartition(":")
    major, _, minor = version.partition(".")
    if stem != schema_uri(cls).rpartition(":")[0] or not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        msg = f"field 'dataschema' is {schema[:100]!r}, expected {schema_uri(cls)!r} or a newer minor version"
        raise MalformedEventError(msg)
    if len(major) > 4 or int(major) != cls.SCHEMA[0]:  # noqa: PLR2004
        msg = f"{cls.TYPE} version {version[:20]} can't be read here (this code reads version {cls.SCHEMA[0]}.x)"
        raise UnknownEventTypeError(msg)


def _json_object(cls: type[Event], text: str) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        msg = f"{cls.__name__}: field 'data' is not JSON: {error}"
        raise MalformedEventError(msg[:500]) from error
    if not isinstance(data, dict):
        msg = f"{cls.__name__}: field 'data' is a JSON {type(data).__name__}, expected an object"
        raise MalformedEventError(msg)
    return data

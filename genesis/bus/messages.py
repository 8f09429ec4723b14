"""Celery's own messages, filled in: one is made by Celery and taken apart, and the others are put together from its parts.

To make one anew takes Celery and kombu most of a millisecond, though each of ours differs from the others in its ids, its arguments and
what is shown of them alone. Nothing is assumed of the rest: the installed Celery makes two messages, and only if the second can be put
together from the parts of the first, others are. If not, and for brokers other than Redis, Celery makes all of them.
"""

from __future__ import annotations

import base64
import itertools
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from kombu.utils.json import dumps, loads

_ID, _SHOWN, _BODY, _TAG, _ARGUMENT = (f"<{name} of a message to take apart>" for name in ("id", "shown", "body", "tag", "argument"))
_encode = msgspec.json.Encoder().encode


class Order(NamedTuple):
    """A message that is wanted: the id of its task, the arguments, and what is shown of them."""

    task_id: str
    arguments: Sequence[Any]
    shown: str


Publish = Callable[[Order], object]
"""Publishes a message the way Celery does."""


class Template:
    """Messages of one task, all alike but for what an `Order` says.

    Args:
        message: one as kombu puts it into a queue, made for the order `SAMPLE`.
    """

    def __init__(self, message: dict[str, Any]) -> None:
        before, _, after = _parts(base64.b64decode(message["body"]).decode(), _ARGUMENT)
        self._before, self._after = before.encode(), after.encode()
        properties = {**message["properties"], "delivery_tag": _TAG}
        parts = _parts(dumps({**message, "body": _BODY, "properties": properties}), _ID, _SHOWN, _BODY, _TAG)
        self._parts = [part.encode() for part in parts]
        places = {dumps(token).encode(): index for index, token in enumerate((_ID, _SHOWN, _BODY, _TAG))}
        self._places = [(at, places[part]) for at, part in enumerate(self._parts) if part in places]
        self._run = uuid.uuid4().hex
        self._count = itertools.count()

    def fill(self, order: Order) -> bytes:
        """Return the message for an order."""
        body = base64.b64encode(self._before + _encode(order.arguments)[1:-1] + self._after)
        tag = f'"{self._run}-{next(self._count)}"'.encode()
        values = (_encode(order.task_id), _encode(order.shown), b'"%b"' % body, tag)
        parts = self._parts.copy()
        for at, value in self._places:
            parts[at] = values[value]
        return b"".join(parts)


SAMPLE = Order(_ID, [_ARGUMENT], _SHOWN)
_OTHER = Order("genesis:frames:group:1-0", ["1-0", {"id": "1", "text": 'a "b" \\ é \n'}, "2-0", {}], 'door, "run 1": é')


def template_for(channel: Any, publish: Publish) -> tuple[str, Template] | None:
    """Return the list that a task's messages are put into, and their template; None where they can't be put together.

    Args:
        channel: kombu's, that `publish` publishes on; nothing is put into a queue of it.
        publish: publishes a message of the task.

    Raises:
        Exception: whatever a broker that is away makes kombu raise.
    """
    if not hasattr(channel, "client") or not hasattr(channel, "_q_for_pri"):
        return None
    with _caught(channel) as caught:
        publish(SAMPLE)
        publish(_OTHER)
    try:
        (queue, first), (other_queue, second) = caught
        template = Template(first)
        key = channel._q_for_pri(queue, 0)  # noqa: SLF001 - the list's name is known there alone
        fits = queue == other_queue and not first["properties"].get("priority") and _same(template.fill(_OTHER), second)
    except (KeyError, ValueError, TypeError):
        return None
    return (key, template) if fits else None


@contextmanager
def _caught(channel: Any) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Catch what is about to be put into queues of a channel."""
    caught: list[tuple[str, dict[str, Any]]] = []

    def put(queue: str, message: dict[str, Any], **_: Any) -> None:
        caught.append((queue, message))

    channel._put = put  # noqa: SLF001 - where kombu's transports end and the broker begins
    try:
        yield caught
    finally:
        del channel._put  # noqa: SLF001


def _same(filled: bytes, made: dict[str, Any]) -> bool:
    return _compared(loads(filled.decode())) == _compared(loads(dumps(made)))


def _compared(message: dict[str, Any]) -> dict[str, Any]:
    """Return what two messages must have in common: all but the tags, which must differ."""
    properties = {name: value for name, value in message["properties"].items() if name != "delivery_tag"}
    return {**message, "properties": properties, "body": loads(base64.b64decode(message["body"]).decode())}


def _parts(text: str, *tokens: str) -> list[str]:
    """Split JSON at strings, which stay between the other parts.

    >>> _parts('{"a": "x", "b": 1}', "x")
    ['{"a": ', '"x"', ', "b": 1}']
    """
    return re.split(f"({'|'.join(re.escape(dumps(token)) for token in tokens)})", text)

"""How Celery reaches a broker: soon again after any absence, and through whatever a Redis answers meanwhile.

Celery and kombu wait up to 30 s between two tries, and end a worker whose Redis answers BUSY, or has no
memory left when the worker connects. Here no wait is longer than 2 s, and such an answer is an absence.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import celery.app.amqp
import kombu
import kombu.serialization
import kombu.transport.redis
import msgspec
import redis
from kombu.utils.json import dumps, loads

from genesis.connections import Parser

logger = logging.getLogger(__name__)

WAITS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
"""Seconds between two tries."""

T = TypeVar("T")
_REFUSALS = ("OOM", "MISCONF", "NOREPLICAS")


class RefusesNowError(redis.ConnectionError):
    """The broker takes nothing just now: its memory or disk is full, or its replicas are away."""


class BrokerParser(Parser):
    """Makes an absence of every answer that passes."""

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the error."""
        return RefusesNowError(response) if response.startswith(_REFUSALS) else super().parse_error(response)


class Handful:
    """How many messages to take from a queue at once: as many as are done soon, going by the last one.

    Args:
        clock: monotonic seconds.
    """

    SECONDS = 0.005  # for which a message that was taken waits for those before it; later it is given back
    MOST = 32

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def take(self, deliver: Callable[[T], object], first: T, more: Callable[[int], list[T]], back: Callable[[list[T]], object]) -> None:
        """Deliver messages until there are none, or until one of them took its time.

        Args:
            deliver: runs a message.
            first: that is here already.
            more: takes so many from the queue, or as many as there are.
            back: gives messages, in their order, back to the queue: they are the next ones.
        """
        here = [first]
        while here:
            began = self._clock()
            try:
                done = 0
                for message in here:
                    if self._clock() - began >= self.SECONDS:
                        return
                    done += 1
                    deliver(message)
            finally:
                if done < len(here):
                    back(here[done:])
            each = (self._clock() - began) / len(here)
            count = min(self.MOST, int(self.SECONDS / each)) if each else self.MOST
            here = more(count) if count > 1 else []


class Connection(kombu.Connection):
    """A connection to a broker, whichever kind."""

    tried: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Called at each try to connect: a worker that waits for its broker does not hang."""
    handful: ClassVar[Handful | None] = None
    """How many messages are taken at once by a worker that runs them itself, in its main thread; None: one by one."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, again and again; as kombu's own, but for the waits."""
        return super().ensure_connection(*args, **{**WAITS, **kwargs})  # type: ignore[no-untyped-call]

    def _establish_connection(self) -> Any:
        type(self).tried()
        return super()._establish_connection()  # type: ignore[no-untyped-call]

    def get_transport_cls(self) -> Any:
        """Return the transport of the URL; a Redis one knows which answers pass."""
        found: Any = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return _lasting(found) if issubclass(found, kombu.transport.redis.Transport) else found


class AMQP(celery.app.amqp.AMQP):  # type: ignore[misc] # Celery has no types
    """For `Celery(amqp=AMQP)`: such connections, everywhere in the application."""

    Connection = BrokerConnection = Connection


def read_json(text: str | bytes | bytearray | memoryview) -> Any:
    """Return what kombu has written; kombu's own way is several times as slow, and is taken where it makes a difference."""
    plain = text if isinstance(text, str | bytes) else bytes(text)
    if (b"__type__" if isinstance(plain, bytes) else "__type__") not in plain:  # type: ignore[operator] # each in its own kind
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            return msgspec.json.decode(plain)
    return loads(plain)


def read_json_quickly() -> None:
    """Have kombu read what messages carry with `read_json`, everywhere in this process."""
    kombu.serialization.register("json", dumps, read_json, content_type="application/json", content_encoding="utf-8")


class _Rest:
    """What else is in a queue, on the connection that waits for its messages."""

    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key

    def more(self, count: int) -> list[bytes]:
        """Take messages, the next ones first."""
        try:
            return self._say("RPOP", count) or []
        except redis.ResponseError as error:
            Connection.handful = None
            logger.warning("messages are taken one by one, since the broker does not permit more: %s", error)
            return []

    def back(self, messages: list[bytes]) -> None:
        """Give messages back; they are the next ones again."""
        self._say("RPUSH", *messages[::-1])

    def _say(self, command: str, *arguments: Any) -> Any:
        self._client.connection.send_command(command, self._key, *arguments)
        return self._client.parse_response(self._client.connection, command)


def _channel(transport: type[Any]) -> type[Any]:
    """Return a transport's channel whose connections know which answers pass, and which takes messages by the handful."""

    class Channel(transport.Channel):  # type: ignore[misc,name-defined]
        def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
            return {**super()._connparams(asynchronous), "parser_class": BrokerParser}

        def _brpop_read(self, **options: Any) -> Any:
            client = self.client
            try:
                key, first = client.parse_response(client.connection, "BRPOP", **options) or (b"", b"")
                if not key:
                    raise queue.Empty
                name = key.decode().rsplit(self.sep, 1)[0]
                key = f"{self.global_keyprefix}{key.decode()}"
                self._queue_cycle.rotate(name)
                self._in_poll = None

                def deliver(message: bytes) -> None:
                    self.connection._deliver(read_json(message), name)  # noqa: SLF001 - as kombu's own does

                if Connection.handful is None:
                    deliver(first)
                else:
                    rest = _Rest(client, key)
                    Connection.handful.take(deliver, first, rest.more, rest.back)
            except self.connection_errors:
                client.connection.disconnect()
                raise
            else:
                return True
            finally:
                self._in_poll = None
                self._flush_brpop_reauth()

    return Channel


@lru_cache(maxsize=4)
def _lasting(transport: type[Any]) -> type[Any]:
    """Return a transport that connects only to a Redis that can be used now, and takes an answer that passes for an absence."""

    class Lasting(transport):  # type: ignore[misc]
        def establish_connection(self) -> Any:
            connection = super().establish_connection()
            channel = self._avail_channels[-1]
            try:
                # Writes nothing, and is refused when anything would be. A worker could not even register its queues then.
                channel.client.setrange(f"{channel.global_keyprefix}probe", 0, "")
            except self.connection_errors:
                with contextlib.suppress(Exception):
                    self._avail_channels.pop().close()
                raise
            except redis.ResponseError:
                return connection  # not permitted, perhaps: what is needed will tell by itself
            return connection

    Lasting.Channel = _channel(transport)
    return Lasting

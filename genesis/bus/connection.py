"""How Celery reaches a broker: soon again after any absence, and through whatever a Redis answers meanwhile.

Celery and kombu wait up to 30 s between two tries, and end a worker whose Redis answers BUSY, or has no
memory left when the worker connects. Here no wait is longer than 2 s, and such an answer is an absence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import celery.app.amqp
import kombu
import kombu.transport.redis
import redis

from genesis.connections import Parser

WAITS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
"""Seconds between two tries."""

_REFUSALS = ("OOM", "MISCONF", "NOREPLICAS")


class RefusesNowError(redis.ConnectionError):
    """The broker takes nothing just now: its memory or disk is full, or its replicas are away."""


class BrokerParser(Parser):
    """Makes an absence of every answer that passes."""

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the error."""
        return RefusesNowError(response) if response.startswith(_REFUSALS) else super().parse_error(response)


class Connection(kombu.Connection):
    """A connection to a broker, whichever kind."""

    tried: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Called at each try to connect: a worker that waits for its broker does not hang."""

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


@lru_cache(maxsize=4)
def _lasting(transport: type[Any]) -> type[Any]:
    """Return a transport that connects only to a Redis that can be used now, and takes an answer that passes for an absence."""

    class Channel(transport.Channel):  # type: ignore[misc,name-defined]
        def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's signature
            return {**super()._connparams(asynchronous), "parser_class": BrokerParser}

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

    Lasting.Channel = Channel
    return Lasting

"""Read back from the ledger what happened: every event of a type, with the time at which it was published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import redis

from genesis.errors import PermanentError
from genesis.events import Event, Keys, decode

EventT = TypeVar("EventT", bound=Event)
PAGE = 500


def _page(client: redis.Redis, stream: str, after: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    page: Any = client.xrange(stream, min=after, count=PAGE)
    return list(page)


def events(client: redis.Redis, keys: Keys, kind: type[EventT]) -> Iterator[tuple[float, EventT]]:
    """Yield every event of a type that its stream still holds, oldest first; no entries that are no events, no marks of a session's end.

    Yields:
        The server's time of publication in seconds since 1970, and the event.
    """
    after = "-"
    while page := _page(client, keys.stream_of(kind), after):
        for entry, raw in page:
            try:
                event = decode({name.decode(): value.decode() for name, value in raw.items()})
            except (PermanentError, UnicodeDecodeError):
                continue
            if isinstance(event, kind) and not getattr(event, "last", False):
                yield int(entry.split(b"-")[0]) / 1000, event
        after = f"({page[-1][0].decode()}"

"""From entries to Celery messages, put into a queue many at once; a message may carry several entries."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import redis
from kombu.exceptions import BatchPublishError, OperationalError

from genesis.bus.ledger import Delivery
from genesis.bus.messages import Order, Template, template_for
from genesis.connections import explain
from genesis.masking import mask
from genesis.subscriptions import Subscription

LOOK_SECONDS = 1.0  # between two looks at the broker
BATCH = 500  # messages that are put into a queue in one step
PAGE = 500  # messages that are looked at in one go
MOST_SHOWN = 64  # characters of a camera's name
LIMITS_OF_SEVERAL = 2  # time limits of one entry that a message with several has: each is begun before the first is over
# The message is JSON, in which a quotation mark inside a string has a backslash before it.
_TASK_ID = re.compile(rb'"id": "([^"\\\\]+)"')


def task_id(stream: str, group: str, *entries: str) -> str:
    """Return the id of the task for entries: always the same, so that two dispatches are seen to be one task."""
    return f"{stream}:{group}:{','.join(entries)}"


def deliveries_of(task_id: str) -> list[Delivery]:
    """Return the entries that a task of ours is for; none for a task that is not ours."""
    parts = task_id.split(":")
    if len(parts) != 4:  # noqa: PLR2004 - prefix, stream, group, entries
        return []
    prefix, stream, group, entries = parts
    return [Delivery(f"{prefix}:{stream}", group, entry) for entry in entries.split(",")]


class Try(NamedTuple):
    """Which run of an entry comes next (failed runs + 1), and the how-manieth delivery to a worker that is."""

    run: int = 1
    delivery: int = 1


Entry = tuple[str, dict[str, str]]
"""Its id, and its fields."""
FIRST = Try()
_NONE: Mapping[str, Try] = MappingProxyType({})


def described(fields: Mapping[str, str], tried: Try = FIRST) -> str:
    """Return what Celery's tools (Flower, `celery inspect active`) show as a task's arguments: camera, run and event.

    What Flower cuts off in its list is the end.

    >>> described({"id": "5c1e", "subject": "door"}, Try(2))
    'door, run 2: 5c1e'
    """
    again = f", delivery {tried.delivery}" if tried.delivery > 1 else ""
    return f"{fields.get('subject', '')[:MOST_SHOWN]}, run {tried.run}{again}: {fields.get('id', '')}"


class Dispatcher:
    """Sends entries of one subscription to its queue. Not shared between threads.

    Args:
        app: the Celery application.
        row: the subscription.
        stream: key of its stream.
        clock: monotonic seconds.
    """

    def __init__(self, app: Any, row: Subscription, stream: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._task = app.tasks[row.task]
        self._app = app
        self._row = row
        self._stream = stream
        self._connection: Any = None
        self._producer: Any = None
        self._clock = clock
        self._looked = float("-inf")
        self._server = ""
        self._templates: dict[bool, tuple[str, Template] | None] = {}

    def send(self, entries: Sequence[Entry], tried: Mapping[str, Try] = _NONE, *, together: int = 1, read_ms: int = 0) -> None:
        """Put entries into the queue, in order.

        Args:
            entries: ids and fields.
            tried: what is known of those that were there before, by id.
            together: how many one message may carry.
            read_ms: when they were read from the stream, by the ledger's clock, if they are in nobody else's hands (see
                `Leases.fresh`).

        Raises:
            OSError: the broker is away; some of the entries may be in the queue already.
        """
        try:
            producer = self._open()
            for start in range(0, len(entries), BATCH * together):
                page = entries[start : start + BATCH * together]
                self._put(producer, [page[at : at + together] for at in range(0, len(page), together)], tried, read_ms)
        except Exception as error:
            self.close()
            if self._connection_errors(error):
                raise OSError(self._explained(error)) from error
            raise

    def _put(self, producer: Any, loads: Sequence[Sequence[Entry]], tried: Mapping[str, Try], read_ms: int) -> None:
        """Put messages into the queue, in one step where that can be."""
        templates = {several: self._template(producer, several=several) for several in {len(load) > 1 for load in loads}}
        if all(templates.values()):
            keys = {found[0] for found in templates.values() if found}
            if len(keys) == 1:
                fill = {several: found[1].fill for several, found in templates.items() if found}
                messages = [fill[len(load) > 1](self._order(load, tried, read_ms)) for load in loads]
                producer.channel.client.execute_command("LPUSH", keys.pop(), *messages)
                return
        with producer.batch(max_size=BATCH):
            for load in loads:
                # Without when it was read: a broker that delivers a message again would have it run twice at a time.
                self._publish(producer, self._order(load, tried, 0), several=len(load) > 1)

    def _order(self, load: Sequence[Entry], tried: Mapping[str, Try], read_ms: int) -> Order:
        shown = described(load[0][1], tried.get(load[0][0], FIRST))
        if len(load) > 1:
            shown = f"{len(load)} events; first: {shown}"
        arguments: list[Any] = [part for one in load for part in one]
        if read_ms:
            arguments.append(read_ms)
        return Order(task_id(self._stream, self._row.group, *(entry for entry, _ in load)), arguments, shown)

    def _template(self, producer: Any, *, several: bool) -> tuple[str, Template] | None:
        if several not in self._templates:
            self._templates[several] = template_for(producer.channel, lambda order: self._publish(producer, order, several=several))
        return self._templates[several]

    def _publish(self, producer: Any, order: Order, *, several: bool) -> None:
        """Have Celery make a message."""
        limits = {}
        if several:
            soft, hard = self._task.soft_time_limit, self._task.time_limit
            limits = {"soft_time_limit": soft * LIMITS_OF_SEVERAL, "time_limit": soft * (LIMITS_OF_SEVERAL - 1) + hard}
        self._task.apply_async(
            args=order.arguments,
            task_id=order.task_id,
            producer=producer,
            queue=self._row.queue,
            argsrepr=order.shown,
            kwargsrepr="{}",
            retry=False,
            # What the application would work out anew for every message:
            add_to_parent=False,
            **limits,
        )

    def lost(self) -> bool:
        """Tell whether the broker has begun anew since the last call, so that what was sent to it may be gone.

        Only a Redis can be asked; it is, once a second at most. A connection that is made anew by itself does not show it.
        """
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        try:
            server = _identity(self._open())
        except Exception as error:
            self.close()
            if self._connection_errors(error):
                return False  # the next `send` tells
            raise
        before, self._server = self._server, server
        return bool(before) and before != server

    def queued(self) -> frozenset[str] | None:
        """Return the entries whose tasks are in the queue now; None where that can't be told.

        Only a Redis can be asked.

        Raises:
            OSError: the broker is away.
        """
        found: set[str] = set()
        try:
            channel = self._open().channel
            client = getattr(channel, "client", None)
            if client is None:
                return None
            key, start = f"{getattr(channel, 'global_keyprefix', '')}{self._row.queue}", 0
            here = self._stream, self._row.group
            # From the end that tasks are put in at: those that come meanwhile push the others further, never out of sight.
            while page := client.execute_command("LRANGE", key, start, start + PAGE - 1):
                named = (match.group(1).decode() for message in page for match in _TASK_ID.finditer(message))
                found.update(
                    delivery.entry for name in named for delivery in deliveries_of(name) if (delivery.stream, delivery.group) == here
                )
                start += PAGE
        except Exception as error:
            self.close()
            if self._connection_errors(error):
                raise OSError(self._explained(error)) from error
            raise
        return frozenset(found)

    def close(self) -> None:
        """Close the connection; the next `send` opens another."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()

    def _open(self) -> Any:
        if self._producer is None:
            self._connection = self._app.connection_for_write()
            self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            self._producer = self._app.amqp.Producer(self._connection.default_channel, auto_declare=False)
            self._server = self._server or _identity(self._producer)
        return self._producer

    def _connection_errors(self, error: Exception) -> bool:
        known = (OSError, OperationalError, BatchPublishError, redis.RedisError)
        if self._app.connection_for_write().connection_errors:
            known += tuple(self._app.connection_for_write().connection_errors)
        return isinstance(error, known)

    def _explained(self, error: Exception) -> str:
        url, cause = self._app.conf.broker_url, error.__cause__ or error
        if isinstance(cause, redis.RedisError):
            return explain(cause, url, "celery.broker_url")
        return f"broker {mask(url)} (celery.broker_url): {mask(' '.join(str(error).split()))}"


def _identity(producer: Any) -> str:
    """Return what names this run of a Redis broker; nothing for another broker."""
    client = getattr(producer.channel, "client", None)
    return str(client.info("server")["run_id"]) if client is not None else ""

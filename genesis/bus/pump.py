"""One subscription's way from its stream into its Celery queue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import redis

from genesis.bus.deadletters import letter
from genesis.bus.ledger import Delivery, Ledger, create_group
from genesis.bus.outages import Outages
from genesis.bus.patience import backoff
from genesis.bus.window import Window
from genesis.connections import UNAVAILABLE, explain
from genesis.errors import MalformedEventError, OversizedEventError, PermanentError, ServerUnavailableError
from genesis.events import decode
from genesis.subscriptions import Subscription

logger = logging.getLogger(__name__)

RawFields = dict[bytes, bytes] | None
Entry = tuple[str, dict[str, str]]
LEAST_PAUSE, LONGEST_PAUSE = 0.002, 0.25  # seconds to wait for room in a full window


class Sender(Protocol):
    """Puts entries into a queue."""

    def send(self, entries: Sequence[Entry]) -> None:
        """Put entries into the queue; raises OSError while the broker is away."""
        ...

    def lost(self) -> bool:
        """Tell whether what was sent may be gone."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Pump:
    """Reads a group's entries as one consumer and dispatches them, no more than the window allows.

    What can be answered here is: a malformed or oversized entry is buried, one that the subscription's
    filter refuses is settled. On start the consumer's own pending entries are dispatched again, since
    the queue may have been lost; so they are when the broker has begun anew. A second run of an entry settles to nothing.

    Args:
        ledger: with a connection whose timeout is longer than `bridge.block_seconds`.
        row: the subscription.
        consumer: this bridge's name in the group.
        sender: the way to the queue.
        release: called with the frames that nobody needs any more.
        stopped: set when the bridge is asked to end.
        outages: of the bridge.
    """

    def __init__(
        self,
        ledger: Ledger,
        row: Subscription,
        consumer: str,
        sender: Sender,
        release: Callable[[Iterable[str]], None],
        stopped: threading.Event,
        outages: Outages,
    ) -> None:
        self.outages = outages
        self.ledger = ledger
        self.row = row
        self.consumer = consumer
        self.sender = sender
        self.release = release
        self.stopped = stopped
        self.stream = row.stream(ledger.keys)
        self.window = Window.of(
            ledger.settings.bridge.window_min, ledger.settings.bridge.window_max, ledger.settings.delivery.lease_seconds
        )
        self.dispatched = 0
        self._in_flight = 0
        self._taken = 0
        self._recovered = False
        self._no_group = False
        self._waits = 0  # in a row, without anything having been settled meanwhile

    def run(self) -> None:
        """Pump until `stopped`, through any absence of Redis or the broker."""
        failures = 0
        while not self.stopped.is_set():
            try:
                self.step()
            except (*UNAVAILABLE, ServerUnavailableError, OSError) as error:
                failures += 1
                self._recovered = False  # an answer may have been lost, and with it entries that are ours now
                self._wait_out(error, failures)
            except redis.ResponseError as error:
                failures += 1
                if "NOGROUP" in str(error):
                    self._no_group = True
                else:
                    self._wait_out(error, failures)
            else:
                if failures:
                    self.outages.over(self.row.name)
                failures = 0
        self.sender.close()

    def step(self) -> None:
        """Do one round: own pending entries at first, else new ones, or wait for room."""
        if self._no_group:
            create_group(self.ledger.client, self.stream, self.row.group)
            self._no_group = False
            logger.warning("group %s of %s was missing and has been created again", self.row.group, self.stream)
        if not self._recovered or (self._in_flight and self.sender.lost()):
            self.recover()
            return
        room = int(self.window.size) - self._in_flight
        if room <= 0:
            self._measure()
            if int(self.window.size) - self._in_flight <= 0:
                self.stopped.wait(self._pause())
            return
        settings = self.ledger.settings.bridge
        batch = self._read(">", min(room, settings.read_count), int(settings.block_seconds * 1000))
        if batch:
            self._taken += len(batch)
            self._in_flight += len(batch)
            self._handle(batch)
        elif self._in_flight:
            self._measure()

    def recover(self) -> None:
        """Dispatch again what this consumer had taken and not settled when it last ended."""
        after, count = "0", 0
        while batch := self._read(after, self.ledger.settings.bridge.read_count, None):
            count += len(batch)
            after = batch[-1][0].decode()
            self._handle(batch)
        if count:
            logger.info("%s: %d entries that were under way are dispatched again", self.row.name, count)
        self._taken += count
        self._in_flight = count
        self._recovered = True

    def _read(self, after: str, count: int, block: int | None) -> list[tuple[bytes, RawFields]]:
        answer: Any = self.ledger.client.xreadgroup(self.row.group, self.consumer, {self.stream: after}, count=count, block=block)
        return list(answer[0][1]) if answer else []

    def _handle(self, batch: Sequence[tuple[bytes, RawFields]]) -> None:
        entries = [entry for entry_id, raw in batch if (entry := self._judge(entry_id.decode(), raw)) is not None]
        failures = 0
        while entries:
            try:
                self.sender.send(entries)
            except OSError as error:
                failures += 1
                self._wait_out(error, failures)
                if self.stopped.is_set():
                    return  # they stay pending, and are recovered at the next start
            else:
                if failures:
                    self.outages.over(self.row.name)
                self.dispatched += len(entries)
                return

    def _judge(self, entry: str, raw: RawFields) -> Entry | None:
        """Return the entry if a worker must see it; else bury or settle it here."""
        delivery = Delivery(self.stream, self.row.group, entry)
        if not raw:
            logger.error("entry %s of %s was deleted before %s had settled it: an event is lost", entry, self.stream, self.row.group)
            self.ledger.settle(delivery, outcome="lost")
            return None
        try:
            fields = self._readable(raw)
            if self.row.when is not None:
                event = decode(fields)
                if not self._wanted(event):
                    delivery = Delivery(self.stream, self.row.group, entry, event.frame)
                    self.release(self.ledger.settle(delivery, outcome="filtered").freed)
                    return None
        except PermanentError as error:
            outcome = self.ledger.bury(delivery, letter(delivery, error.reason, error))
            logger.error(  # noqa: TRY400 - the traceback is in the dead letter
                "buried entry %s of %s for %s (%s): %s", entry, self.stream, self.row.group, error.reason, error
            )
            self.release(outcome.freed)
            return None
        return entry, fields

    def _readable(self, raw: dict[bytes, bytes]) -> dict[str, str]:
        size, limit = sum(len(name) + len(value) for name, value in raw.items()), self.ledger.settings.delivery.max_event_bytes
        if size > limit:
            msg = f"the entry has {size} bytes, allowed are {limit} (delivery.max_event_bytes)"
            raise OversizedEventError(msg)
        try:
            return {name.decode(): value.decode() for name, value in raw.items()}
        except UnicodeDecodeError as error:
            msg = f"the entry is not UTF-8 text: {error}"
            raise MalformedEventError(msg[:500]) from error

    def _wanted(self, event: Any) -> bool:
        """Ask the subscription's filter; where it fails, the event is buried."""
        assert self.row.when is not None  # noqa: S101 - for the type checker
        try:
            return bool(self.row.when(event))
        except Exception as error:
            msg = f"the filter of {self.row.name} failed: {type(error).__name__}: {error}"
            raise PermanentError(msg) from error

    def _measure(self) -> None:
        row = f"{self.stream}|{self.row.group}|"
        with self.ledger.client.pipeline(transaction=False) as pipe:
            pipe.xpending(self.stream, self.row.group)
            pipe.hmget(self.ledger.keys.counts, [f"{row}settled", f"{row}busy_ms"])
            pending, (settled, busy) = pipe.execute()
        mine = next((int(c["pending"]) for c in pending["consumers"] if c["name"] == self.consumer.encode()), 0)
        self._waits = self._waits + 1 if mine == self._in_flight else 0
        self._in_flight = mine
        self.window.measured(time.monotonic(), self._taken - mine, int(settled or 0), int(busy or 0))

    def _pause(self) -> float:
        expected = 0.25 * self.window.size / self.window.rate if self.window.rate else LEAST_PAUSE * 5
        return min(LONGEST_PAUSE, max(LEAST_PAUSE, expected) * float(2 ** min(self._waits, 10)))

    def _wait_out(self, error: Exception, failures: int) -> None:
        server, reason = "redis.url", str(error)
        if isinstance(error, redis.RedisError):
            reason = explain(error, self.ledger.settings.redis.url, server)
        elif isinstance(error, OSError):
            server = "celery.broker_url"
        self.outages.met(server, self.row.name, reason)
        self.stopped.wait(backoff(failures))

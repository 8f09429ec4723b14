"""One subscription's way from its stream into its Celery queue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import redis

from genesis.bus.burials import Burials
from genesis.bus.dispatch import Entry, Try
from genesis.bus.judge import Judge, RawFields
from genesis.bus.ledger import Ledger, create_group
from genesis.bus.outages import Outages
from genesis.bus.patience import backoff
from genesis.bus.sweep import Found, Sweep
from genesis.bus.window import Window
from genesis.connections import UNAVAILABLE, explain
from genesis.errors import ServerUnavailableError
from genesis.logs import bound
from genesis.subscriptions import Subscription
from genesis.telemetry import catalogue as metrics
from genesis.telemetry.health import Beat, unwatched
from genesis.telemetry.instruments import count, put

logger = logging.getLogger(__name__)

AT_ONCE, NEVER = float("-inf"), float("inf")
LEAST_PAUSE, LONGEST_PAUSE = 0.002, 0.1  # seconds to wait for room in a full window
MUCH, HALF = 3 / 4, 1 / 2  # of it, left after a wait: that was short, or long


class Sender(Protocol):
    """Puts entries into a queue."""

    def send(self, entries: Sequence[Entry], tried: Mapping[str, Try], *, together: int, read_ms: int) -> None:
        """Put entries into the queue, so many in one task, with when they were read; raises OSError while the broker is away."""
        ...

    def queued(self) -> frozenset[str] | None:
        """Return the entries that are in the queue; None where that can't be told; raises OSError while the broker is away."""
        ...

    def lost(self) -> bool:
        """Tell whether what was sent may be gone."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Pump:
    """Reads a group's entries as one consumer and dispatches them, no more than the window allows.

    As many as the subscription's `batch` go into one task. What is dispatched again goes alone, since one of them may be what the
    others' worker died of.

    On start the consumer's own pending entries are dispatched again, unless their tasks are still in the
    queue; so they are when the broker has begun anew. Every `delivery.sweep_seconds` it takes over what
    dead bridges and workers have left. A second run of an entry settles to nothing.

    Args:
        ledger: with a connection whose timeout is longer than `bridge.block_seconds`.
        row: the subscription.
        consumer: this bridge's name in the group.
        sender: the way to the queue.
        release: called with the frames that nobody needs any more.
        stopped: set when the bridge is asked to end.
        outages: of the bridge.
        burials: of the bridge.
        clock: monotonic seconds.
        beat: tells that the pump goes on.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one row of the bridge's table
        self,
        ledger: Ledger,
        row: Subscription,
        consumer: str,
        sender: Sender,
        release: Callable[[Iterable[str]], None],
        stopped: threading.Event,
        outages: Outages,
        burials: Burials | None = None,
        clock: Callable[[], float] = time.monotonic,
        beat: Beat = unwatched,
    ) -> None:
        self.outages = outages
        self.ledger = ledger
        self.row = row
        self.consumer = consumer
        self.sender = sender
        self.stopped = stopped
        self.stream = row.stream(ledger.keys)
        settings = ledger.settings
        # No less than what keeps one task running and another one waiting.
        least, most = max(settings.bridge.window_min, 2 * row.batch), max(settings.bridge.window_max, 2 * row.batch)
        self.window = Window.of(least, most, settings.delivery.lease_seconds)
        self.judge = Judge(ledger, row, release, burials or Burials())
        self.sweep = Sweep(ledger, row, consumer, clock)
        self.dispatched = 0
        self._block_ms = max(1, int(min(settings.bridge.block_seconds, settings.delivery.sweep_seconds) * 1000))
        self._clock = clock
        self._beat = beat
        self._labels = (row.event.STREAM, row.group)
        count(metrics.DISPATCHED, *self._labels, by=0)
        count(metrics.REDELIVERED, *self._labels, by=0)
        self._in_flight = 0
        self._taken = 0
        self._recover_at = AT_ONCE
        self._read_ms = 0
        self._no_group = False
        self._pause = LEAST_PAUSE

    def run(self) -> None:
        """Pump until `stopped`, through any absence of Redis or the broker."""
        with bound(stream=self.row.event.STREAM, group=self.row.group):
            self._run()

    def _run(self) -> None:
        failures = 0
        while not self.stopped.is_set():
            self._beat()
            try:
                self.step()
            except (*UNAVAILABLE, ServerUnavailableError, OSError) as error:
                failures += 1
                self._recover_at = AT_ONCE  # an answer may have been lost, and with it entries that are ours now
                if not isinstance(error, OSError) or isinstance(error, UNAVAILABLE):
                    self.sweep.rest()
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
            put(metrics.IN_FLIGHT, self._in_flight, *self._labels)
            put(metrics.WINDOW, int(self.window.size), *self._labels)
        self.sender.close()

    def step(self) -> None:
        """Do one round: own pending entries at first, what others have left when it is time, else new ones, or wait for room."""
        if self._no_group:
            create_group(self.ledger.client, self.stream, self.row.group)
            self._no_group = False
            logger.warning("group %s of %s was missing and has been created again", self.row.group, self.stream)
        if self._in_flight and self.sender.lost():
            self._recover_at = AT_ONCE
        if self._clock() >= self._recover_at:
            self.recover()
            return
        if self.sweep.due():
            self._again(self.sweep.take(self.sender))
            if self._in_flight:
                self._measure()  # what is told of it is not to be older than this
        room = int(self.window.size) - self._in_flight
        if room <= 0:
            self._wait_for_room()
            return
        batch = self._read(self._most(room))
        if batch:
            self._taken += len(batch)
            self._in_flight += len(batch)
            self._send(self.judge.judge(batch), together=self.row.batch, read_ms=self._read_ms)
        elif self._in_flight:
            self._measure()

    def recover(self) -> None:
        """Dispatch again what this consumer had taken and no worker has begun, unless its task is still in the queue.

        What it took just now may be running all the same: that has a second look, when it would have been noted.
        """
        found = self.sweep.own(self.sender)
        if found:
            logger.info("%s: %d entries that were under way are dispatched again", self.row.name, len(found))
        self._again(found)
        self._measure()
        first, ripe = self._recover_at == AT_ONCE, 2 * self.ledger.leases.fresh_ms / 1000
        self._recover_at = self._clock() + ripe if first and self.sweep.young else NEVER

    def _again(self, entries: Sequence[Found]) -> None:
        self._taken += len(entries)
        self._in_flight += len(entries)
        before = self.dispatched
        self._send(self.judge.judge(entries), self.sweep.tried)
        count(metrics.REDELIVERED, *self._labels, by=self.dispatched - before)

    def _most(self, room: int) -> int:
        """Return how many entries to read: whole batches, where there is room for one."""
        most = min(room, max(self.ledger.settings.bridge.read_count, self.row.batch))
        return most - most % self.row.batch or most

    def _read(self, count: int) -> list[tuple[str, RawFields]]:
        """Wait for entries; when there are some, wait up to `linger` for as many as fit into one task."""
        self._read_ms = self.ledger.clock.now_ms()
        entries = self._new(count, self._block_ms)
        until = self._clock() + self.row.linger
        while entries and len(entries) < min(count, self.row.batch) and (left := int((until - self._clock()) * 1000)) > 0:
            entries += self._new(count - len(entries), min(left, self._block_ms))  # the connection waits for no longer
        return entries

    def _new(self, count: int, block_ms: int) -> list[tuple[str, RawFields]]:
        answer: Any = self.ledger.client.xreadgroup(self.row.group, self.consumer, {self.stream: ">"}, count=count, block=block_ms)
        return [(entry.decode(), raw) for entry, raw in answer[0][1]] if answer else []

    def _send(self, entries: Sequence[Entry], tried: Mapping[str, Try] = {}, together: int = 1, read_ms: int = 0) -> None:
        failures = 0
        while entries:
            try:
                self.sender.send(entries, tried, together=together, read_ms=read_ms)
            except OSError as error:
                failures += 1
                read_ms = 0  # some may be in the queue already
                self._wait_out(error, failures)
                if self.stopped.is_set():
                    return  # they stay pending, and are recovered at the next start
            else:
                if failures:
                    self.outages.over(self.row.name)
                self.dispatched += len(entries)
                count(metrics.DISPATCHED, *self._labels, by=len(entries))
                return

    def _measure(self) -> None:
        pending: Any = self.ledger.client.xpending(self.stream, self.row.group)
        mine = next((int(c["pending"]) for c in pending["consumers"] if c["name"] == self.consumer.encode()), 0)
        self._in_flight = mine
        self.window.measured(self._clock(), self._taken - mine)

    def _wait_for_room(self) -> None:
        """Leave a full window to the workers for a while: so long that they take a quarter to a half of it meanwhile."""
        self.stopped.wait(self._pause)
        self._measure()
        left = self._in_flight / self.window.size
        if self.window.drained(self._in_flight):
            self._pause = LEAST_PAUSE
        elif left > MUCH:
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        elif left < HALF:
            self._pause = max(LEAST_PAUSE, self._pause / 2)

    def _wait_out(self, error: Exception, failures: int) -> None:
        server, reason = "redis.url", str(error)
        if isinstance(error, redis.RedisError):
            reason = explain(error, self.ledger.settings.redis.url, server)
        elif isinstance(error, OSError):
            server = "celery.broker_url"
        self.outages.met(server, self.row.name, reason)
        wait = backoff(failures)
        self._beat(wait)
        self.stopped.wait(wait)

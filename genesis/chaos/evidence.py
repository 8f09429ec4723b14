"""What is seen of the system from outside while it runs: its streams, its dead letters and the file of effects."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from genesis.bus.sequence import Line
from genesis.chaos.pipeline import COUNT, EFFECTS
from genesis.chaos.site import LEDGER, Site
from genesis.events import Keys

WATCHED = ("persons", "zones", "alerts", "metrics")
_LOOK_SECONDS = 0.2
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a stream: short name of the stream, its id, the event's id, what we marked it with, when it was added.

    All times are seconds of this machine's monotonic clock.
    """

    stream: str
    entry: str
    event: str
    mark: str
    at: float


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: of which stream, group, entry and event, why, and when it was written."""

    stream: str
    group: str
    entry: str
    event: str
    mark: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Effect:
    """A line of the file of effects: whose number, by which delivery, in which process, when."""

    camera: str
    number: str
    key: str
    at: float


@dataclass(slots=True)
class Evidence:
    """All that was seen."""

    entries: list[Entry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    lines: list[Effect] = field(default_factory=list)

    def count(self, stream: str) -> int:
        """Return how many entries a stream ever had."""
        return Counter(entry.stream for entry in self.entries)[stream]


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger says of itself, at the end.

    Attributes:
        counts: the totals, by `stream|group|outcome` with the stream's short name.
        pending: unsettled entries by stream and group.
        unread: entries that a group was never given, likewise, up to 500.
        attempts: entries that something is still noted of, by stream.
        references: frames that somebody still waits for.
        frames: in the cache.
        states: what the ordered group has counted, by camera.
    """

    counts: Mapping[str, int]
    pending: Mapping[tuple[str, str], int]
    unread: Mapping[tuple[str, str], int]
    attempts: Mapping[str, int]
    references: int
    frames: int
    states: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether nobody waits for anything any more."""
        return not any(self.pending.values()) and not any(self.unread.values())


class Watcher:
    """Looks at the system a few times a second, whatever happens to it, and keeps what it saw. Thread-safe."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._prefix = site.settings.redis.prefix
        self._after = {key: "-" for name in WATCHED for key in (name, f"{name}:dlq")}
        self._effects = site.folder / EFFECTS
        self._read = 0
        self._offset = time.time() - time.monotonic()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self.evidence = Evidence()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Look now.

        Raises:
            redis.RedisError: the ledger is away.
        """
        with self._lock:
            self._read_effects()
            for key, after in self._after.items():
                self._after[key] = self._read_stream(key, after)

    def show(self, look: Callable[[Evidence], None]) -> None:
        """Let somebody look at all that was seen so far, which does not change meanwhile."""
        with self._lock:
            look(self.evidence)

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                self.look()
            except redis.RedisError:
                continue

    def _read_effects(self) -> None:
        if not self._effects.exists():
            return
        for line in _whole_lines(self._effects, self._read):
            self._read += len(line)
            camera, number, key, _, at = line.decode().rstrip("\n").split("\t")
            self.evidence.lines.append(Effect(camera, number, key, float(at)))

    def _read_stream(self, key: str, after: str) -> str:
        client = self._site.client(LEDGER)
        while True:
            first = after if after == "-" else f"({after}"
            page: Any = client.xrange(f"{self._prefix}:{key}", min=first, count=_PAGE)
            for entry, fields in page:
                after = entry.decode()
                self._note(key, after, {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()})
            if len(page) < _PAGE:
                return after

    def _note(self, key: str, entry: str, fields: dict[str, str]) -> None:
        at = int(entry.partition("-")[0]) / 1000 - self._offset
        stream, _, dead = key.partition(":")
        event, mark = fields.get("id", ""), fields.get("chaos", "")
        if dead:
            letter = Letter(stream, fields["dlq-group"], fields["dlq-entry"], event, mark, fields["dlq-reason"], at)
            self.evidence.letters.append(letter)
        else:
            self.evidence.entries.append(Entry(stream, entry, event, mark, at))


def _whole_lines(file: Path, after: int) -> list[bytes]:
    with file.open("rb") as opened:
        opened.seek(after)
        return [line for line in opened.read().splitlines(keepends=True) if line.endswith(b"\n")]


def read_books(site: Site, client: redis.Redis, frames: int) -> Books:
    """Read what the ledger says of itself.

    Args:
        site: the system.
        client: a connection to its ledger.
        frames: in the cache.

    Raises:
        redis.RedisError: the ledger is away.
    """
    prefix = site.settings.redis.prefix
    counts: Any = client.hgetall(f"{prefix}:counts")
    pending, unread = {}, {}
    for name in WATCHED:
        groups: Any = client.xinfo_groups(f"{prefix}:{name}")
        for group in groups:
            place = (name, group["name"].decode())
            pending[place] = int(group["pending"])
            unread[place] = _unread(client, f"{prefix}:{name}", group["last-delivered-id"].decode())
    attempts: dict[str, Any] = {name: client.hlen(f"{prefix}:{name}:attempts") for name in WATCHED}
    states: Any = client.hgetall(Keys(prefix).states(f"{prefix}:persons", COUNT))
    references: Any = client.hlen(f"{prefix}:references")
    return Books(
        counts={name.decode().removeprefix(f"{prefix}:"): int(value) for name, value in counts.items()},
        pending=pending,
        unread=unread,
        attempts={name: int(count) for name, count in attempts.items()},
        references=int(references),
        frames=frames,
        states={camera.decode(): _state(text) for camera, text in states.items()},
    )


def _state(text: bytes) -> tuple[int, int]:
    kept = Line.parse(text.partition(b" ")[2]).state
    return int(kept.get("count", 0)), int(kept.get("chain", 0))


def _unread(client: redis.Redis, stream: str, delivered: str) -> int:
    # Not the server's own `lag`: that of Redis 7.0 is wrong after its append-only file was loaded.
    page: Any = client.xrange(stream, min=f"({delivered}", count=_PAGE)
    return len(page)

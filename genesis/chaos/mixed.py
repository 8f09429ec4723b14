"""Entries that no publisher of ours would make, and events that hurt whoever handles them: what is put in, and what must come of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from genesis.chaos.faults.servers import insisting
from genesis.chaos.pipeline import POISON
from genesis.chaos.site import LEDGER, Site
from genesis.events import ZoneEvent, encode

FLAKY = "flaky"
POISONS: Mapping[str, frozenset[str]] = {
    "segfault": frozenset({"poison"}),
    "exit": frozenset({"poison"}),
    "killed": frozenset({"poison"}),
    # A kill -9 of its worker may be the last of its deaths.
    "hang": frozenset({"time_limit", "poison"}),
    "memory": frozenset({"retries_exhausted"}),
    "failing": frozenset({"retries_exhausted"}),
    FLAKY: frozenset(),
}
"""Kinds of events that hurt, and the reasons that their dead letters may give; none for one that succeeds in the end."""

_STREAMS = ("persons", "zones", "alerts")
# Put in once, however often it is tried: an answer may be lost on the way.
_PUT = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('HSET', KEYS[2], ARGV[1], 1)
return 1
"""


@dataclass(frozen=True, slots=True)
class Mixed:
    """An entry that was put in.

    Attributes:
        mark: its field `chaos`.
        stream: short name of the stream.
        fate: for each group that must bury it, the reasons that are right.
        effect: the number of the line that must come of it under the camera `flaky`, or empty.
    """

    mark: str
    stream: str
    fate: Mapping[str, frozenset[str]]
    effect: str = ""


@dataclass
class Mixer:
    """Puts entries in, and remembers them.

    Attributes:
        site: the system.
        seed: of the run.
        done: what was put in.
    """

    site: Site
    seed: int
    done: list[Mixed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Prepare what can be put in."""
        self._chance = random.Random(f"{self.seed} mixed")  # noqa: S311 - repeatable, not secret
        self._broken = broken_entries(self._chance)
        self._poisons = 0

    def broken(self) -> None:
        """Put in an entry that is no event, too large, or of a type that nobody knows."""
        stream = self._chance.choice(_STREAMS)
        mark = f"broken-{len(self.done)}"
        reason, fields = next(self._broken)
        groups = [row.group for row in self.site.registry if stream == row.event.STREAM]
        self._put(Mixed(mark, stream, {group: frozenset({reason}) for group in groups}), fields)

    def poison(self) -> None:
        """Put in one event of each kind that hurts."""
        self._poisons += 1
        for kind, reasons in POISONS.items():
            mark = f"{kind}-{self._poisons}"
            event = ZoneEvent(
                camera=kind, time=datetime(2026, 1, 1, tzinfo=timezone.utc), id=f"poison-{mark}", kind="entered",
                zone=f"poison-{kind}", track=str(self._poisons),
            )  # fmt: skip
            fate = {POISON: reasons} if reasons else {}
            effect = "" if reasons else str(self._poisons)
            self._put(Mixed(mark, "zones", fate, effect), {name: value.encode() for name, value in encode(event).items()})

    def _put(self, mixed: Mixed, fields: Mapping[str, bytes]) -> None:
        prefix = self.site.settings.redis.prefix
        whole = {"chaos": mixed.mark.encode(), **fields}
        arguments = [mixed.mark, *(part for pair in whole.items() for part in pair)]
        client = self.site.client(LEDGER)
        insisting(lambda: client.eval(_PUT, 2, f"{prefix}:{mixed.stream}", "chaos:mixed", *arguments))
        with self._lock:
            self.done.append(mixed)


def broken_entries(chance: random.Random) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield entries that are no events, with the reason that each is to be buried for."""
    event = encode(ZoneEvent(camera="x", time=datetime(2026, 1, 1, tzinfo=timezone.utc), id="broken", kind="entered", zone="x", track="x"))
    good = {name: value.encode() for name, value in event.items()}
    while True:
        yield "malformed", {"a": b"b"}
        yield "oversized", {**good, "data": b'{"zone": "' + b"x" * chance.randrange(20_000, 60_000) + b'"}'}
        yield "unknown_type", {**good, "type": b"genesis.nobody.knows"}
        yield "malformed", {**good, "data": b"{"}
        yield "malformed", {**good, "data": bytes(chance.randrange(128, 256) for _ in range(40))}
        yield "malformed", {**good, "time": b"yesterday"}
        yield "unknown_type", {**good, "dataschema": good["dataschema"].replace(b":1.", b":7.")}
        yield "malformed", {**good, "data": b"[" * chance.randrange(10, 5000)}
        yield "oversized", {f"f{number}": b"y" * 10 for number in range(2000)}
        missing = chance.choice(["id", "time", "data", "type"])
        yield "malformed", {name: value for name, value in good.items() if name != missing}

"""Find what points to nothing any more: references of frames, and attempts of entries.

Both end with their entry, whoever settles or buries it. They are left over when a person deletes a
stream or an entry, or destroys a group, and would otherwise stay for good.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from genesis.bus.ledger import PACKAGE, Ledger
from genesis.bus.trimming import Trimmer
from genesis.connections import script
from genesis.events import STREAMS

MOST = 10_000  # references looked at in one sweep
PAGE = 100  # entries read at once
SOME = 500  # references read or removed in one step

Counted = dict[bytes, bytes]  # frame -> references


class References:
    """Sweeps the counts of frames that neither an unsettled entry nor a camera points to.

    A frame passes from entry to entry, and from an entry to a camera, while we look at one after
    another; so the script that removes its count looks again at whatever is new since. A count must
    also have been found useless, and the same, in two sweeps in a row: what a person does by hand is
    then no surprise to a task that still runs.

    Args:
        ledger: where they are counted.
        trimmer: tells how far streams are settled.
        stopped: set when the process is asked to end.
    """

    def __init__(self, ledger: Ledger, trimmer: Trimmer, stopped: threading.Event) -> None:
        self._keys = ledger.keys
        self._client = ledger.client
        self._trimmer = trimmer
        self._stopped = stopped
        self._remove = script(ledger.client, PACKAGE, "references")
        self._cursor = 0
        self._suspects: Counted = {}

    def sweep(self) -> list[str]:
        """Remove the counts that were useless in the sweep before, too; return their frames."""
        suspects = {**self._suspects, **self._some()}
        ends = self._without_needed(suspects)
        # Asked for after the entries were looked at: a camera that is new since then has its frame from an entry that is new, too.
        cameras = self._cameras() if suspects else []
        for frame in self._shown(cameras):
            suspects.pop(frame, None)
        if self._stopped.is_set():
            return []  # not everything was looked at
        twice = {frame: count for frame, count in suspects.items() if self._suspects.get(frame) == count}
        removed = self._removed(twice, ends, cameras)
        self._suspects = {frame: count for frame, count in suspects.items() if frame not in twice}
        return [frame.decode(errors="replace") for frame in removed]

    def _some(self) -> Counted:
        """Return all counts, or the next `MOST` of them."""
        some: Counted = {}
        while True:
            page: Any
            self._cursor, page = self._client.hscan(self._keys.references, self._cursor, count=SOME)
            some.update(page)
            if not self._cursor or len(some) >= MOST:
                return some

    def _without_needed(self, suspects: Counted) -> dict[str, str]:
        """Take out the frames of unsettled entries; return, for each stream, where the look ended."""
        ends: dict[str, str] = self._trimmer.unsettled() if suspects else {}
        for stream, start in ends.items():
            for entry, frame in self._frames(stream, start):
                ends[stream] = f"({entry}"
                suspects.pop(frame, None)
                if not suspects:
                    return ends
        return ends

    def _frames(self, stream: str, start: str) -> Iterator[tuple[str, bytes]]:
        while not self._stopped.is_set():
            page: Any = self._client.xrange(stream, min=start, count=PAGE)
            for entry, fields in page:
                yield entry.decode(), fields.get(b"framekey", b"")
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"

    def _cameras(self) -> list[str]:
        names: Any = self._client.smembers(self._keys.cameras)
        return [self._keys.camera(name.decode(errors="replace")) for name in names]

    def _shown(self, cameras: Sequence[str]) -> list[bytes]:
        with self._client.pipeline(transaction=False) as pipe:
            for camera in cameras:
                pipe.hget(camera, "frame_key")
            return pipe.execute()

    def _removed(self, counted: Counted, ends: Mapping[str, str], cameras: Sequence[str]) -> list[bytes]:
        removed: list[bytes] = []
        pairs = iter(counted.items())
        while some := [part for pair in islice(pairs, SOME) for part in pair]:
            gone = self._remove(keys=[self._keys.references, *ends, *cameras], args=[len(ends), *ends.values(), *some])
            if gone is None:
                break  # too much is going on: they will be found again
            removed += gone
        return removed


def sweep_attempts(ledger: Ledger) -> int:
    """Remove the attempts of entries that are not pending any more; return how many there were."""
    remove, removed = script(ledger.client, PACKAGE, "attempts"), 0
    for stream in map(ledger.keys.stream, STREAMS):
        keys, cursor = [stream, ledger.keys.attempts(stream)], b"0"
        while True:
            cursor, some = remove(keys=keys, args=[cursor])
            removed += some
            if cursor == b"0":
                break
    return removed

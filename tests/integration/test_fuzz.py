"""Fifty thousand entries that are no events: each is buried once with its reason, nobody ends, and nothing grows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import psutil
import pytest
import redis
import yaml

from genesis.bus.deadletters import DeadLetter
from genesis.connections import connect
from genesis.errors import PermanentError
from genesis.events import decode
from genesis.settings import Settings
from tests.integration.entries_of_fuzz import Fuzz, Pairs
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

SEED = 20_260_102
STREAM, GROUP = "genesis:faces", "face-storage-workers"
EARLY, ALL = 10_000, 50_000  # entries that are no events
PER_EVENT = 100  # of those for each that is one
LIMIT = 4_000  # bytes of an entry
PAGE = 500
NO_LETTER = {"settled", "filtered"}
GROWTH = 3_000_000  # bytes of a process
LINES = 30  # of a log


@dataclass
class Expected:
    """What should come of the entries that were added."""

    letters: dict[str, tuple[str, Pairs]] = field(default_factory=dict)  # by entry: reason and own fields
    others: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return len(self.letters) + self.others.total()


def outcome(pairs: Pairs) -> str:
    """Say what should come of an entry, as the documentation has it."""
    raw = dict(pairs)
    if raw.get(b"replaygroup", GROUP.encode()) != GROUP.encode():
        return "filtered"
    if sum(len(name) + len(value) for name, value in raw.items()) > LIMIT:
        return "oversized"
    try:
        decode({name.decode(): value.decode() for name, value in raw.items()})
    except UnicodeDecodeError:
        return "malformed"
    except PermanentError as error:
        return error.reason
    return "settled"


@dataclass
class Line:
    """A running bridge and worker, and what was added to the stream that they serve."""

    client: redis.Redis
    programs: tuple[psutil.Process, psutil.Process]
    logs: tuple[Path, Path]
    fuzz: Fuzz
    expected: Expected = field(default_factory=Expected)

    def add(self, wanted: int) -> None:
        """Add entries until there are so many that are to be buried, and wait until all are done."""
        expected = self.expected
        while len(expected.letters) < wanted:
            rows = [(pairs, outcome(pairs)) for pairs in (self.fuzz.entry() for _ in range(PAGE))]
            bad = [row for row in rows if row[1] not in NO_LETTER]
            # Each event costs a worker's task: a few of them are enough.
            good = [row for row in rows if row[1] in NO_LETTER][: len(bad) // PER_EVENT]
            with self.client.pipeline(transaction=False) as pipe:
                for pairs, _ in (*bad, *good):
                    pipe.execute_command("XADD", STREAM, "*", *chain(*pairs))
                entries = [entry.decode() for entry in pipe.execute()]
            expected.letters.update(zip(entries, ((told, pairs) for pairs, told in bad), strict=False))
            expected.others.update(told for _, told in good)
        wait_until(lambda: sum(self.totals().values()) == expected.total, f"all are done; see {self.logs}")

    def totals(self) -> dict[str, int]:
        start = f"{STREAM}|{GROUP}|"
        counts = {name.decode(): int(count) for name, count in self.client.hgetall("genesis:counts").items()}
        return {name.removeprefix(start): count for name, count in counts.items() if name.startswith(start) and "busy" not in name}

    def memory(self) -> dict[int, int]:
        """Return, for each process, the bytes that it has for itself alone."""
        processes = [process for top in self.programs for process in (top, *top.children(recursive=True))]
        return {process.pid: _private_bytes(process.pid) for process in processes}

    def letters(self) -> Iterator[DeadLetter]:
        raw = redis.Redis(connection_pool=self.client.connection_pool)
        raw.set_response_callback("XRANGE", lambda answer, **_: answer)
        after = "-"
        while page := raw.execute_command("XRANGE", f"{STREAM}:dlq", after, "+", "COUNT", PAGE):
            yield from (DeadLetter.parse("faces", entry, strings) for entry, strings in page)
            after = f"({page[-1][0].decode()}"


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Iterator[Line]:
    """Run a bridge, and a worker for the stream's one group."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        yaml.safe_dump({**yaml.safe_load(file.read_text()), "delivery": {"max_event_bytes": LIMIT}, "bridge": {"block_seconds": 0.2}})
    )
    client = connect(settings.redis.url)
    bridge_log, worker_log = logs = (tmp_path / "bridge.log", tmp_path / "worker.log")
    with program(bridge_argv(), bridge_log) as bridge, program(worker_argv("storage"), worker_log) as worker:
        wait_until(lambda: " serves " in bridge_log.read_text() and " ready." in worker_log.read_text(), f"they are ready; see {logs}")
        yield Line(client, (psutil.Process(bridge.pid), psutil.Process(worker.pid)), logs, Fuzz(SEED, GROUP, LIMIT))
        end_at_once()
    client.close()


def test_entries_that_are_no_events_are_buried_and_all_else_goes_on(line: Line) -> None:
    started = [log.read_text().count("\n") for log in line.logs]
    line.add(EARLY)
    early = line.memory()
    line.add(ALL)
    late = line.memory()

    expected = line.expected
    assert line.totals() == {"buried": len(expected.letters), **expected.others}
    assert line.client.xpending(STREAM, GROUP)["pending"] == 0
    left = dict(expected.letters)
    for letter in line.letters():
        reason, pairs = left.pop(letter.told["entry"])  # a second letter of an entry is a KeyError
        own = _own(pairs)
        assert (letter.group, letter.reason) == (GROUP, reason)
        assert letter.fields == tuple(own[: len(letter.fields)])
        assert len(letter.fields) + letter.left_out == len(own)
    assert left == {}
    assert {reason for reason, _ in expected.letters.values()} == {"malformed", "unknown_type", "oversized"}
    assert set(expected.others) == NO_LETTER

    assert late.keys() == early.keys()
    assert {pid: size for pid, size in late.items() if size > early[pid] + GROWTH} == {}
    texts = [log.read_text() for log in line.logs]
    assert [text for text in texts if "Traceback" in text] == []
    assert [text.count("\n") - before < LINES for text, before in zip(texts, started, strict=True)] == [True, True]
    assert [text for text in texts[0].splitlines() if not re.match(r"\d\d:\d\d:\d\d [A-Z]+ ", text)] == []


def _own(pairs: Pairs) -> Pairs:
    """Return the fields of an entry but for the two of a replay."""
    return pairs[:-2] if [name for name, _ in pairs[-2:]] == [b"replaygroup", b"replays"] else pairs


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))

"""`genesis dlq`, as an operator uses it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from genesis.bus.ledger import Ledger
from genesis.cli.main import main
from genesis.events import completed
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import frame, zone
from tests.letters_of_tests import add, another_millisecond, buried, bury_next, letters, taken
from tests.processes import ROOT, program, wait_until

GROUP, OTHER = "zone-workers", "analytics-workers"
ALL = ["dlq", "replay", "--all", "--yes"]


@pytest.fixture
def bus(settings: Settings) -> Iterator[Ledger]:
    made = Ledger(settings, builtin_subscriptions())
    made.create_groups()
    yield made
    made.close()


@pytest.fixture
def some(bus: Ledger) -> Ledger:
    """Bury six entries of three groups, for four reasons, with four errors."""
    for name in ("a", "b"):
        buried(bus, zone(name), GROUP, KeyError("never"), "retries_exhausted")
    buried(bus, zone("c"), GROUP, ValueError("postgresql://me:secret@db: \x1b[31mrefused"), "retries_exhausted")
    another_millisecond(bus)
    buried(bus, frame(1), "detection-workers", RuntimeError("gone"), "stale_frame")
    buried(bus, frame(2), "detection-workers", RuntimeError("killed"), "poison")
    add(bus, "zones", [(b"\xff", b"\x80"), (b"twice", b"1"), (b"twice", b"password=geheim"), (b"dlq-reason", b"own")])
    for delivery in taken(bus, "zones", OTHER, 3):
        bus.settle(delivery)
    another_millisecond(bus)
    bury_next(bus, "zones", OTHER, TypeError("not UTF-8"), "malformed")
    return bus


def dlq(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dlq", *arguments])


def listed(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dlq("list", "--json", *arguments).stdout)
    return found


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([], 6),
        (["--stream", "zones"], 4),
        (["--stream", "genesis:zones", "--stream", "frames"], 6),
        (["--stream", "faces"], 0),
        (["--group", GROUP], 3),
        (["--group", GROUP, "--group", OTHER], 4),
        (["--error", "KeyError"], 2),
        (["--error", "*error: *refused"], 1),
        (["--reason", "poison"], 1),
        (["--reason", "poison", "--reason", "malformed"], 2),
        (["--since", "1h"], 6),
        (["--since", "2999-01-01"], 0),
        (["--stream", "zones", "--reason", "retries_exhausted", "--error", "ValueError", "--since", "1d"], 1),
    ],
)
def test_filters_mean_the_same_for_every_command(some: Ledger, filters: list[str], count: int) -> None:
    shown = listed(*filters)
    told = dlq("replay", "--dry-run", *(filters or ["--all"]))
    exported = dlq("export", *filters)

    assert len(shown) == count
    assert told.exit_code == 0
    assert told.stdout.startswith("nothing to replay" if count == 0 else f"replay {count} dead letter")
    assert len(exported.stdout.splitlines()) == count
    assert len(letters(some)) == 6


def test_the_list_begins_with_the_newest(some: Ledger) -> None:
    newest, *_ = listed()

    assert {name: newest[name] for name in ("group", "reason", "error", "message", "deliveries", "replays", "task", "worker")} == {
        "group": OTHER, "reason": "malformed", "error": "TypeError", "message": "not UTF-8", "deliveries": 1, "replays": 0,
        "task": "task-1", "worker": "w1",
    }  # fmt: skip
    assert newest["id"] == letters(some)[-1].name


def test_the_table_tells_why_each_was_buried(some: Ledger) -> None:
    shown = dlq("list", "--limit", "5").stdout

    assert all(letter.name in shown for letter in letters(some)[1:])
    assert "ValueError: postgresql://***@db: \\x1b[31mrefused" in shown
    assert "the newest 5 of 6" in shown
    assert "door" in shown


def test_a_letter_is_shown_whole_and_harmless(some: Ledger) -> None:
    (name,) = [row["id"] for row in listed("--error", "ValueError")]

    shown = dlq("show", name).stdout

    assert re.search(r"^  group +zone-workers$", shown, re.MULTILINE)
    assert re.search(r"^  reason +retries_exhausted \(its handler failed every time", shown, re.MULTILINE)
    assert re.search(r'^ +"zone": "c",$', shown, re.MULTILINE)
    assert "ValueError: postgresql://***@db: \\x1b[31mrefused" in shown
    assert "\x1b" not in shown
    assert "secret" not in shown


def test_what_is_no_event_is_shown_too(some: Ledger) -> None:
    (name,) = [row["id"] for row in listed("--reason", "malformed")]

    shown = dlq("show", name).stdout
    whole = json.loads(dlq("show", name, "--json").stdout)

    assert re.search(r"^  \\xff +\\x80$", shown, re.MULTILINE)
    assert re.search(r"^  twice +password=\*\*\*$", shown, re.MULTILINE)
    assert whole["fields"] == [[{"base64": "/w=="}, {"base64": "gA=="}], ["twice", "1"], ["twice", "password=***"], ["dlq-reason", "own"]]


def test_an_export_holds_every_byte(some: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"

    ended = dlq("export", "--jsonl", str(file))

    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert ended.exit_code == 0
    assert [row["id"] for row in rows] == [letter.name for letter in letters(some)]
    assert rows[-1]["fields"][2] == ["twice", "password=geheim"]
    assert rows[0]["fields"]["data"].encode() == letters(some)[0].own("data")
    assert rows[0]["traceback"].endswith("KeyError: 'never'\n")


def test_statistics_count_by_stream_group_reason_and_error(some: Ledger) -> None:
    told = json.loads(dlq("stats", "--json").stdout)
    shown = dlq("stats").stdout

    assert [tuple(row[name] for name in ("stream", "group", "reason", "error", "letters")) for row in told["by"]] == [
        ("frames", "detection-workers", "stale_frame", "RuntimeError", 1),
        ("frames", "detection-workers", "poison", "RuntimeError", 1),
        ("zones", OTHER, "malformed", "TypeError", 1),
        ("zones", GROUP, "retries_exhausted", "KeyError", 2),
        ("zones", GROUP, "retries_exhausted", "ValueError", 1),
    ]
    assert told["total"] == 6
    assert told["by"][3]["oldest"] <= told["by"][3]["newest"]
    assert re.search(r"zones +zone-workers +retries_exhausted +KeyError +2 ", shown)


def test_a_replay_says_what_it_will_do_and_does_it(some: Ledger) -> None:
    ended = dlq("replay", "--stream", "zones", "--stream", "frames", "--yes")

    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "replay 6 dead letters: 3 of zones for zone-workers, 2 of frames for detection-workers, 1 of zones for analytics-workers",
        "2 of them point to frames that have left the frame cache: who needs the frame will fail (stale_frame)",
        "replayed 6 dead letters",
    ]
    assert letters(some) == []
    assert (some.client.xlen("genesis:zones"), some.client.xlen("genesis:frames")) == (4 + 4, 2 + 2)


def test_a_limit_takes_the_oldest(some: Ledger) -> None:
    oldest, *rest = letters(some)

    ended = dlq("drop", "--all", "--limit", "1", "--yes")

    assert ended.stdout.splitlines()[-1] == "dropped 1 dead letter"
    assert letters(some) == rest
    assert [row["id"] for row in listed("--limit", "2")] == [letter.name for letter in rest[:-3:-1]]
    assert dlq("show", oldest.name).exit_code == 1


def test_a_run_that_a_server_ends_says_how_far_it_came(some: Ledger) -> None:
    some.client.config_set("maxmemory", 1)
    try:
        ended = CliRunner().invoke(main, ALL)
    finally:
        some.client.config_set("maxmemory", 0)

    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[-1] == "not finished: replayed 0 of 6 dead letters; the others lie where they were"
    assert "is out of memory" in ended.stderr
    assert len(letters(some)) == 6


def test_letters_are_dropped_by_name(some: Ledger) -> None:
    first, second, *rest = letters(some)

    ended = dlq("drop", first.name, second.id, "--yes")

    assert ended.stdout.splitlines() == ["drop 2 dead letters for good: 2 of zones for zone-workers", "dropped 2 dead letters"]
    assert letters(some) == rest
    assert some.client.hget("genesis:counts", f"genesis:zones|{GROUP}|discarded") == b"2"


def test_a_name_that_is_gone_does_not_stop_the_others(some: Ledger) -> None:
    first, *rest = letters(some)

    ended = dlq("drop", "zones/1-1", first.name, "--yes")

    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[0].startswith("no dead letter zones/1-1 (any more)")
    assert letters(some) == rest


def test_what_can_not_be_replayed_is_told_and_left(some: Ledger) -> None:
    some.client.xgroup_destroy("genesis:zones", GROUP)

    ended = CliRunner().invoke(main, ALL)

    assert ended.exit_code == 1
    assert (
        "left where they are, since their group no longer exists: 3 of zones for zone-workers (`genesis init` creates groups)"
        in ended.stdout
    )
    assert "replayed 3 dead letters" in ended.stdout
    assert len(letters(some)) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--stream", "zonez"], r"no stream 'zonez' \(streams: frames, persons"),
        (["list", "--group", "nobody"], r"no group 'nobody' \(groups: alert-workers, .*zone-workers\)"),
        (["stats", "--reason", "poisson"], r"no reason 'poisson' \(reasons: retries_exhausted"),
        (["export", "--since", "soon"], r"--since 'soon': expected a time ago"),
        (["show", "zones"], r"'zones' is no dead letter's id: expected STREAM/MILLISECONDS-NUMBER"),
        (["replay"], r"replay: which dead letters\? Give one of these: ids"),
        (["replay", "--limit", "3"], r"replay: which dead letters\?"),
        (["drop", "--all", "--group", GROUP], r"drop: which dead letters\?"),
        (["drop", "zones/1-1", "--reason", "poison"], r"drop: which dead letters\?"),
        (["replay", "--all"], r"replay: nobody to ask, since this is no terminal: add --yes to do it, or --dry-run"),
        (["drop", "--group", GROUP], r"drop: nobody to ask"),
    ],
)
def test_a_mistake_is_answered_in_one_line_and_nothing_is_done(some: Ledger, arguments: list[str], says: str) -> None:
    ended = dlq(*arguments)

    assert ended.exit_code == 2
    assert re.match(f"genesis: {says}", ended.stderr)
    assert len(ended.stderr.splitlines()) == 1
    assert len(letters(some)) == 6


def test_a_letter_that_is_not_there_is_no_mistake_of_use(some: Ledger) -> None:
    ended = dlq("show", "zones/1-1")

    assert (ended.exit_code, ended.stderr) == (
        1,
        "genesis: no dead letter zones/1-1 (any more); `genesis dlq list` shows those that are there\n",
    )


def test_a_group_that_no_longer_exists_can_be_named_while_it_has_letters(some: Ledger) -> None:
    some.client.xgroup_destroy("genesis:zones", GROUP)

    assert len(listed("--group", GROUP)) == 3


def test_without_letters_there_is_nothing_to_do(bus: Ledger) -> None:
    told = {
        name: dlq(*name.split()).stdout for name in ("list", "list --json", "list --group zone-workers", "export", "stats", "replay --all")
    }

    assert told == {
        "list": "no dead letters\n",
        "list --json": "[]\n",
        "list --group zone-workers": "no dead letters that these filters choose\n",
        "export": "",
        "stats": "0 dead letters\n",
        "replay --all": "nothing to replay\n",
    }


def test_a_replay_that_is_killed_loses_and_doubles_nothing(bus: Ledger, tmp_path: Path) -> None:
    count = 60
    bus.publish([completed(zone(f"z{number}")) for number in range(count)])
    for _ in range(count):
        bury_next(bus, "zones", GROUP)
    ids = sorted(letter.own("id") for letter in letters(bus))

    with program([sys.executable, "-m", "genesis", *ALL, "--rate", "100"], tmp_path / "replay.log") as process:
        wait_until(lambda: bus.client.xlen("genesis:zones") >= count + 10, "some are replayed")
        process.send_signal(signal.SIGKILL)
        process.wait()
    in_the_middle = len(letters(bus))
    ended = CliRunner().invoke(main, ALL)

    assert 0 < in_the_middle < count
    assert ended.stdout.splitlines()[-1] == f"replayed {in_the_middle} dead letters"
    replayed = [entry[b"id"] for _, entry in bus.client.xrange("genesis:zones") if b"replaygroup" in entry]
    assert sorted(replayed) == ids


def test_on_a_terminal_it_asks_and_ends_cleanly_on_ctrl_c(bus: Ledger) -> None:
    count = 60
    bus.publish([completed(zone(f"z{number}")) for number in range(count)])
    for _ in range(count):
        bury_next(bus, "zones", GROUP)
    mine, theirs = pty.openpty()
    argv = [sys.executable, "-m", "genesis", "dlq", "replay", "--all", "--rate", "50"]
    said = b""

    with subprocess.Popen(argv, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        while b"Go on? [y/N]" not in said:
            said += os.read(mine, 4096)
        asked = bus.client.xlen("genesis:zones")
        os.write(mine, b"y\n")
        wait_until(lambda: bus.client.xlen("genesis:zones") >= count + 5, "some are replayed")
        process.send_signal(signal.SIGINT)
        try:
            while more := os.read(mine, 4096):
                said += more
        except OSError:  # the other side is closed
            pass
    os.close(mine)

    done = bus.client.xlen("genesis:zones") - count
    assert asked == count
    assert process.returncode == 130
    assert f"stopped: replayed {done} of 60 dead letters; the others lie where they were" in said.decode()
    assert len(letters(bus)) == count - done


def test_a_full_stream_is_waited_for(bus: Ledger, tmp_path: Path) -> None:
    threshold = bus.settings.event_driven.backpressure.block_threshold
    buried(bus, zone(), GROUP)
    for start in range(1, threshold, 100):
        bus.publish([completed(zone()) for _ in range(min(100, threshold - start))])
    log = tmp_path / "replay.log"

    with program([sys.executable, "-m", "genesis", *ALL], log) as process:
        wait_until(lambda: b"waiting for its workers" in log.read_bytes(), "it says that it waits")
        waiting = len(letters(bus))
        for delivery in taken(bus, "zones", OTHER):
            bus.settle(delivery)
        process.wait(30)

    assert waiting == 1
    assert process.returncode == 0
    assert log.read_text().splitlines()[1:] == [
        f"genesis:zones has {threshold} unsettled entries: waiting for its workers (Ctrl-C ends)",
        "replayed 1 dead letter",
    ]

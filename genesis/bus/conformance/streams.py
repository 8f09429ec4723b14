"""Streams, groups and plain keys: what is added stays, everyone gets it once, and nothing is trimmed past its bound."""

from __future__ import annotations

import time
from concurrent import futures
from itertools import pairwise
from typing import Any

from genesis.bus.conformance.case import Bench, case, expect, expect_equal, expect_error, text, texts

WAKE_SECONDS = 1.0  # a blocked reader must be awake by then
BLOCK_MS = 2000
MANY = 250  # entries: more than Redis keeps in one node of a stream, so that a loose trim removes some


@case()
def fields_come_back_byte_for_byte(bench: Bench) -> None:
    """An entry's fields come back byte for byte and in order, whatever they are."""
    fields = {b"\xff\x00 name": b"\x80\x00\r\n", b"empty": b"", b"long": b"\x00\x01" * 40_000}
    bench.client.xadd(bench.key("stream"), fields)

    ((_, found),) = bench.client.xrange(bench.key("stream"))

    expect_equal(list(found.items()), list(fields.items()), "fields of the entry")


@case()
def ids_grow(bench: Bench) -> None:
    """The ids that XADD gives grow, within a millisecond too."""
    stream = bench.key("stream")
    with bench.client.pipeline(transaction=False) as pipe:
        for number in range(50):
            pipe.xadd(stream, {"number": number})
        given = [tuple(map(int, text(entry).split("-"))) for entry in pipe.execute()]

    expect(all(before < after for before, after in pairwise(given)), f"ids do not grow: {given}")


@case()
def a_group_at_zero_misses_nothing(bench: Bench) -> None:
    """A group made at 0 gets what was published before it was made."""
    stream = bench.key("stream")
    entry = text(bench.client.xadd(stream, {"text": "early"}))

    bench.client.xgroup_create(stream, "group", id="0", mkstream=True)

    expect_equal(texts(entry for entry, _ in bench.read(stream, "group")), [entry], "entries read")


@case()
def a_group_is_made_once(bench: Bench) -> None:
    """Making a group again is answered with BUSYGROUP and does not move it."""
    stream, group, _ = bench.group("a")
    bench.read(stream, group)

    expect_error(lambda: bench.client.xgroup_create(stream, group, id="0", mkstream=True), "BUSYGROUP", "XGROUP CREATE")

    expect_equal(bench.read(stream, group), [], "entries read again")


@case()
def a_missing_group_is_told(bench: Bench) -> None:
    """A group or stream that is missing is answered with NOGROUP."""
    client, (stream, _, _) = bench.client, bench.group()
    for where in (stream, bench.key("absent")):
        expect_error(lambda where=where: client.xreadgroup("absent", "one", {where: ">"}), "NOGROUP", "XREADGROUP")  # type: ignore[misc]
        expect_error(lambda where=where: client.xpending_range(where, "absent", "-", "+", 1), "NOGROUP", "XPENDING")  # type: ignore[misc]
        expect_error(lambda where=where: client.xclaim(where, "absent", "one", 0, ["1-1"], justid=True), "NOGROUP", "XCLAIM")  # type: ignore[misc]


@case()
def every_group_gets_every_entry_once(bench: Bench) -> None:
    """Every group gets every entry, and within a group one consumer only."""
    stream, first, entries = bench.group("a", "b", "c")
    bench.client.xgroup_create(stream, "second", id="0")

    one = texts(entry for entry, _ in bench.read(stream, first, "one", count=2))
    two = texts(entry for entry, _ in bench.read(stream, first, "two"))
    other = texts(entry for entry, _ in bench.read(stream, "second"))

    expect_equal((one, two), (entries[:2], entries[2:]), "entries of two consumers of a group")
    expect_equal(other, entries, "entries of the second group")


@case()
def own_entries_can_be_read_again(bench: Bench) -> None:
    """A consumer can read again what it had and did not acknowledge, page by page."""
    stream, group, entries = bench.group("a", "b", "c", "d")
    bench.read(stream, group)
    bench.client.xack(stream, group, entries[1])

    first = texts(entry for entry, _ in bench.read(stream, group, after="0", count=2))
    rest = texts(entry for entry, _ in bench.read(stream, group, after=first[-1], count=2))

    expect_equal(first + rest, [entries[0], entries[2], entries[3]], "entries read again")
    expect_equal(bench.read(stream, group, "two", after="0"), [], "entries that another consumer reads again")


@case()
def an_acknowledgement_counts_once(bench: Bench) -> None:
    """XACK answers 1 the first time and 0 from then on, and the entry is no longer pending."""
    stream, group, (entry,) = bench.group("a")
    bench.read(stream, group)

    answers = [bench.client.xack(stream, group, entry) for _ in range(2)]

    expect_equal(answers, [1, 0], "answers of XACK")
    expect_equal(bench.client.xpending(stream, group)["pending"], 0, "pending entries")


@case()
def minid_never_passes_its_bound(bench: Bench) -> None:
    """XTRIM MINID removes what lies before its bound and nothing else, and trims no group's pending list."""
    stream, group, entries = bench.group(*map(str, range(MANY)))
    bench.read(stream, group)
    bound = entries[-7]

    bench.client.xtrim(stream, minid=bound, approximate=True)
    loosely = texts(entry for entry, _ in bench.client.xrange(stream))
    removed = bench.client.xtrim(stream, minid=bound, approximate=False)
    exactly = texts(entry for entry, _ in bench.client.xrange(stream))

    expect_equal(loosely[-7:], entries[-7:], "entries that a loose trim leaves from its bound on")
    expect_equal(exactly, entries[-7:], "entries that an exact trim leaves")
    expect_equal(removed, len(loosely) - 7, "entries that the exact trim removed")
    expect_equal(bench.client.xpending(stream, group)["pending"], MANY, "pending entries after trimming")


@case()
def the_lag_is_right_where_it_is_told(bench: Bench) -> None:
    """XINFO GROUPS tells how many entries a group has not had yet, or says that it does not know."""
    stream, group, entries = bench.group("a", "b", "c", "d", "e")
    bench.read(stream, group, count=2)
    (fresh,) = bench.client.xinfo_groups(stream)
    bench.client.xdel(stream, entries[3])
    (thinned,) = bench.client.xinfo_groups(stream)
    found = (int(fresh["pending"]), text(fresh["last-delivered-id"]), fresh.get("lag"), thinned.get("lag"))

    expect_equal(found[:2], (2, entries[1]), "pending entries and last delivered id")
    expect(found[2] in {None, 3}, f"lag is {found[2]}, should be 3 or unknown")
    expect(found[3] in {None, 2}, f"lag after a deletion is {found[3]}, should be 2 or unknown")


@case()
def ranges_can_leave_out_their_ends(bench: Bench) -> None:
    """XRANGE and XREVRANGE go on after an id that is left out, a page at a time."""
    stream, _, entries = bench.group(*map(str, range(5)))

    forth = texts(entry for entry, _ in bench.client.xrange(stream, min=f"({entries[1]}", count=2))
    back = texts(entry for entry, _ in bench.client.xrevrange(stream, max=f"({entries[3]}", count=2))

    expect_equal((forth, back), (entries[2:4], [entries[2], entries[1]]), "pages")


@case()
def an_idle_reader_wakes_up(bench: Bench) -> None:
    """A reader that waits in XREADGROUP wakes up when a script adds an entry."""
    stream, group, _ = bench.group()
    add = "return redis.call('XADD', KEYS[1], '*', 'text', 'a')"

    def wait() -> tuple[Any, float]:
        answer = bench.client.xreadgroup(group, "one", {stream: ">"}, block=BLOCK_MS)
        return answer, time.monotonic()

    with futures.ThreadPoolExecutor(1) as threads:
        reading = threads.submit(wait)
        futures.wait([reading], timeout=0.05)  # so that it waits already, most likely; it must be told all the same if not
        added = time.monotonic()
        bench.lua(add, [stream])
        answer, at = reading.result()

    expect(answer, "the reader got nothing")
    expect(at - added < WAKE_SECONDS, f"the reader woke up {at - added:.1f} s after the entry was added")


@case()
def a_wait_ends(bench: Bench) -> None:
    """A reader that nothing comes for gets an empty answer when its time is over."""
    stream, group, _ = bench.group()

    expect(not bench.client.xreadgroup(group, "one", {stream: ">"}, block=20), "an answer, though nothing was added")


@case()
def one_of_two_gets_a_lock(bench: Bench) -> None:
    """SET with NX and PX lets one of two take a lock, and the lock ends by itself."""
    lock = bench.key("lock")

    taken = [bool(bench.client.set(lock, name, nx=True, px=60_000)) for name in ("one", "two")]
    left = int(bench.client.pttl(lock))

    expect_equal((taken, bench.client.get(lock)), ([True, False], b"one"), "who has the lock")
    expect(0 < left <= 60_000, f"the lock has {left} ms left, of 60000")  # noqa: PLR2004


@case()
def counts_are_exact(bench: Bench) -> None:
    """Fields of a hash count up and down and can be told from missing ones."""
    counts, client = bench.key("counts"), bench.client

    client.hincrby(counts, "frame", 2)
    client.hincrby(counts, "frame", -1)
    client.hset(counts, "other", "5 6")

    expect_equal(client.hmget(counts, ["frame", "other", "absent"]), [b"1", b"5 6", None], "fields of the hash")
    expect_equal((client.hexists(counts, "absent"), client.hdel(counts, "frame"), client.hlen(counts)), (False, 1, 1), "the hash")

"""Pending lists: who has an entry, since when and how often, and how it gets into other hands."""

from __future__ import annotations

from genesis.bus.conformance.case import Bench, case, expect, expect_equal, text, texts

LONG_MS = 60_000  # idle time that is set, never waited for


@case()
def the_pending_list_knows_the_idle(bench: Bench) -> None:
    """XPENDING with IDLE lists the entries that nobody has touched for so long, and those alone."""
    stream, group, entries = bench.group("a", "b", "c")
    bench.read(stream, group)
    bench.client.xclaim(stream, group, "one", 0, [entries[1]], idle=LONG_MS, justid=True)

    idle = bench.client.xpending_range(stream, group, "-", "+", 10, idle=LONG_MS // 2)
    everything = bench.client.xpending_range(stream, group, "-", "+", 10, idle=0)
    of_nobody = bench.client.xpending_range(stream, group, "-", "+", 10, consumername="two")

    expect_equal(texts(row["message_id"] for row in idle), [entries[1]], "idle entries")
    expect_equal(texts(row["message_id"] for row in everything), entries, "all entries")
    expect_equal(of_nobody, [], "entries of a consumer that has none")


@case()
def a_pending_list_has_pages(bench: Bench) -> None:
    """XPENDING goes on after an entry that is left out, in the hands of one consumer too."""
    stream, group, entries = bench.group(*map(str, range(5)))
    bench.read(stream, group)
    bench.client.xclaim(stream, group, "two", 0, [entries[3]], justid=True)

    page = bench.client.xpending_range(stream, group, f"({entries[1]}", "+", 2)
    of_one = bench.client.xpending_range(stream, group, f"({entries[1]}", "+", 2, consumername="one", idle=0)

    expect_equal(texts(row["message_id"] for row in page), entries[2:4], "a page")
    expect_equal(texts(row["message_id"] for row in of_one), [entries[2], entries[4]], "a page of one consumer's")


@case()
def a_claim_counts_a_delivery(bench: Bench) -> None:
    """XCLAIM puts an entry into other hands, counts a delivery and starts its idle time anew."""
    stream, group, (entry,) = bench.group("a")
    bench.read(stream, group)
    bench.client.xclaim(stream, group, "one", 0, [entry], idle=LONG_MS, justid=True)

    claimed = bench.client.xclaim(stream, group, "two", LONG_MS // 2, [entry])
    consumer, idle, deliveries = bench.pending(stream, group, entry)

    expect_equal([(text(claimed[0][0]), claimed[0][1])], [(entry, {b"text": b"a"})], "what XCLAIM answers")
    expect_equal((consumer, deliveries), ("two", 2), "consumer and deliveries")
    expect(idle < LONG_MS // 2, f"idle time is still {idle} ms")


@case()
def a_renewal_does_not_count(bench: Bench) -> None:
    """XCLAIM with JUSTID starts an entry's idle time anew and does not count as a delivery."""
    stream, group, (entry,) = bench.group("a")
    bench.read(stream, group)
    bench.client.xclaim(stream, group, "one", 0, [entry], idle=LONG_MS, justid=True)

    renewed = bench.client.xclaim(stream, group, "one", 0, [entry], justid=True)
    consumer, idle, deliveries = bench.pending(stream, group, entry)

    expect_equal(texts(renewed), [entry], "what XCLAIM answers")
    expect_equal((consumer, deliveries), ("one", 1), "consumer and deliveries")
    expect(idle < LONG_MS // 2, f"idle time is still {idle} ms")


@case()
def a_claim_waits_for_the_idle_time(bench: Bench) -> None:
    """XCLAIM leaves an entry that is not idle for long enough in the hands that have it."""
    stream, group, (entry,) = bench.group("a")
    bench.read(stream, group)

    claimed = bench.client.xclaim(stream, group, "two", LONG_MS, [entry], justid=True)

    expect_equal(claimed, [], "what was claimed")
    expect_equal(bench.pending(stream, group, entry)[::2], ("one", 1), "consumer and deliveries")


@case()
def idle_time_and_deliveries_can_be_set(bench: Bench) -> None:
    """XCLAIM with IDLE and RETRYCOUNT sets an entry's idle time and deliveries."""
    stream, group, (entry,) = bench.group("a")
    bench.read(stream, group)

    bench.client.xclaim(stream, group, "two", 0, [entry], idle=LONG_MS, retrycount=7, justid=True)
    consumer, idle, deliveries = bench.pending(stream, group, entry)

    expect_equal((consumer, deliveries), ("two", 7), "consumer and deliveries")
    expect(LONG_MS <= idle < 2 * LONG_MS, f"idle time is {idle} ms, {LONG_MS} were set")


@case()
def what_is_settled_cannot_be_claimed(bench: Bench) -> None:
    """XCLAIM takes neither an acknowledged entry nor one that was never delivered."""
    stream, group, entries = bench.group("a", "b")
    bench.read(stream, group, count=1)
    bench.client.xack(stream, group, entries[0])

    claimed = bench.client.xclaim(stream, group, "two", 0, entries, justid=True)

    expect_equal(claimed, [], "what was claimed")
    expect_equal(bench.client.xpending(stream, group)["pending"], 0, "pending entries")


@case(quick=False)  # Genesis itself sweeps with XPENDING and XCLAIM, which tell more
def a_sweep_finds_all(bench: Bench) -> None:
    """XAUTOCLAIM goes through a whole pending list, page by page, heeds the idle time, and counts only without JUSTID."""
    stream, group, entries = bench.group(*map(str, range(5)))
    bench.read(stream, group)

    too_early = bench.client.xautoclaim(stream, group, "two", LONG_MS, justid=True)
    found, cursor = [], "0-0"
    for _ in entries:
        answer = bench.client.xautoclaim(stream, group, "two", 0, start_id=cursor, count=2)
        cursor = text(answer[0])
        found += texts(entry for entry, _ in answer[1])
        if cursor == "0-0":
            break
    uncounted = texts(bench.client.xautoclaim(stream, group, "three", 0, justid=True))

    expect_equal((too_early, found, uncounted), ([], entries, entries), "entries that three sweeps found")
    expect_equal([bench.pending(stream, group, entry)[::2] for entry in entries], [("three", 2)] * 5, "consumers and deliveries")


@case(quick=False)
def a_sweep_tells_of_deleted_entries(bench: Bench) -> None:
    """XAUTOCLAIM tells of a pending entry that was deleted: as nil, which stays pending, or in a list of its own, which does not."""
    stream, group, entries = bench.group("a", "b")
    bench.read(stream, group)
    bench.client.xdel(stream, entries[0])

    swept = bench.client.xautoclaim(stream, group, "two", 0)
    left = bench.client.xpending(stream, group)["pending"]

    deleted = texts(swept[2]) if len(swept) > 2 else []  # noqa: PLR2004 - Redis 7 has a third part
    as_nil = any(entry is None for entry, _ in swept[1])
    told = (deleted, as_nil, left) in (([entries[0]], False, 1), ([], True, 2))
    expect(told, f"XAUTOCLAIM answers {swept!r}, and {left} entries are pending")


@case()
def a_deleted_entry_does_not_hide(bench: Bench) -> None:
    """A pending entry that was deleted is still listed as pending, and empty when it is read again."""
    stream, group, entries = bench.group("a", "b")
    bench.read(stream, group)
    bench.client.xdel(stream, entries[0])

    listed = bench.pending(stream, group, entries[0])
    again = [(text(entry), fields or None) for entry, fields in bench.read(stream, group, after="0")]

    expect_equal(listed[::2], ("one", 1), "its consumer and deliveries")
    expect_equal(again, [(entries[0], None), (entries[1], {b"text": b"b"})], "the entries when they are read again")


@case()
def a_claim_of_a_deleted_entry_gives_nothing(bench: Bench) -> None:
    """XCLAIM of a pending entry that was deleted gives no fields, and takes it out of the pending list or leaves it there."""
    stream, group, entries = bench.group("a", "b")
    bench.read(stream, group)
    bench.client.xdel(stream, entries[0])

    claimed = bench.client.xclaim(stream, group, "two", 0, [entries[0]])

    expect(claimed in ([], [(None, None)]), f"XCLAIM answers {claimed!r}")
    left = texts(row["message_id"] for row in bench.client.xpending_range(stream, group, "-", "+", 10))
    expect(left in (entries, entries[1:]), f"pending are {left} of {entries}")


@case()
def a_deleted_entry_can_be_acknowledged(bench: Bench) -> None:
    """A pending entry that was deleted can be found with XPENDING and acknowledged."""
    stream, group, entries = bench.group("a", "b")
    bench.read(stream, group)
    bench.client.xdel(stream, entries[0])

    expect_equal(bench.client.xack(stream, group, entries[0]), 1, "answer of XACK")

    left = bench.client.xpending_range(stream, group, "-", "+", 10)
    expect_equal(texts(row["message_id"] for row in left), [entries[1]], "pending entries")


@case()
def hands_are_counted(bench: Bench) -> None:
    """XINFO CONSUMERS and XPENDING tell how many entries each consumer has, also one that has none any more."""
    stream, group, entries = bench.group("a", "b", "c")
    bench.read(stream, group, "one", count=2)
    bench.read(stream, group, "two")
    bench.client.xclaim(stream, group, "two", 0, entries[:2], justid=True)

    consumers = {text(row["name"]): int(row["pending"]) for row in bench.client.xinfo_consumers(stream, group)}
    summary = {text(row["name"]): int(row["pending"]) for row in bench.client.xpending(stream, group)["consumers"]}

    expect_equal(consumers, {"one": 0, "two": 3}, "entries by consumer in XINFO CONSUMERS")
    expect_equal(summary, {"two": 3}, "entries by consumer in XPENDING")


REMOVE_IF_EMPTY = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
"""


@case()
def only_empty_hands_are_removed(bench: Bench) -> None:
    """A script removes a consumer that holds nothing, and leaves one that holds something."""
    stream, group, entries = bench.group("a")
    bench.read(stream, group, "one")
    bench.client.xclaim(stream, group, "two", 0, entries, justid=True)

    removed = [bench.lua(REMOVE_IF_EMPTY, [stream], group, name) for name in ("one", "two")]

    left = texts(row["name"] for row in bench.client.xinfo_consumers(stream, group))
    expect_equal((removed, left), ([1, 0], ["two"]), "what was removed and who is left")
    expect_equal(bench.pending(stream, group, entries[0])[0], "two", "whose the entry is")

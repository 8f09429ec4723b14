"""Lua scripts: all or nothing as long as what can fail comes first, and nobody sees one half done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from genesis.bus.conformance.case import Bench, case, expect, expect_equal, expect_error

FIELDS = 4000  # strings that bury.lua may hand to XADD at once
ROUNDS = 300
ADD = "return redis.call('XADD', KEYS[1], '*', unpack(ARGV))"


@case()
def arguments_pass_byte_for_byte(bench: Bench) -> None:
    """A script gets its arguments byte for byte and can hand them on to XADD."""
    strings = [b"\xff\x00", b"\x80\r\n", b"empty", b"", b"long", b"\x00\xfe" * 40_000]

    bench.lua(ADD, [bench.key("stream")], *strings)

    ((_, found),) = bench.client.xrange(bench.key("stream"))
    expect_equal([part for pair in found.items() for part in pair], strings, "fields of the entry")


@case()
def a_script_can_add_a_wide_entry(bench: Bench) -> None:
    """A script can add an entry of two thousand fields."""
    strings = [str(number) for number in range(FIELDS)]

    bench.lua(ADD, [bench.key("stream")], *strings)

    ((_, found),) = bench.client.xrange(bench.key("stream"))
    expect_equal(len(found), FIELDS // 2, "fields of the entry")


@case()
def an_error_ends_a_script(bench: Bench) -> None:
    """A command that fails ends the script there and then, and the caller is told."""
    broken = "redis.call('XADD', KEYS[1], '*', 'text', 'a') redis.call('SET', KEYS[2], 'reached')"
    bench.client.set(bench.key("string"), "no stream")

    expect_error(lambda: bench.lua(broken, [bench.key("string"), bench.key("mark")]), "WRONGTYPE", "the script")

    expect_equal(bench.client.exists(bench.key("mark")), 0, "what the script did after the error")


@case()
def an_error_can_be_caught(bench: Bench) -> None:
    """A script can catch a command's error and look at it."""
    careful = """
    local answer = redis.pcall('XPENDING', KEYS[1], 'absent', '-', '+', 1)
    return answer.err and answer.err:find('NOGROUP', 1, true) and 'told' or 'not told'
    """
    expect_equal(bench.lua(careful, [bench.key("absent")]), b"told", "what the script saw")


@case()
def an_unknown_script_is_told(bench: Bench) -> None:
    """A script that the server does not know is answered with NOSCRIPT, so that it is sent again."""
    expect_error(lambda: bench.client.evalsha("0" * 40, 1, bench.key("x")), "NoScriptError", "EVALSHA")


@case()
def a_script_can_write_after_asking_the_time(bench: Bench) -> None:
    """A script may ask for the time and write afterwards."""
    told = bench.lua("local now = redis.call('TIME') redis.call('SET', KEYS[1], now[1]) return now[1]", [bench.key("time")])

    expect_equal(bench.client.get(bench.key("time")), told, "the time that was written")
    expect(int(told) > 0, f"the time is {told!r}")


@case()
def a_script_sees_the_pending_list(bench: Bench) -> None:
    """In a script XPENDING gives id, consumer, idle time and deliveries, and nothing for an entry that is not pending."""
    stream, group, (entry,) = bench.group("a")
    look = "return redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)"
    before = bench.lua(look, [stream], group, entry)
    bench.read(stream, group)

    ((found, consumer, idle, deliveries),) = bench.lua(look, [stream], group, entry)

    expect_equal(before, [], "pending before it was read")
    expect_equal((found, consumer, deliveries), (entry.encode(), b"one", 1), "id, consumer and deliveries")
    expect(isinstance(idle, int), f"idle time is {idle!r}")


@case()
def a_script_sees_the_groups(bench: Bench) -> None:
    """In a script XINFO GROUPS gives a flat list of names and values for each group."""
    stream, group, _ = bench.group("a")
    bench.read(stream, group)

    (row,) = bench.lua("return redis.call('XINFO', 'GROUPS', KEYS[1])", [stream])

    known = dict(zip(row[::2], row[1::2], strict=True))
    expect_equal((known[b"name"], known[b"pending"]), (group.encode(), 1), "name and pending entries")


@case()
def what_is_missing_is_false(bench: Bench) -> None:
    """In a script a missing value is false, an absent stream is empty, and an unset field is told from an empty one."""
    look = """
    return {redis.call('GET', KEYS[1]) == false and 1 or 0, redis.call('HGET', KEYS[1], 'f') == false and 1 or 0,
            #redis.call('XRANGE', KEYS[1], '-', '+'), redis.call('EXISTS', KEYS[1])}
    """
    expect_equal(bench.lua(look, [bench.key("absent")]), [1, 1, 0, 0], "what a script sees of an absent key")


@case(quick=False)
def nobody_sees_a_script_half_done(bench: Bench) -> None:
    """Nobody sees what a script does before it is done."""
    left, right, client = bench.key("left"), bench.key("right"), bench.client
    client.mset({left: 0, right: 0})

    def write() -> None:
        for _ in range(ROUNDS):
            bench.lua("redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2])", [left, right])

    torn: list[Any] = []
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        while not writing.done():
            seen = client.mget([left, right])
            if seen[0] != seen[1]:
                torn.append(seen)
        writing.result()

    expect_equal(torn, [], "values that were seen half written")
    expect_equal(client.mget([left, right]), [str(ROUNDS).encode()] * 2, "values in the end")


@case(alone=True)
def without_memory_a_script_writes_nothing(bench: Bench) -> None:
    """Without memory a script is refused if its first write needs some, while XACK, XCLAIM, XTRIM and reading still work."""
    stream, group, entries = bench.group("a", "b", "c")
    bench.read(stream, group, count=2)
    client = bench.client
    work = "redis.call('XADD', KEYS[1], '*', 'text', 'd') redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])"
    thrifty = "redis.call('XDEL', KEYS[1], ARGV[1]) return redis.call('HINCRBY', KEYS[2], 'dropped', 1)"
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) // 2)
    try:
        expect_error(lambda: bench.lua(work, [stream], group, entries[0]), "OutOfMemoryError", "the script")
        length, pending = client.xlen(stream), client.xpending(stream, group)["pending"]
        read = [entry for entry, _ in bench.read(stream, group)]
        renewed = client.xclaim(stream, group, "one", 0, [entries[1]], justid=True)
        acknowledged = client.xack(stream, group, entries[0])
        trimmed = client.xtrim(stream, minid=entries[1], approximate=False)
        counted = bench.lua(thrifty, [stream, bench.key("counts")], entries[2])
    finally:
        client.config_set("maxmemory", before)

    expect_equal((length, pending), (3, 2), "entries and pending entries after the refusal")
    expect_equal((len(read), len(renewed), acknowledged, trimmed, counted), (1, 1, 1, 1, 1), "what still works")

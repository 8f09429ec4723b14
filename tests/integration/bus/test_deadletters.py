"""A dead letter can be replayed, for the group that failed and no other, once; and nothing of its entry is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus.graveyard import Graveyard
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.plan import plan_named, plan_selected
from genesis.bus.selection import Selection
from genesis.cache import FrameCache
from genesis.errors import BackpressureError, NoSuchLetterError, ServerRefusesError, ServerUnavailableError, UsageError
from genesis.events import FrameCaptured, ZoneEvent, completed
from genesis.settings import Settings
from tests.events_of_tests import frame, zone
from tests.letters_of_tests import add, buried, bury_next, fields, letters, taken

Take = Callable[[type, str], Delivery]
GROUP, OTHER = "zone-workers", "analytics-workers"
NAMES = (b"dlq-reason", b"dlq-stream", b"dlq-fields", b"framekey", b"replays", b"replaygroup", b"", b"\xff\x00")


@pytest.fixture
def graveyard(bus: Ledger) -> Graveyard:
    return Graveyard(bus.settings, bus.client)


def replay_of(group: str, times: int = 1) -> list[tuple[bytes, bytes]]:
    return [(b"replaygroup", group.encode()), (b"replays", str(times).encode())]


def total(bus: Ledger, name: str, stream: str = "zones", group: str = GROUP) -> int:
    return int(bus.client.hget("genesis:counts", f"genesis:{stream}|{group}|{name}") or 0)


@contextmanager
def out_of_memory(bus: Ledger) -> Iterator[None]:
    bus.client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        bus.client.config_set("maxmemory", 0)


def test_a_replay_puts_the_entry_back_for_the_group_that_failed(bus: Ledger, graveyard: Graveyard) -> None:
    delivery = buried(bus, zone(), GROUP)
    original = fields(bus, "zones", delivery.entry)
    (letter,) = letters(bus)

    fate = graveyard.replay(letter)

    assert fate == "replayed"
    assert fields(bus, "zones") == original + replay_of(GROUP)
    assert letters(bus) == []
    assert (total(bus, "buried"), total(bus, "replayed")) == (1, 1)
    assert len(taken(bus, "zones", GROUP)) == 1


def test_a_letter_is_replayed_once_however_often_it_is_tried(bus: Ledger, graveyard: Graveyard) -> None:
    buried(bus, zone(), GROUP)
    (letter,) = letters(bus)

    fates = [graveyard.replay(letter) for _ in range(3)]

    assert fates == ["replayed", "gone", "gone"]
    assert bus.client.xlen("genesis:zones") == 2
    assert total(bus, "replayed") == 1


@pytest.mark.parametrize("verbs", [("replay", "replay"), ("replay", "drop"), ("drop", "drop")])
def test_of_two_operators_at_once_one_takes_effect(bus: Ledger, verbs: tuple[str, str]) -> None:
    rounds = 40
    for number in range(rounds):
        buried(bus, zone(f"z{number}"), GROUP)
    there, start, done = letters(bus), threading.Barrier(2), []

    def operate(verb: str) -> None:
        graveyard = Graveyard(bus.settings)
        start.wait()
        done.extend(graveyard.drop(letter) if verb == "drop" else graveyard.replay(letter) == "replayed" for letter in there)
        graveyard.close()

    threads = [threading.Thread(target=operate, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [False] * rounds + [True] * rounds
    assert total(bus, "replayed") + total(bus, "discarded") == rounds
    assert bus.client.xlen("genesis:zones") == rounds + total(bus, "replayed")
    assert letters(bus) == []


def test_a_replayed_frame_gets_one_reference_which_its_group_releases(bus: Ledger, graveyard: Graveyard, take: Take) -> None:
    bus.publish([completed(frame(1))])
    bus.settle(take(FrameCaptured, "frame-workers"))
    bury_next(bus, "frames", "detection-workers")
    assert bus.client.hgetall("genesis:references") == {}

    graveyard.replay(letters(bus)[0])

    assert bus.client.hgetall("genesis:references") == {b"frame-1": b"1"}
    bus.settle(Delivery("genesis:frames", "frame-workers", take(FrameCaptured, "frame-workers").entry), outcome="filtered")
    assert bus.settle(take(FrameCaptured, "detection-workers")).freed == ("frame-1",)
    assert bus.client.hgetall("genesis:references") == {}


def test_a_replay_that_another_group_would_bury_is_settled_for_it(bus: Ledger, graveyard: Graveyard, take: Take) -> None:
    add(bus, "frames", [(b"framekey", b"frame-1"), (b"\xff", b"not UTF-8")])
    for group in ("detection-workers", "frame-workers"):
        bury_next(bus, "frames", group, reason="malformed")
    (letter,) = letters(bus, groups=["detection-workers"])
    graveyard.replay(letter)

    outcome = bus.bury(take(FrameCaptured, "frame-workers"), {"dlq-reason": "malformed"})

    assert (outcome.done, outcome.freed) == (False, ())
    assert bus.client.xpending("genesis:frames", "frame-workers")["pending"] == 0
    assert total(bus, "filtered", "frames", "frame-workers") == 1
    assert bus.client.hgetall("genesis:references") == {b"frame-1": b"1"}
    assert [letter.group for letter in letters(bus)] == ["frame-workers"]


def test_replays_are_counted_with_the_entry(bus: Ledger, graveyard: Graveyard) -> None:
    original = fields(bus, "zones", buried(bus, zone(), GROUP).entry)

    for times in range(1, 4):
        (letter,) = letters(bus)
        assert letter.replays == times - 1
        graveyard.replay(letter)
        assert fields(bus, "zones") == original + replay_of(GROUP, times)
        bury_next(bus, "zones", GROUP)

    (letter,) = letters(bus)
    assert (letter.replays, list(letter.fields)) == (3, original)


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.sampled_from(NAMES) | st.binary(max_size=12), st.binary(max_size=40)), min_size=1, max_size=12))
def test_the_fields_survive_every_burial_and_replay(bus: Ledger, graveyard: Graveyard, pairs: list[tuple[bytes, bytes]]) -> None:
    assume([name for name, _ in pairs[-2:]] != [b"replaygroup", b"replays"])  # that is a replay
    add(bus, "zones", pairs)
    bury_next(bus, "zones", GROUP)

    for times in (1, 2):
        letter = letters(bus)[-1]
        assert list(letter.fields) == pairs
        assert (letter.group, letter.reason, letter.replays) == (GROUP, "permanent", times - 1)
        assert graveyard.replay(letter) == "replayed"
        assert fields(bus, "zones") == pairs + replay_of(GROUP, times)
        bury_next(bus, "zones", GROUP)
    assert list(letters(bus)[-1].fields) == pairs
    graveyard.drop(letters(bus)[-1])


@pytest.mark.parametrize(("count", "fits"), [(3_900, True), (5_000, False)])
def test_as_many_fields_are_kept_as_the_server_can_take(bus: Ledger, graveyard: Graveyard, count: int, fits: bool) -> None:
    pairs = [(b"%d" % number, b"x") for number in range(count - 1)] + [(b"framekey", b"frame-1")]
    add(bus, "zones", pairs)
    bus.client.hset("genesis:references", "frame-1", 1)
    bury_next(bus, "zones", GROUP)
    (letter,) = letters(bus)

    fate = graveyard.replay(letter)

    assert len(letter.fields) + letter.left_out == count
    assert len(letter.fields) >= 3_900
    assert list(letter.fields) == pairs[: len(letter.fields)]
    assert fate == ("replayed" if fits else "incomplete")
    assert bus.client.hget("genesis:references", "frame-1") == (b"1" if fits else None)
    assert len(letters(bus)) == (0 if fits else 1)


def test_an_entry_that_was_deleted_leaves_a_letter_that_says_so(bus: Ledger, graveyard: Graveyard) -> None:
    bus.publish([completed(zone())])
    (delivery,) = taken(bus, "zones", GROUP)
    bus.client.xdel("genesis:zones", delivery.entry)
    bus.bury(delivery, {"dlq-group": GROUP})
    (letter,) = letters(bus)

    assert (letter.fields, letter.whole, graveyard.replay(letter)) == ((), False, "incomplete")


def test_a_letter_that_older_code_wrote_can_be_replayed(bus: Ledger, graveyard: Graveyard) -> None:
    own = [(b"dlq-reason", b"own"), (b"id", b"1")]
    told = [(b"dlq-stream", b"genesis:zones"), (b"dlq-group", GROUP.encode()), (b"dlq-reason", b"poison"), (b"dlq-replays", b"0")]
    add(bus, "zones:dlq", own + told)
    (letter,) = letters(bus, reasons=["poison"])

    assert graveyard.replay(letter) == "replayed"
    assert fields(bus, "zones") == own + replay_of(GROUP)


@pytest.mark.parametrize("gone", ["group", "stream"])
def test_nothing_is_replayed_for_a_group_that_is_gone(bus: Ledger, graveyard: Graveyard, gone: str) -> None:
    buried(bus, zone(), GROUP)
    if gone == "group":
        bus.client.xgroup_destroy("genesis:zones", GROUP)
    else:
        bus.client.delete("genesis:zones")
    (letter,) = letters(bus)

    assert graveyard.replay(letter) == "no group"
    assert letters(bus) == [letter]
    assert bus.client.xlen("genesis:zones") == (1 if gone == "group" else 0)


def test_a_replay_leaves_new_events_the_room_above_the_threshold(bus: Ledger, graveyard: Graveyard) -> None:
    buried(bus, zone(), GROUP)
    threshold = bus.settings.event_driven.backpressure.block_threshold
    for start in range(1, threshold, 100):
        bus.publish([completed(zone()) for _ in range(min(100, threshold - start))])
    (letter,) = letters(bus)

    with pytest.raises(BackpressureError) as caught:
        graveyard.replay(letter)

    assert (caught.value.stream, caught.value.backlog, caught.value.limit) == ("genesis:zones", threshold, threshold)
    assert letters(bus) == [letter]
    for delivery in taken(bus, "zones", OTHER, 1):
        bus.settle(delivery)
    assert graveyard.replay(letter) == "replayed"


def test_a_server_without_memory_refuses_a_replay_whole_and_permits_a_drop(bus: Ledger, graveyard: Graveyard) -> None:
    buried(bus, zone(), GROUP)
    (letter,) = letters(bus)

    with out_of_memory(bus):
        with pytest.raises(ServerRefusesError, match="out of memory"):
            graveyard.replay(letter)
        there = letters(bus), bus.client.xlen("genesis:zones")
        dropped = graveyard.drop(letter)

    assert there == ([letter], 1)
    assert dropped
    assert (total(bus, "replayed"), total(bus, "discarded")) == (0, 1)


def test_letters_of_all_streams_come_in_the_order_of_their_burial(bus: Ledger, graveyard: Graveyard) -> None:
    for number in range(30):
        buried(bus, zone() if number % 3 else frame(number), GROUP if number % 3 else "detection-workers")
    expected = ["zones" if number % 3 else "frames" for number in range(30)]

    oldest_first = list(graveyard.select(Selection()))
    newest_first = list(graveyard.select(Selection(), newest_first=True))

    assert sorted(letter.order for letter in oldest_first) == [letter.order for letter in oldest_first]
    assert sorted(letter.stream for letter in oldest_first) == sorted(expected)
    assert {letter.name for letter in newest_first} == {letter.name for letter in oldest_first}
    assert newest_first[0].order == max(letter.order for letter in oldest_first)


@pytest.mark.parametrize("newest_first", [False, True])
def test_large_and_many_letters_are_read_in_pages(bus: Ledger, newest_first: bool) -> None:
    sizes = [10] * 600 + [700_000] * 20 + [10] * 30
    with bus.client.pipeline(transaction=False) as pipe:
        for number, size in enumerate(sizes):
            pipe.xadd("genesis:zones:dlq", {"n": number, "x": "x" * size, "dlq-group": GROUP})
        pipe.execute()
    pages: list[int] = []

    class Watched(Graveyard):
        def _page(self, *arguments: object) -> list[tuple[bytes, list[bytes]]]:
            page = super()._page(*arguments)  # type: ignore[arg-type]
            pages.append(sum(len(string) for _, strings in page for string in strings))
            return page

    read = [int(letter.own("n")) for letter in Watched(bus.settings, bus.client).select(Selection(), newest_first=newest_first)]

    assert read == (list(range(len(sizes)))[::-1] if newest_first else list(range(len(sizes))))
    assert max(pages) < 20 * 700_000 + 1_000_000


def test_since_is_the_time_of_the_burial(bus: Ledger, graveyard: Graveyard) -> None:
    now = graveyard.now()
    for minutes in (100, 50, 5):
        bus.client.xadd("genesis:zones:dlq", {"n": minutes, "dlq-group": GROUP}, id=f"{now - minutes * 60_000}-0")

    found = graveyard.select(Selection.of(graveyard.keys, now, since="1h"))

    assert [letter.own("n") for letter in found] == [b"50", b"5"]


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("zones/1-x", UsageError, r"'zones/1-x' is no dead letter's id: expected STREAM/MILLISECONDS-NUMBER"),
        ("zones/99999999999999999999-0", UsageError, "is no dead letter's id"),
        ("zonez/1-1", UsageError, r"no stream 'zonez' \(streams: frames"),
        ("5-5", UsageError, r"2 streams have a dead letter 5-5: say frames/5-5 or zones/5-5"),
        ("zones/6-6", NoSuchLetterError, r"no dead letter zones/6-6 \(any more\)"),
        ("6-6", NoSuchLetterError, r"no dead letter 6-6 \(any more\)"),
    ],
)
def test_a_name_that_is_not_one_letters_is_answered(
    bus: Ledger, graveyard: Graveyard, name: str, error: type[Exception], says: str
) -> None:
    for stream in ("zones", "frames"):
        bus.client.xadd(f"genesis:{stream}:dlq", {"a": "b"}, id="5-5")

    with pytest.raises(error, match=says):
        graveyard.find(name)


@pytest.mark.parametrize("name", ["zones/7-1", "genesis:zones/7-1", "7-1"])
def test_a_letter_is_found_by_its_name(bus: Ledger, graveyard: Graveyard, name: str) -> None:
    bus.client.xadd("genesis:zones:dlq", {"a": "b"}, id="7-1")

    assert graveyard.find(name).name == "zones/7-1"


def test_a_plan_counts_what_can_and_can_not_be_replayed(bus: Ledger, graveyard: Graveyard, settings: Settings) -> None:
    for _ in range(3):
        buried(bus, zone(), GROUP)
    buried(bus, zone(), OTHER)
    for number in (1, 2):
        buried(bus, frame(number), "detection-workers")
    bus.client.xadd("genesis:zones:dlq", {"dlq-group": GROUP})
    bus.client.xgroup_destroy("genesis:zones", OTHER)
    cache = FrameCache.of(settings)
    cache.put("frame-2", np.zeros((4, 4, 3), np.uint8))

    plan = plan_selected(graveyard, Selection(), None, cache)

    assert plan.letters == {("zones", GROUP): 3, ("frames", "detection-workers"): 2}
    assert (plan.groupless, plan.incomplete) == ({("zones", OTHER): 1}, {("zones", GROUP): 1})
    assert (plan.total, plan.left, plan.frames_gone) == (5, 2, 1)


def test_a_plan_is_made_without_the_frame_cache_when_that_is_away(bus: Ledger, graveyard: Graveyard, settings: Settings) -> None:
    buried(bus, frame(1), "detection-workers")
    away = settings.frame_cache.model_copy(update={"url": "redis://127.0.0.1:1/0"})

    plan = plan_selected(graveyard, Selection(), None, FrameCache(away, prefix="genesis", timeout=1))

    assert (plan.total, plan.frames_gone) == (1, 0)


def test_what_fails_again_while_a_plan_is_carried_out_is_not_replayed_again(bus: Ledger, graveyard: Graveyard) -> None:
    for _ in range(3):
        buried(bus, zone(), GROUP)
    plan = plan_selected(graveyard, Selection(), None, None)

    for letter in plan.again():
        graveyard.replay(letter)
        bury_next(bus, "zones", GROUP)

    assert [letter.replays for letter in letters(bus)] == [1, 1, 1]


def test_a_limited_plan_takes_the_oldest_and_no_others_later(bus: Ledger, graveyard: Graveyard) -> None:
    for number in range(6):
        buried(bus, zone(f"z{number}"), GROUP)
    there = letters(bus)

    plan = plan_selected(graveyard, Selection(), 3, None)
    graveyard.drop(there[0])

    assert plan.total == 3
    assert [letter.id for letter in plan.again()] == [letter.id for letter in there[1:3]]


def test_a_letter_that_is_named_twice_counts_once(bus: Ledger, graveyard: Graveyard) -> None:
    buried(bus, zone(), GROUP)

    assert plan_named(graveyard, letters(bus) * 2, None).total == 1


def test_a_server_that_was_never_there_is_not_waited_for(settings: Settings) -> None:
    away = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})})

    with pytest.raises(ServerUnavailableError, match="can't be reached"):
        Graveyard(away).now()


def test_the_letters_of_a_zone_event_can_be_read_back_as_that(bus: Ledger) -> None:
    buried(bus, zone(), GROUP, KeyError("never"), "retries_exhausted")

    (letter,) = letters(bus, streams=["zones"], errors=["KeyError"])

    assert (letter.error, letter.message, letter.own("type").decode()) == ("KeyError", "'never'", ZoneEvent.TYPE)
    assert (letter.number("deliveries"), letter.replays) == (1, 0)

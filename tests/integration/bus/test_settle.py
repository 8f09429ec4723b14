"""Settle and bury are all or nothing, and happen once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus.deadletters import letter
from genesis.bus.ledger import Delivery, Ledger, Outcome
from genesis.errors import BackpressureError, ServerUnavailableError
from genesis.events import AlertEvent, FrameCaptured, PersonDetected, ZoneEvent, completed, decode
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.events_of_tests import frame, persons, zone

Take = Callable[[type, str], Delivery]


def fields_of(entry: tuple[bytes, dict[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in entry[1].items()}


def test_a_settled_entry_cannot_be_settled_again(bus: Ledger, take: Take) -> None:
    bus.publish([completed(zone())])
    delivery = take(ZoneEvent, "zone-workers")
    alert = completed(AlertEvent.about(zone(), rule="r"))

    first = bus.settle(delivery, [alert])
    second = bus.settle(delivery, [alert])

    assert (first.done, second.done) == (True, False)
    assert bus.client.xlen("genesis:alerts") == 1
    assert bus.client.xpending("genesis:zones", "zone-workers")["pending"] == 0


@pytest.mark.parametrize("verbs", [("settle", "settle"), ("settle", "bury"), ("bury", "bury")])
def test_of_two_racing_runs_exactly_one_takes_effect(bus: Ledger, take: Take, verbs: tuple[str, str]) -> None:
    rounds = 50
    for number in range(rounds):
        bus.publish([completed(zone())])
        delivery = take(ZoneEvent, "zone-workers")
        start, outcomes = threading.Barrier(2), []

        def run(verb: str, delivery: Delivery = delivery, start: threading.Barrier = start, outcomes: list[Outcome] = outcomes) -> None:
            start.wait()
            if verb == "settle":
                outcomes.append(bus.settle(delivery, [completed(AlertEvent.about(zone(), rule="r"))]))
            else:
                outcomes.append(bus.bury(delivery, letter(delivery, "permanent", ValueError("no"))))

        threads = [threading.Thread(target=run, args=(verb,)) for verb in verbs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcome.done for outcome in outcomes) == [False, True]
        assert bus.client.xlen("genesis:alerts") + bus.client.xlen("genesis:zones:dlq") == number + 1


def test_a_dead_letter_holds_the_entry_untouched_and_why(bus: Ledger, take: Take) -> None:
    bus.client.xadd("genesis:zones", {b"\xff\x00": b"\x80binary", "plain": "text"})
    delivery = take(ZoneEvent, "zone-workers")
    for run in (1, 2):
        bus.leases.begin(delivery, "worker-w1")
        assert bus.leases.fail(delivery, "worker-w1", 3) == run

    outcome = bus.bury(delivery, letter(delivery, "permanent", ValueError("redis://me:secret@host said no"), task="task-1", worker="w1"))

    ((entry, written),) = bus.client.xrange("genesis:zones:dlq")
    assert entry.decode() == outcome.letter
    assert written[b"\xff\x00"] == b"\x80binary"
    assert written[b"plain"] == b"text"
    told = {name.decode(): value.decode() for name, value in written.items() if name.startswith(b"dlq-")}
    assert told["dlq-stream"] == "genesis:zones"
    assert told["dlq-group"] == "zone-workers"
    assert told["dlq-entry"] == delivery.entry
    assert told["dlq-reason"] == "permanent"
    assert told["dlq-error"] == "ValueError"
    assert told["dlq-message"] == "redis://***@host said no"
    assert "secret" not in told["dlq-traceback"]
    assert (told["dlq-attempts"], told["dlq-deliveries"], told["dlq-replays"]) == ("2", "1", "0")
    assert int(told["dlq-first-failure"]) <= int(told["dlq-last-failure"])
    assert (told["dlq-task"], told["dlq-worker"]) == ("task-1", "w1")
    assert told["dlq-version"]
    assert bus.client.hlen("genesis:zones:attempts") == 0


def test_attempts_stay_with_the_entry_and_end_with_it(bus: Ledger, take: Take) -> None:
    bus.publish([completed(zone())])
    delivery = take(ZoneEvent, "zone-workers")

    counted = []
    for _ in range(3):
        bus.leases.begin(delivery, "worker-w1")
        counted.append(bus.leases.fail(delivery, "worker-w1", 3))
    bus.settle(delivery)

    assert counted == [1, 2, 3]
    assert bus.leases.fail(delivery, "worker-w1", 3) == 0
    assert bus.client.hlen("genesis:zones:attempts") == 0


def test_a_settle_that_finds_no_room_does_nothing(bus: Ledger, take: Take, settings: object) -> None:
    del settings
    bus.publish([completed(zone())])
    delivery = take(ZoneEvent, "zone-workers")
    limit = bus.settings.event_driven.backpressure.max_pending
    filler = [completed(AlertEvent.about(zone(), rule="filler")) for _ in range(100)]
    for _ in range(limit // 100):
        bus.publish(filler)
        filler = [completed(AlertEvent.about(zone(), rule="filler")) for _ in range(100)]

    with pytest.raises(BackpressureError) as caught:
        bus.settle(delivery, [completed(AlertEvent.about(zone(), rule="r"))])

    assert (caught.value.stream, caught.value.backlog, caught.value.limit) == ("genesis:alerts", limit, limit)
    assert bus.client.xpending("genesis:zones", "zone-workers")["pending"] == 1
    assert bus.client.xlen("genesis:alerts") == limit


def test_out_of_memory_leaves_the_entry_as_it_was(bus: Ledger, take: Take) -> None:
    bus.publish([completed(frame())])
    delivery = take(FrameCaptured, "detection-workers")
    used = bus.client.info("memory")["used_memory"]
    bus.client.config_set("maxmemory", used // 2)
    try:
        with pytest.raises(ServerUnavailableError, match="out of memory"):
            bus.settle(delivery, [completed(persons())])
        with pytest.raises(ServerUnavailableError, match="out of memory"):
            bus.bury(delivery, letter(delivery, "permanent", ValueError("x")))
    finally:
        bus.client.config_set("maxmemory", 0)

    assert bus.client.xpending("genesis:frames", "detection-workers")["pending"] == 1
    assert bus.client.xlen("genesis:persons") == 0
    assert bus.client.hget("genesis:references", "frame-0") == b"2"
    assert bus.settle(delivery, [completed(persons())]).done


def test_what_is_published_can_be_read_back(bus: Ledger) -> None:
    event = completed(persons(count=3))

    bus.publish([event])

    (entry,) = bus.client.xrange("genesis:persons")
    assert decode(fields_of(entry)) == event


def test_a_publication_whose_answer_was_lost_is_not_made_twice(bus: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    script, lost = bus._settle, []

    def losing(**arguments: object) -> object:
        answer = script(**arguments)
        if not lost:
            lost.append(answer)
            raise redis.ConnectionError("the connection broke before the answer came")
        return answer

    monkeypatch.setattr(bus, "_settle", losing)

    bus.publish([completed(frame())])
    bus.publish([completed(frame(1))])

    assert len(lost) == 1
    assert bus.client.xlen("genesis:frames") == 2
    assert bus.client.hgetall("genesis:references") == {b"frame-0": b"2", b"frame-1": b"2"}


def test_the_same_events_given_again_after_an_error_are_not_published_twice(bus: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    script, events = bus._settle, [completed(frame())]

    def losing(**arguments: object) -> object:
        script(**arguments)
        raise redis.AuthenticationError("an error that is not waited out")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "_settle", losing)
        with pytest.raises(ServerUnavailableError):
            bus.publish(events)
    bus.publish(events)

    assert bus.client.xlen("genesis:frames") == 1


def test_a_publisher_that_was_killed_learns_what_it_had_published(bus: Ledger, settings: Settings, registry: Registry) -> None:
    before = bus.publish_as("gate")
    for number in range(3):
        bus.publish([completed(zone(str(number)))])
    again = Ledger(settings, registry)

    last = again.publish_as("gate")
    again.publish([completed(zone("3"))])
    late = bus._settle(
        keys=["genesis:zones", "a", "b", "c", "genesis:publisher:gate", "c", "d"],
        args=["", "0", "0", "1", "0", "1", "3", "", "", "", "", "", "0", "0"],
    )

    assert (before, last) == (-1, 2)
    assert late == [[b"gone"]]  # what the killed one had still under way
    assert bus.client.xlen("genesis:zones") == 4
    again.close()


def test_a_frame_is_free_when_the_last_group_of_the_last_event_is_done(bus: Ledger, take: Take) -> None:
    bus.publish([completed(frame(7))])
    ingestion, detection = take(FrameCaptured, "frame-workers"), take(FrameCaptured, "detection-workers")

    freed = [bus.settle(ingestion).freed, bus.settle(detection, [completed(persons(7))]).freed]
    faces, tracks = take(PersonDetected, "face-workers"), take(PersonDetected, "person-workers")
    freed += [bus.bury(faces, letter(faces, "permanent", ValueError("x"))).freed, bus.settle(tracks).freed]

    assert freed == [(), (), (), ("frame-7",)]
    assert bus.client.hgetall("genesis:references") == {}


def all_new(bus: Ledger) -> Iterator[Delivery]:
    """Take every entry that a group has not had yet."""
    for row in bus.registry:
        stream = row.stream(bus.keys)
        for _, entries in bus.client.xreadgroup(row.group, "test", {stream: ">"}):
            for entry, fields in entries:
                yield Delivery(stream, row.group, entry.decode(), fields.get(b"framekey", b"").decode())


@given(
    st.lists(st.tuples(st.sampled_from(["publish", "settle", "twice", "bury", "pass on"]), st.randoms(use_true_random=False)), max_size=40)
)
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_references_end_at_zero_after_any_interleaving(bus: Ledger, steps: list[tuple[str, object]]) -> None:
    bus.client.flushall()
    bus.create_groups()
    waiting: list[Delivery] = []
    freed: list[str] = []
    published = 0

    def act(verb: str, delivery: Delivery) -> None:
        if verb == "bury":
            freed.extend(bus.bury(delivery, {"dlq-reason": "permanent"}).freed)
        elif verb == "pass on" and delivery.stream == "genesis:frames":
            freed.extend(bus.settle(delivery, [completed(persons(int(delivery.frame.split("-")[1])))]).freed)
            waiting.extend(all_new(bus))
        else:
            freed.extend(bus.settle(delivery).freed)
            if verb == "twice":
                freed.extend(bus.settle(delivery).freed)

    for verb, random in steps:
        if verb == "publish" or not waiting:
            bus.publish([completed(frame(published))])
            published += 1
            waiting.extend(all_new(bus))
        else:
            act(verb, waiting.pop(random.randrange(len(waiting))))  # type: ignore[attr-defined]
    while waiting:
        act("settle", waiting.pop())

    assert bus.client.hgetall("genesis:references") == {}
    assert sorted(freed) == sorted(f"frame-{number}" for number in range(published))

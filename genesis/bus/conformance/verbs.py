"""The verbs of the ledger: each is all or nothing, and has its effect once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from genesis.bus.conformance.case import Bench, case, expect, expect_equal, text
from genesis.bus.conformance.line import ROOM, Line, frame, letter, persons, refused
from genesis.bus.graveyard import Graveyard
from genesis.bus.ledger import Delivery, Outcome, StateWrite
from genesis.bus.trimming import Trimmer
from genesis.errors import BackpressureError, ServerRefusesError

RACES = 30


@case()
def a_publication_counts_its_readers(bench: Bench) -> None:
    """Publishing adds the event and one reference to its frame for every group that will read it."""
    line = Line(bench)

    line.ledger.publish([frame()])

    expect_equal((line.client.xlen(line.frames), line.references()), (1, {b"frame-0": b"2"}), "entries and references")


@case()
def a_publication_is_not_repeated(bench: Bench) -> None:
    """Publishing the same events again after the answer was lost publishes nothing."""
    line, events = Line(bench), [frame()]
    line.ledger.publish([frame(1)])  # so that the script is known, and the answer that gets lost is its
    line.client.lose_next_answer = True
    lost = refused(lambda: line.ledger.publish(events), ServerRefusesError)

    line.ledger.publish(events)

    expect_equal((lost, line.client.xlen(line.frames)), (True, 2), "whether the first answer was lost, and entries")
    expect_equal(line.references(), {b"frame-0": b"2", b"frame-1": b"2"}, "references")


@case()
def settling_has_its_effect_once(bench: Bench) -> None:
    """Settling an entry a second time does nothing and publishes nothing."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery = line.taken()

    done = [line.ledger.settle(delivery, [persons()]).done for _ in range(2)]

    expect_equal((done, line.pending(), line.client.xlen(line.persons)), ([True, False], 0, 1), "effect, pending entries, outputs")


@case()
def the_last_reader_frees_the_frame(bench: Bench) -> None:
    """A frame is free when the last group of the last event that points to it is done, and not before."""
    line = Line(bench)
    line.ledger.publish([frame()])
    first, second = line.taken("first"), line.taken("second")

    freed = [line.ledger.settle(first, [persons()]).freed, line.ledger.bury(second, letter(second)).freed]
    answer = line.client.xreadgroup("reader", "bridge-one", {line.persons: ">"})
    reader = Delivery(line.persons, "reader", text(answer[0][1][0][0]), "frame-0")
    freed.append(line.ledger.settle(reader).freed)

    expect_equal((freed, line.references()), ([(), (), ("frame-0",)], {}), "frames that were freed, references")


@case()
def a_burial_keeps_the_entry(bench: Bench) -> None:
    """Burying an entry acknowledges it and writes a dead letter with its fields untouched, once."""
    line = Line(bench)
    line.client.xadd(line.frames, {b"\xff\x00": b"\x80", b"framekey": b"frame-0"})
    delivery = line.taken()

    done = [line.ledger.bury(delivery, letter(delivery)).done for _ in range(2)]
    ((_, fields),) = line.client.xrange(line.ledger.keys.dead_letters(line.frames))

    expect_equal((done, line.pending()), ([True, False], 0), "effect and pending entries")
    expect_equal((fields[b"\xff\x00"], fields[b"dlq-reason"]), (b"\x80", b"permanent"), "fields of the dead letter")


@case()
def a_full_stream_refuses_all(bench: Bench) -> None:
    """What would overfill a stream is refused as a whole, when publishing and when settling."""
    line = Line(bench)
    line.ledger.publish([frame(number) for number in range(ROOM - 1)])
    delivery = line.taken()

    refusals = [
        refused(lambda: line.ledger.publish([frame(7), frame(8)]), BackpressureError),
        refused(lambda: line.ledger.settle(delivery, [persons(number) for number in range(ROOM + 1)]), BackpressureError),
    ]

    entries = (line.client.xlen(line.frames), line.client.xlen(line.persons))
    expect_equal((refusals, entries), ([True, True], (ROOM - 1, 0)), "refusals and entries")
    expect_equal((line.pending(), len(line.references())), (1, ROOM - 1), "pending entries and frames with references")


@case()
def a_state_is_written_with_its_outputs(bench: Bench) -> None:
    """The state of an ordered subscription is written with the outputs, and not over one that was written since."""
    line = Line(bench)
    line.ledger.publish([frame(0), frame(1)])
    first, second = line.taken(), line.taken()
    states = bench.key("states")

    written = line.ledger.settle(first, [persons()], state=StateWrite(states, "check", 0, "one"))
    refused = line.ledger.settle(second, [persons(1)], state=StateWrite(states, "check", 0, "two"))

    expect_equal((written.done, refused.done, refused.conflict), (True, False, True), "effect of a first and a conflicting write")
    expect_equal((line.client.hget(states, "check"), line.client.xlen(line.persons), line.pending()), (b"1 one", 1, 1), "what there is")


@case()
def an_entry_is_held_back_with_its_state(bench: Bench) -> None:
    """An entry that came before its turn is held back together with the state that says so, or not at all."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, states = line.taken(), bench.key("states")

    held = line.ledger.hold(delivery, StateWrite(states, "check", 0, "one"))
    refused = line.ledger.hold(delivery, StateWrite(states, "check", 0, "two"))

    expect_equal((held.done, refused.conflict, line.hands(delivery)), (True, True, ("held", 1)), "held, refused, whose it is")
    expect_equal(line.client.hget(states, "check"), b"1 one", "the state")


@case()
def a_dead_letter_is_replayed_once(bench: Bench) -> None:
    """A dead letter is put back for the group that failed, with its fields untouched, and only once."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery = line.taken()
    buried = line.ledger.bury(delivery, letter(delivery))
    graveyard = Graveyard(line.ledger.settings, line.client)
    found = graveyard.get("frames", buried.letter)

    fates = [graveyard.replay(found) for _ in range(2)] if found else []
    entries = [fields for _, fields in line.client.xrange(line.frames)]

    expect_equal(fates, ["replayed", "gone"], "what became of two replays")
    expect_equal(entries[1], {**entries[0], b"replaygroup": b"first", b"replays": b"1"}, "fields of the new entry")
    expect_equal((line.references(), line.client.xlen(f"{line.frames}:dlq")), ({b"frame-0": b"2"}, 0), "references, and letters left")


@case()
def what_is_unsettled_is_never_trimmed(bench: Bench) -> None:
    """A stream is trimmed only as far as every one of its groups has settled."""
    line, removed = Line(bench), []
    line.ledger.publish([frame(number) for number in range(3)])
    trimmer = Trimmer(line.ledger)

    for group, count in (("first", 3), ("second", 2), ("second", 1)):
        for _ in range(count):
            line.ledger.settle(line.taken(group))
        removed.append(trimmer.step("frames", keep=0).removed)

    expect_equal((removed, line.client.xlen(line.frames)), ([0, 2, 1], 0), "entries that were removed, and are left")


@case(quick=False)
def of_two_racing_runs_one_takes_effect(bench: Bench) -> None:
    """Of two runs that settle or bury an entry at the same moment exactly one takes effect."""
    line = Line(bench)
    for number in range(RACES):
        line.ledger.publish([frame(number)])
        delivery, start = line.taken(), threading.Barrier(2, timeout=10)

        def settle(delivery: Delivery = delivery, start: threading.Barrier = start) -> Outcome:
            start.wait()
            return line.ledger.settle(delivery)

        def bury(delivery: Delivery = delivery, start: threading.Barrier = start) -> Outcome:
            start.wait()
            return line.ledger.bury(delivery, letter(delivery))

        with ThreadPoolExecutor(2) as threads:
            outcomes = [run.result() for run in [threads.submit(settle), threads.submit(bury)]]
        line.ledger.settle(line.taken("second"))

        expect_equal(sorted(outcome.done for outcome in outcomes), [False, True], "effects of two runs")
    expect_equal((line.pending(), line.references()), (0, {}), "pending entries and references in the end")


@case(alone=True)
def without_memory_an_entry_stays_as_it_was(bench: Bench) -> None:
    """Without memory settling and burying are refused and leave the entry as it was; with memory again it is settled."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery = line.taken()
    before = line.client.config_get("maxmemory")["maxmemory"]
    line.client.config_set("maxmemory", int(line.client.info("memory")["used_memory"]) // 2)
    try:
        refusals = [
            refused(lambda: line.ledger.settle(delivery, [persons()]), ServerRefusesError),
            refused(lambda: line.ledger.bury(delivery, letter(delivery)), ServerRefusesError),
        ]
    finally:
        line.client.config_set("maxmemory", before)
    state = (line.pending(), line.client.xlen(line.persons), line.references())

    expect_equal((refusals, state), ([True, True], (1, 0, {b"frame-0": b"2"})), "refusals; pending entries, outputs and references")
    expect(line.ledger.settle(delivery, [persons()]).done, "the entry can't be settled afterwards")

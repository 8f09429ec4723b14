import struct
from pathlib import Path

import pytest

from benchmarks.bus.contestants import ALL, chosen
from benchmarks.bus.kill import Loss
from benchmarks.bus.measure import Phase, Speed, of
from benchmarks.bus.rounds import Found, Plan, _turns
from benchmarks.bus.tables import latencies, losses, target, targets, throughput
from benchmarks.peers import notes
from benchmarks.peers.publish import publish


def _found(name: str, *rates: float, latency: float = 0.002) -> Found:
    (contestant,) = chosen(name)
    return Found(contestant, 1, [Speed(rate, 100.0, {50.0: [latency] * 99 + [latency * 2]}) for rate in rates])


def test_every_contestant_has_a_module_a_name_of_its_own_and_commands():
    folder = Path(notes.__file__).parent

    assert len({one.name for one in ALL}) == len(ALL)
    for one in ALL:
        assert (folder / f"{one.module}.py").exists()
        assert all(command for command in one.workers(2))


def test_two_workers_are_two_processes_or_one_with_two_children():
    solo, prefork = chosen("celery,celery-prefork")

    assert len(solo.workers(2)) == 2
    assert [command[-2:] for command in prefork.workers(2)] == [["-c", "2"]]


def test_a_contestant_that_nobody_knows_is_named():
    with pytest.raises(ValueError, match="unknown nobody"):
        chosen("celery,nobody")


def test_an_event_is_noted_where_its_number_says_with_its_first_begin_and_all_its_runs(tmp_path, monkeypatch):
    notes.make(tmp_path / "notes", 3)
    monkeypatch.setattr(notes, "_notes", notes.opened(tmp_path / "notes"))

    notes.handle(1, 5.0)
    first = notes.PLACE.unpack_from((tmp_path / "notes").read_bytes(), notes.PLACE.size)
    notes.handle(1, 5.0)
    second = notes.PLACE.unpack_from((tmp_path / "notes").read_bytes(), notes.PLACE.size)

    assert (first[0], *first[2:]) == (5.0, 1, 1)
    assert (second[1], *second[2:]) == (first[1], 2, 2)
    assert not any(struct.unpack_from("<ddII", (tmp_path / "notes").read_bytes()))


def test_a_handler_that_works_ends_after_it_began(tmp_path, monkeypatch):
    notes.make(tmp_path / "notes", 1)
    monkeypatch.setattr(notes, "_notes", notes.opened(tmp_path / "notes"))
    monkeypatch.setattr(notes, "_work", 1.0)
    seen = []
    monkeypatch.setattr(notes.time, "sleep", lambda _: seen.append(notes.PLACE.unpack_from(notes._notes, 0)[2:]))

    notes.handle(0, 1.0)

    assert seen == [(1, 0)]
    assert notes.PLACE.unpack_from(notes._notes, 0)[2:] == (1, 1)


def test_every_event_of_a_phase_is_published_once():
    class Sent:
        def __init__(self):
            self.calls = []

        def send(self, numbers, sent):
            self.calls.append((list(numbers), sent))

    at_once, paced = Sent(), Sent()
    publish(at_once, 5, 250, 0)
    publish(paced, 3, 4, 1e6)

    assert [len(numbers) for numbers, _ in at_once.calls] == [100, 100, 50]
    assert [number for numbers, _ in at_once.calls for number in numbers] == list(range(5, 255))
    assert [numbers for numbers, _ in paced.calls] == [[3], [4], [5], [6]]


def test_everybody_has_a_turn_in_each_round_and_another_begins():
    contestants = chosen("celery,huey,rq")
    plan = Plan(1.0, (Phase(50, 1),), (1, 2))

    rounds = [[(one.name, workers) for one, workers in _turns(contestants, plan, number)] for number in range(3)]

    assert len({tuple(sorted(turns)) for turns in rounds}) == 1
    assert len({turns[0] for turns in rounds}) == 3


def test_a_throughput_is_compared_with_celery_of_the_same_pool_and_with_the_fastest_peer():
    found = [
        _found("genesis", 3000, 2000, 4000), _found("genesis-prefork", 1500), _found("celery", 1000), _found("celery-prefork", 500),
        _found("huey", 2000), _found("rq", 100),
    ]  # fmt: skip

    rows = {row[0]: row[1:] for row in throughput(found, "t", "n").rows}

    assert rows["Genesis, solo"] == ["3,000", "3.00 x", "1.50 x", "100 us"]
    assert rows["Genesis, prefork"][:2] == ["1,500", "3.00 x"]
    assert rows["huey, 4 threads"][:3] == ["2,000", "2.00 x", "1.00 x"]


def test_one_that_failed_is_a_dash_and_one_that_is_too_slow_for_the_rate_is_in_brackets():
    found = [_found("celery"), _found("rq", 40)]

    assert throughput(found, "t", "n").rows[0][1:] == ["-", "-", "-", "-"]
    assert [row[1] for row in latencies(found, [50.0]).rows] == ["-", "(2.0 / 4.0)"]


def test_latency_is_told_in_milliseconds():
    assert of([0.001] * 98 + [0.005, 0.005]) == (1.0, 5.0)


def test_the_targets_are_ratios_of_one_run():
    found = [_found("genesis", 2000, latency=0.001), _found("genesis-32", 9000), _found("celery", 1000), _found("taskiq", 2500)]

    rows = targets(found, [50.0])

    assert [(row[2], row[3]) for row in rows] == [
        ("2.00 x", "yes"), ("0.80 x", "NO"), ("3.60 x", "NO"), ("0.50 x", "yes"), ("0.50 x", "yes"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "most", "reached"), [(1.0, True, "yes"), (1.1, True, "NO"), (1.1, False, "yes"), (float("nan"), False, "NO")]
)
def test_a_target_is_reached_or_not(value, most, reached):
    assert target("it", 1.0, value, most=most)[-1] == reached


def test_a_kill_is_told_with_what_is_missing():
    tried = [(one, workers) for one, workers in zip(chosen("genesis,celery-prefork,rq"), (1, 2, 1), strict=True)]

    rows = losses(tried, [Loss(0, 2, 31.26), Loss(128, 0, float("nan")), None], 60).rows

    assert rows == [
        ["Genesis, solo", "0", "2", "31.3 s"], ["Celery, prefork, 2 children", "128", "0", "-"], ["rq, SimpleWorker", "failed", "-", "-"],
    ]  # fmt: skip

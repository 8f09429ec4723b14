"""What a worker's children count is kept when they are replaced or killed, and one that hangs is seen."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from genesis.telemetry import catalogue, instruments
from genesis.telemetry.children import LIMIT_SECONDS, Beats, resident_bytes, take_folder
from tests.processes import wait_until

LABELS = {"stream": "frames", "group": "detection-workers", "outcome": "settled"}


def counting(place: int, folder: Path, times: int, ended: multiprocessing.synchronize.Event) -> None:
    """Be a child: count so many runs (all the time, if 0), and end when asked."""
    instruments.begin_child(place, folder)
    done = 0
    while not ended.is_set():
        if not times or done < times:
            instruments.count(catalogue.RUNS, *LABELS.values())
            instruments.observe(catalogue.RUN_SECONDS, 0.02, "frames", "detection-workers")
            done += 1
        else:
            time.sleep(0.001)


class Pool:
    """Children in places, and what they have counted together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        MultiProcessCollector(self.registry, str(folder))
        self._fork = multiprocessing.get_context("fork")
        self._children: list[tuple[ForkProcess, threading.Event]] = []

    def start(self, place: int, times: int = 0) -> tuple[ForkProcess, Callable[[], None]]:
        ended = self._fork.Event()
        child = self._fork.Process(target=counting, args=(place, self.folder, times, ended), daemon=True)
        child.start()
        self._children.append((child, ended))

        def end() -> None:
            ended.set()
            child.join()

        return child, end

    def runs(self) -> float:
        return self.registry.get_sample_value("genesis_runs_total", LABELS) or 0.0

    def seconds(self) -> tuple[float, float]:
        labels = {"stream": "frames", "group": "detection-workers"}
        names = ("genesis_run_seconds_count", "genesis_run_seconds_sum")
        count, total = (self.registry.get_sample_value(name, labels) or 0.0 for name in names)
        return count, total

    def close(self) -> None:
        for child, _ in self._children:
            child.kill()
            child.join()


@pytest.fixture
def pool(tmp_path: Path):
    made = Pool(take_folder(tmp_path)[0])
    yield made
    made.close()


def test_the_runs_of_all_children_are_added_up_and_outlive_them(pool: Pool) -> None:
    _, first_ends = pool.start(0, times=5)
    _, second_ends = pool.start(1, times=7)
    wait_until(lambda: pool.runs() == 12, "both have counted")
    first_ends()
    after_the_end = pool.runs()
    files = sorted(path.name for path in pool.folder.iterdir())

    pool.start(0, times=100)
    wait_until(lambda: pool.runs() == 112, "the next child goes on with the sums of the one before")
    second_ends()

    assert after_the_end == 12
    assert pool.seconds() == (112, pytest.approx(112 * 0.02))
    assert sorted(path.name for path in pool.folder.iterdir()) == files
    assert files == ["counter_0.db", "counter_1.db", "histogram_0.db", "histogram_1.db"]


def test_no_sum_ever_falls_while_children_are_killed_in_the_midst_of_counting(pool: Pool) -> None:
    children = {place: pool.start(place)[0] for place in (0, 1)}
    before, told = 0.0, []

    for place in (0, 1, 0):
        wait_until(lambda: pool.runs() > before + 50, "they count")  # noqa: B023 - it is awaited here
        children[place].kill()
        children[place].join()
        told += [pool.runs(), pool.runs()]
        children[place] = pool.start(place)[0]
        told.append(pool.runs())
        before = told[-1]

    assert told == sorted(told)
    assert len(list(pool.folder.iterdir())) == 4


def test_a_child_whose_files_have_no_room_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(OSError, match="No space left"):
        instruments.begin_child(0, tmp_path)

    assert instruments._instruments is None


def test_workers_with_the_same_data_folder_count_in_folders_of_their_own(tmp_path: Path) -> None:
    first, first_slot = take_folder(tmp_path)
    (first / "counter_0.db").write_bytes(b"old")
    second, second_slot = take_folder(tmp_path)
    first_slot.close()
    again, again_slot = take_folder(tmp_path)

    assert second != first
    assert again == first
    assert list(again.iterdir()) == []
    second_slot.close()
    again_slot.close()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_child_that_does_not_beat_any_more_is_named() -> None:
    clock = Clock()
    beats = Beats(clock)
    beats.beat(1)
    clock.now += LIMIT_SECONDS
    in_time = beats.ailing({1: os.getpid()})
    clock.now += 0.1
    too_late = beats.ailing({1: os.getpid()})
    beats.beat(1)

    assert in_time == []
    assert too_late == [f"child 1 (pid {os.getpid()})"]
    assert beats.ailing({1: os.getpid()}) == []


def test_a_child_that_begins_is_given_its_time_and_the_beats_of_the_one_before_are_not_its_own() -> None:
    clock = Clock()
    beats = Beats(clock)
    beats.beat(0)
    clock.now += 1000

    assert beats.ailing({0: 4711}) == []
    clock.now += LIMIT_SECONDS + 0.1
    assert beats.ailing({0: 4711}) == ["child 0 (pid 4711)"]
    assert beats.ailing({}) == []


def test_a_stopped_child_does_not_beat_and_one_that_goes_on_does() -> None:
    offset = [0.0]
    beats = Beats(lambda: time.monotonic() + offset[0])
    child = os.fork()
    if not child:
        beats.begin(0)
        time.sleep(60)
        os._exit(0)
    try:
        wait_until(lambda: beats._shared[0] == child, "it beats")
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        offset[0] = LIMIT_SECONDS + 0.5
        stopped = beats.ailing({0: child})
        offset[0] = 0.0
        os.kill(child, signal.SIGCONT)
        before = beats._shared[1]
        wait_until(lambda: beats._shared[1] > before, "it beats again")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    assert stopped == [f"child 0 (pid {child})"]


def test_the_memory_of_a_process_is_told_and_that_of_one_that_is_gone_is_not() -> None:
    mine = resident_bytes(os.getpid())

    assert mine is not None
    assert 10_000_000 < mine < 10_000_000_000
    assert resident_bytes(2**22 + 1) is None

"""The parts of the pipeline's benchmark that calculate."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from benchmarks.pipeline.latency import SMALL, small_clip, summed_up
from benchmarks.pipeline.processes import children_of, cpu_seconds, has_ended, memory_of
from benchmarks.pipeline.tables import backlog_table, cameras_table, headline, latency_table, memory_table, rates_table
from benchmarks.pipeline.throughput import Run, milliseconds
from genesis.errors import UsageError


def test_latency_is_from_capture_to_settled() -> None:
    results = [(1_700_000_000_000 + 100 * number + 30, f"2023-11-14T22:13:{20 + number / 10:06.3f}Z") for number in range(100)]

    found = summed_up(results, 1, 10.0, 1_700_000_000_000, 1_700_000_009_900)

    assert found.seconds == pytest.approx((0.03, 0.03, 0.03), abs=1e-3)
    assert found.settled == pytest.approx(10, rel=0.02)
    assert not found.saturated


def test_who_settles_later_than_it_captures_is_saturated() -> None:
    results = [(1_700_000_000_000 + 200 * number, "2023-11-14T22:13:20Z") for number in range(100)]

    assert summed_up(results, 4, 5.0, 1_700_000_000_000, 1_700_000_010_000).saturated


def test_an_entry_tells_when_it_was_added() -> None:
    assert milliseconds(b"1700000000123-4") == 1_700_000_000_123


def test_the_table_compares_with_the_bare_loops() -> None:
    runs = {
        "bare loop": [Run(100, 4.0, {"detector": 4.0}, 500, {"bare loop": (200_000_000, 150_000_000)})],
        "two bare loops": [Run(100, 2.0, {"detector": 4.0}, 500)],
        "event mode": [Run(100, 2.5, {"capture": 1.0, "detection": 4.0}, 490, {"capture": (90_000_000, 60_000_000)})],
    }

    rows = rates_table("hog", runs).rows

    assert rows[2] == ["event mode", "40.0", "1.60 x", "0.80 x", "50.0", "detection 40.0, capture 10.0", "4.90"]
    assert memory_table("hog", runs).rows == [["bare loop", "200", "150"], ["capture", "90", "60"]]


def test_the_headline_tells_what_two_workers_and_sync_mode_reach() -> None:
    seconds = {"bare loop": 4.0, "two bare loops": 2.0, "sync mode": 4.1, "event mode, 2 workers": 2.5}
    runs = {who: [Run(100, took, {}, 500)] for who, took in seconds.items()}

    assert headline("hog", runs) == "hog: 40.0 frames/s with 2 workers, 0.80 x two bare loops; sync mode 0.98 x one."


def test_growth_is_told_against_the_smallest() -> None:
    from benchmarks.pipeline.backlog import Cost

    costs = {1000: [Cost(1000, 0.001, {"bridge": 0.002})], 100_000: [Cost(100_000, 0.00105, {"bridge": 0.0018})]}
    runs = {1: [Run(100, 2.0, {"capture": 1.0}, 0)], 4: [Run(100, 2.5, {"capture": 1.2}, 0)]}
    latency = [summed_up([(2000, "1970-01-01T00:00:01Z")], 1, 5.0, 1000, 1200)]

    assert backlog_table(costs).rows[1] == ["100,000", "1.050", "+5.0 %", "1.800", "-10.0 %"]
    assert cameras_table("hog", runs).rows[1] == ["4", "40.0", "0.80 x", "12.0", "+20.0 %"]
    assert latency_table("hog", latency).rows[0][-1] == "yes"


def test_the_small_clip_is_a_copy_of_the_beginning(tmp_path: object) -> None:
    source = str(tmp_path / "source.avi")
    writer = cv2.VideoWriter(source, cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for number in range(9):
        writer.write(np.full((480, 640, 3), 20 * number, np.uint8))
    writer.release()

    video = cv2.VideoCapture(small_clip(source, tmp_path / "small.avi", frames=5))

    frames = [video.read() for _ in range(6)]
    assert [there for there, _ in frames] == [True] * 5 + [False]
    assert frames[0][1].shape == (SMALL[1], SMALL[0], 3)
    with pytest.raises(UsageError, match="no frame can be read"):
        small_clip(str(tmp_path / "nothing.avi"), tmp_path / "small.avi")


def test_a_process_counts_with_all_below_it_until_it_is_waited_for() -> None:
    burn = "import os, time\nwhile time.process_time() < 0.2: pass\n"
    code = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {burn!r}]); child.wait(); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while not (below := children_of(parent.pid)):
            pass
        while children_of(parent.pid) and cpu_seconds(parent.pid) < 0.15:
            pass
        assert below
        assert cpu_seconds(parent.pid, parent.pid) >= 0
        assert parent.stdin is not None
        parent.stdin.close()
        while not has_ended(parent.pid):
            pass
        assert cpu_seconds(parent.pid) >= 0

    assert has_ended(parent.pid)
    own = memory_of(os.getpid())
    assert own is not None
    assert 0 < own.own <= own.resident

"""Real footage through the event pipeline: nothing lost, found as the ground truth says, and the same as in sync mode."""

from __future__ import annotations

import csv
import importlib.util
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genesis.cli.agreement import agreement, by_frame, match
from genesis.cli.compare import play_directly
from genesis.cli.journal import events
from genesis.cli.play import Played, play
from genesis.events import Box, Keys, Person, PersonDetected
from genesis.settings import current

FRAMES = 795


@pytest.fixture
def clip(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the footage; every program uses the real network."""
    for package in ("ultralytics", "openvino"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", str(shared / "models" / "yolo11n_int8_openvino_model"))
    current.cache_clear()
    return str(shared / "data" / "pets09_s2l1.avi")


@contextmanager
def played(clip: str, tmp_path: Path, max_frames: int | None = None) -> Iterator[tuple[Played, list[PersonDetected]]]:
    """Play a clip through an installation of its own with two detectors."""
    with (
        (tmp_path / "run.log").open("w") as log,
        play([clip], ["clip"], settings=current(), folder=tmp_path / "redis", log=log, detectors=2, fps=0, max_frames=max_frames) as done,
    ):
        yield done, [event for _, event in events(done.client, Keys("genesis"), PersonDetected)]


def truth_of(shared: Path) -> dict[int, list[Person]]:
    rows = defaultdict(list)
    with (shared / "data" / "pets09_s2l1_gt.txt").open(newline="") as file:
        for row in csv.reader(file):
            left, top, width, height = map(float, row[2:6])
            rows[int(row[0]) - 1].append(Person(box=Box(left, top, left + width, top + height), confidence=1.0))
    return rows


def test_every_frame_is_settled_by_both_groups_and_nine_of_ten_persons_are_found(clip: str, shared: Path, tmp_path: Path) -> None:
    truth = truth_of(shared)

    with played(clip, tmp_path) as (done, found):
        fates = {group.group: group.totals for stream in done.final.streams for group in stream.groups if stream.stream == "genesis:frames"}
        references = done.client.hlen("genesis:references")
    direct = play_directly(clip, current(), None)

    assert {group: totals["settled"] for group, totals in fates.items()} == {"frame-workers": FRAMES, "detection-workers": FRAMES}
    assert sorted(event.number for event in found) == list(range(FRAMES))
    hits = sum(len(match(event.persons, truth[event.number], 0.5)) for event in found)
    assert hits / sum(map(len, truth.values())) >= 0.90
    assert hits / sum(len(event.persons) for event in found) >= 0.90
    both = agreement(by_frame(direct, sessions=False), by_frame(found, sessions=False), iou=0.9)
    assert (both.frames, both.only_first, both.only_second) == (FRAMES, 0, 0)
    assert both.share >= 0.99
    assert references == 0
    assert done.final.cache.frames == 0


def test_sync_and_event_mode_agree_to_the_digit_when_frames_are_kept_bit_exact(
    clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_FRAME_CACHE__CODEC", "bgr")
    current.cache_clear()

    with played(clip, tmp_path, max_frames=120) as (_, found):
        pass
    direct = play_directly(clip, current(), 120)

    both = agreement(by_frame(direct, sessions=False), by_frame(found, sessions=False))
    assert both.identical == both.frames == 120
    assert both.persons_first > 500

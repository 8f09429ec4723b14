"""What `make run` does: play the sample through everything, report, and leave nothing running."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from genesis.connections import connect
from tests.processes import cli

FRAMES = 20


def test_the_sample_goes_through_the_whole_pipeline_and_is_reported(home: Path) -> None:
    report_file = home / "report.json"

    ended = cli("run", "--fps", "0", "--max-frames", str(FRAMES), "--report", str(report_file))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Every published frame is accounted for." in ended.stdout
    report = json.loads(report_file.read_bytes())
    assert report["ok"] is True
    assert report["frames"] == report["events"]["frames"] == report["events"]["persons"] - 1 == FRAMES
    assert report["detector"] == "hog"
    assert report["persons"] > 0
    assert report["dead_lettered"] == report["retried"] == 0
    assert report["dropped"] == {}
    assert 0 < report["latency"]["p50"] <= report["latency"]["p95"]
    settled = {(group["stream"], group["group"]): group["settled"] + group["filtered"] for group in report["groups"]}
    assert settled["genesis:frames", "frame-workers"] == settled["genesis:frames", "detection-workers"] == FRAMES
    # The end of the session is one more.
    assert settled["genesis:persons", "person-workers"] == settled["genesis:persons", "face-workers"] == FRAMES + 1
    assert report["frames_left_in_cache"] == 0
    assert len(_frames_of(Path(report["video"]))) == FRAMES


def test_a_redis_that_is_there_is_used_and_left_as_it_was(home: Path, ledger: str) -> None:
    server = connect(ledger)
    server.set("somebody-elses", "key")

    ended = cli("run", "--fps", "0", "--max-frames", "5", "--no-video", "--redis-url", ledger)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Every published frame is accounted for." in ended.stdout
    assert server.keys("*") == [b"somebody-elses"]
    del home


def _frames_of(video: Path) -> list[object]:
    capture, frames = cv2.VideoCapture(str(video)), []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame)

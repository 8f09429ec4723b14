"""From capture to settled result, by camera rate and number of cameras, of a file that is played in real time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.pipeline.system import System
from benchmarks.pipeline.throughput import FRAMES, NO_LIMIT, PERSONS, milliseconds
from benchmarks.reports import percentile
from genesis.errors import UsageError

SETTLED_SHARE = 0.95
"""Who settles less than this share of the offered rate is saturated: its latency only tells how long it was played."""
SMALL = (128, 96)
"""Width and height of the small clip, on which the built-in detector is quick."""


@dataclass(frozen=True)
class Latency:
    """How long frames took.

    Attributes:
        cameras: that played at once.
        fps: of each.
        settled: frames per second that were settled.
        offered: frames per second that were captured.
        seconds: p50, p95 and p99, from capture to settled.
    """

    cameras: int
    fps: float
    settled: float
    offered: float
    seconds: tuple[float, float, float]

    @property
    def saturated(self) -> bool:
        """Whether more came than could be done."""
        return self.settled < SETTLED_SHARE * self.offered


def latency(source: str, detection: Mapping[str, Any], cameras: int, fps: float, seconds: float, children: int = 2) -> Latency:
    """Play a file in real time, as several cameras, and see when the persons of each frame are settled."""
    with System({"detection": detection, **NO_LIMIT}) as system:
        system.start_bridge()
        system.start_workers({"detection": (["detection"], children)})
        each = max(2, round(fps * seconds))
        capture = system.capture(
            source, "--mode", "event", "--fps", str(fps), "--loop", "--max-frames", str(each), "--quiet", cameras=cameras
        )  # fmt: skip
        system.wait(lambda: system.ledger.xlen(PERSONS) >= each * cameras, "all frames to be settled", seconds=600)
        del capture
        results = system.ledger.xrange(PERSONS)
        first = milliseconds(system.ledger.xrange(FRAMES, count=1)[0][0])
        last = milliseconds(system.ledger.xrevrange(FRAMES, count=1)[0][0])
    return summed_up([(milliseconds(entry), fields[b"time"].decode()) for entry, fields in results], cameras, fps, first, last)


def summed_up(results: list[tuple[int, str]], cameras: int, fps: float, first: int, last: int) -> Latency:
    """Return what results tell.

    Args:
        results: of each: when it was settled, in milliseconds since 1970, and the time of its frame's capture.
        cameras: as in `Latency`.
        fps: as in `Latency`.
        first: when the first frame was published, in milliseconds since 1970.
        last: likewise the last.
    """
    took = [at / 1000 - datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() for at, time in results]
    settled = len(results) / max(max(at for at, _ in results) - first, 1) * 1000
    offered = len(results) / max(last - first, 1) * 1000
    low, high, highest = (percentile(took, share) for share in (0.5, 0.95, 0.99))
    return Latency(cameras, fps, settled, offered, (low, high, highest))


def small_clip(source: str, target: Path, frames: int = 120, fps: float = 15.0) -> str:
    """Write a small copy of the beginning of a video, as Motion JPEG; return its path.

    Raises:
        UsageError: there is no frame to be read.
    """
    video, writer, count = cv2.VideoCapture(source), cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"MJPG"), fps, SMALL), 0
    while count < frames:
        there, frame = video.read()
        if not there:
            break
        writer.write(np.asarray(cv2.resize(frame, SMALL, interpolation=cv2.INTER_AREA), np.uint8))
        count += 1
    writer.release()
    if not count:
        msg = f"{source}: no frame can be read"
        raise UsageError(msg)
    return str(target)


def plain(found: Latency) -> dict[str, Any]:
    """Return everything, for JSON."""
    names = ("p50", "p95", "p99")
    told = json.loads(json.dumps({"cameras": found.cameras, "fps": found.fps, "settled": found.settled, "offered": found.offered}))
    return {**told, **dict(zip(names, found.seconds, strict=True)), "saturated": found.saturated}

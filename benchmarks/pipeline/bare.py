"""The bare loop that the pipeline is compared with: `VideoCapture.read` and the detector, in one process.

`python -m benchmarks.pipeline.bare FILE` loads the detector of the settings, says `ready`, waits for a line, and prints what it needed.
"""

from __future__ import annotations

import json
import os
import sys
import time

import click
import cv2

from benchmarks.pipeline.processes import cpu_seconds, memory_of
from genesis.settings import current
from genesis.vision.detectors import load_detector

WARMING = 5  # frames


@click.command()
@click.argument("file")
@click.option("--first", default=0, help="Number of the first frame.")
@click.option("--frames", default=100, help="How many.")
def main(*, file: str, first: int, frames: int) -> None:
    """Detect persons in frames of a video, and print JSON: when it began and ended, CPU seconds, memory."""
    settings = current()
    detector = load_detector(settings.detection, data_dir=settings.data_dir)
    video = cv2.VideoCapture(file, cv2.CAP_FFMPEG)
    for number in range(WARMING):
        there, frame = video.read()
        if there and number < WARMING:
            detector.detect([frame])
    video = cv2.VideoCapture(file, cv2.CAP_FFMPEG)
    for _ in range(first):
        video.grab()
    print("ready", flush=True)
    sys.stdin.readline()
    persons, seen, used, began = 0, 0, cpu_seconds(os.getpid()), time.monotonic()
    while seen < frames:
        there, frame = video.read()
        if not there:
            break
        persons += len(detector.detect([frame])[0])
        seen += 1
    ended, memory = time.monotonic(), memory_of(os.getpid())
    told = {"began": began, "ended": ended, "frames": seen, "persons": persons, "cpu": cpu_seconds(os.getpid()) - used}
    print(json.dumps({**told, "resident": memory.resident if memory else 0, "own": memory.own if memory else 0}), flush=True)


if __name__ == "__main__":
    main()

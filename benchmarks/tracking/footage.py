"""Footage whose truth is known: a MOTChallenge folder, or a video beside a truth file in the same form.

The form is a line for each person and frame, numbers from 1: `frame,person,left,top,width,height,considered,...`. With nine columns (MOT16
and later) the eighth is the class: pedestrians (1) that are considered count, and what else looks like a person (on a vehicle, a statue, a
reflection) is neither right nor wrong to tell. In the older form every line counts, also of persons marked as too small to be considered.
"""

from __future__ import annotations

import configparser
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.tracking.score import Labelled
from genesis.errors import UsageError
from genesis.vision.types import Detections, Frame

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_WITH_CLASS = 9  # columns
_PEDESTRIAN = 1.0
_LIKE_PERSONS = frozenset({1.0, 2.0, 7.0, 8.0, 12.0})  # pedestrian, on a vehicle, static, distractor, reflection


@dataclass(frozen=True)
class Footage:
    """Pictures and their truth.

    Attributes:
        path: the folder or video.
        truth: by frame, from 0.
        ignored: what looks like a person and does not count, by frame.
        fps: frames a second.
        size: width and height in pixels.
    """

    path: Path
    truth: dict[int, Labelled]
    ignored: dict[int, Labelled]
    fps: float
    size: tuple[int, int]

    def frames(self) -> Iterator[Frame]:
        """Yield all pictures, in their order.

        Raises:
            UsageError: one cannot be read.
        """
        import cv2  # noqa: PLC0415 - --help stays quick

        if self.path.is_dir():
            for picture in _pictures(self.path):
                frame = cv2.imread(str(picture))
                if frame is None:
                    msg = f"{picture}: not a picture that OpenCV reads"
                    raise UsageError(msg)
                yield np.asarray(frame, np.uint8)
            return
        video = cv2.VideoCapture(str(self.path))
        while True:
            there, frame = video.read()
            if not there:
                return
            yield np.asarray(frame, np.uint8)


def open_footage(path: Path, truth: Path | None, fps: float | None) -> Footage:
    """Read the truth, and find out how large and how quick the pictures are.

    Args:
        path: a folder with `img1/` and `gt/gt.txt`, or a video.
        truth: the truth file, where it is elsewhere.
        fps: frames a second; None: what the folder's `seqinfo.ini` or the video says.

    Raises:
        UsageError: something is not there, or cannot be read.
    """
    if not path.exists():
        msg = f"{path}: no such folder or video"
        raise UsageError(msg)
    if path.is_dir():
        truth = truth or path / "gt" / "gt.txt"
        if not _pictures(path):
            msg = f"{path}: no pictures in its folder img1 (a MOTChallenge folder has img1/ and gt/gt.txt)"
            raise UsageError(msg)
    if truth is None or not truth.is_file():
        msg = f"{path}: no truth file" + (f" {truth}" if truth else "; --truth FILE names one (frame,person,left,top,width,height,...)")
        raise UsageError(msg)
    found = Footage(path, *read_truth(truth), fps or _fps(path), (0, 0))
    first = next(found.frames(), None)
    if first is None:
        msg = f"{path}: no frame can be read"
        raise UsageError(msg)
    return replace(found, size=(first.shape[1], first.shape[0]))


def read_truth(file: Path) -> tuple[dict[int, Labelled], dict[int, Labelled]]:
    """Return who is where, and what does not count, each by frame, from 0.

    Raises:
        UsageError: a line is not of this form.
    """
    rows: defaultdict[int, list[list[float]]] = defaultdict(list)
    others: defaultdict[int, list[list[float]]] = defaultdict(list)
    for row in _numbers(file, 6):
        if len(row) != _WITH_CLASS or (row[6] != 0 and row[7] == _PEDESTRIAN):
            rows[int(row[0]) - 1].append(row)
        elif row[7] in _LIKE_PERSONS:
            others[int(row[0]) - 1].append(row)
    return _labelled(rows), _labelled(others)


def read_detections(file: Path, frames: int) -> list[Detections]:
    """Return the detections of a MOTChallenge det.txt (`frame,-1,left,top,width,height,confidence`), frame by frame.

    Args:
        file: the file.
        frames: how many frames there are.

    Raises:
        UsageError: a line is not of this form.
    """
    rows: defaultdict[int, list[list[float]]] = defaultdict(list)
    for row in _numbers(file, 7):
        rows[int(row[0]) - 1].append(row)
    return [
        Detections(np.round(_corners(found), 1).astype(np.float32), np.array([row[6] for row in found], np.float32))
        if (found := rows.get(frame))
        else Detections.empty()
        for frame in range(frames)
    ]


def write_detections(file: Path, found: list[Detections]) -> None:
    """Write what `read_detections` reads."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for frame, detections in enumerate(found, 1):
            for (x1, y1, x2, y2), confidence in zip(detections.boxes.tolist(), detections.confidences.tolist(), strict=True):
                writer.writerow([frame, -1, *(round(value, 1) for value in (x1, y1, x2 - x1, y2 - y1)), round(confidence, 4)])


def count(footage: Footage, most: int | None) -> int:
    """Return how many frames there are, but not more than asked for."""
    return sum(1 for _ in islice(footage.frames(), most))


def _fps(path: Path) -> float:
    import cv2  # noqa: PLC0415 - --help stays quick

    if not path.is_dir():
        return float(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)) or 25.0
    info = configparser.ConfigParser()
    info.read(path / "seqinfo.ini", encoding="utf-8")
    return info.getfloat("Sequence", "frameRate", fallback=25.0)


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / "img1").glob("*") if file.suffix.lower() in PICTURES)


def _numbers(file: Path, least: int) -> Iterator[list[float]]:
    if not file.is_file():
        msg = f"{file}: no such file"
        raise UsageError(msg)
    with file.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            try:
                values = [float(value) for value in row]
            except ValueError:
                values = []
            if len(values) < least:
                msg = f"{file}, line {number}: expected at least {least} numbers with commas between them, found {','.join(row)[:60]!r}"
                raise UsageError(msg)
            yield values


def _labelled(rows: dict[int, list[list[float]]]) -> dict[int, Labelled]:
    return {frame: Labelled(np.array([int(row[1]) for row in found]), _corners(found)) for frame, found in sorted(rows.items())}


def _corners(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    boxes = np.array([row[2:6] for row in rows], np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes

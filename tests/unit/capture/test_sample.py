"""The sample clip that is made on the spot."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.capture.sample import FPS, NAME, SIZE, sample_clip
from genesis.errors import SourceError
from genesis.settings import Detection
from genesis.vision.detectors.hog import HogDetector


@pytest.fixture(scope="module")
def _photographs() -> None:
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("no photographs: ultralytics is not installed")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, _photographs: None) -> Path:
    return sample_clip(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def frames(clip: Path) -> list[np.ndarray]:
    capture, read = cv2.VideoCapture(str(clip)), []
    while True:
        there, frame = capture.read()
        if not there:
            return read
        read.append(frame)


def test_it_lasts_fourteen_seconds(clip: Path, frames: list[np.ndarray]) -> None:
    assert len(frames) == 14 * FPS
    assert {(frame.shape[1], frame.shape[0]) for frame in frames} == {SIZE}
    assert cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FPS) == FPS


def test_it_moves_without_jumps(frames: list[np.ndarray]) -> None:
    steps = [float(np.abs(a.astype(int) - b).mean()) for a, b in pairwise(frames)]

    assert max(steps) < 25
    assert sum(step > 0.5 for step in steps) > 0.8 * len(steps)


def test_the_detector_that_needs_no_weights_finds_people_in_most_of_the_street(frames: list[np.ndarray]) -> None:
    street = frames[:50:10] + frames[95::10]

    found = HogDetector(Detection(detector="hog", threads=2)).detect(street)

    assert sum(len(persons) > 0 for persons in found) >= 0.8 * len(street)


def test_it_is_made_once(clip: Path) -> None:
    before = clip.stat()

    again = sample_clip(clip.parent)

    assert again == clip
    assert (clip.stat().st_ino, clip.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in clip.parent.iterdir()] == [NAME]


def test_without_ultralytics_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(SourceError, match=r"pip install 'genesis\[detection\]'"):
        sample_clip(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_photographs")
def test_a_folder_that_can_not_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SourceError, match=r"sample clip: .* can't be written: ") as caught:
        sample_clip(tmp_path / "file" / "folder")

    assert "\n" not in str(caught.value)


def test_making_it_imports_no_torch(clip: Path) -> None:
    code = "import sys, genesis.capture.sample as s; s._photograph('bus.jpg'); print({'torch', 'ultralytics'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"

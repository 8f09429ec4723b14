"""The pipeline's benchmark in its smallest form, with the real programs and the detector that is always there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.pipeline.__main__ import main
from benchmarks.pipeline.throughput import bare, event


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """Return a small clip of ten frames."""
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 128))
    for number in range(10):
        writer.write(np.full((128, 160, 3), 20 * number, np.uint8))
    writer.release()
    return str(tmp_path / "clip.avi")


def test_both_ways_count_all_frames_and_what_they_cost(redis_program: Path, clip: str) -> None:
    detection = {"detector": "hog"}

    alone, through = bare(clip, detection, 10, 2), event(clip, detection, 10, 1, looks=True)

    assert (alone.frames, through.frames) == (10, 10)
    assert alone.rate > through.rate > 0
    assert set(through.cpu) >= {"capture", "bridge", "detection", "ledger Redis", "cache Redis"}
    assert {"bridge", "detection, main", "detection, child"} <= set(through.memory)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "none.avi"], "benchmarks.pipeline: --source none.avi: no such file\n"),
        (["--weights", "none.onnx", "--source", __file__], "benchmarks.pipeline: weights 'none.onnx' not found"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(main, [*arguments, "--results", str(tmp_path)])

    assert done.exit_code == 2
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1

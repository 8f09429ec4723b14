"""The benchmark of the frame cache in its smallest form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.cache.__main__ import main
from benchmarks.cache.contestants import CONTESTANTS, MEMCPY, MOVED, OURS, PEER
from benchmarks.cache.footage import resized
from tests.pictures import noise


def test_all_put_and_get_frames_and_the_report_is_written(redis_program: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), cv2.resize(noise(number, 8, 6), (128, 96), interpolation=cv2.INTER_CUBIC))

    done = CliRunner().invoke(main, [str(tmp_path / "frames"), "--size", "576p", "--quick", "--results", str(tmp_path / "results")])

    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "results" / "cache.json").read_text(encoding="utf-8"))["figures"]
    measured = figures["576p"]
    assert (measured["width"], measured["height"]) == (768, 576)
    assert set(CONTESTANTS) <= set(measured)
    assert measured[PEER]["likeness"] == measured["Genesis bgr"]["likeness"] == 99
    assert 30 < measured[OURS]["likeness"] < 99
    assert measured[MEMCPY]["likeness"] is None
    assert measured[OURS]["stored_bytes"] == measured[MOVED]["stored_bytes"] < measured["raw bytes"]["stored_bytes"]
    assert f"as fast as {PEER}" in figures["headline"]


def test_a_video_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path / "none.avi"), "--results", str(tmp_path)])

    assert done.exit_code != 0
    assert done.stderr.startswith("benchmarks.cache: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("shape", [(120, 160), (160, 120), (576, 768), (90, 161)])
def test_frames_of_any_shape_are_made_to_fit(shape: tuple[int, int]) -> None:
    (frame,) = resized([np.zeros((*shape, 3), np.uint8)], (768, 576))

    assert frame.shape == (576, 768, 3)

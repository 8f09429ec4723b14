"""What following is worth, and where its truth is read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.tracking.contestants import ours
from benchmarks.tracking.footage import open_footage, read_detections, read_truth, write_detections
from benchmarks.tracking.score import Labelled, score
from genesis.errors import UsageError
from genesis.vision.tracking import Rules
from genesis.vision.types import Detections


def labelled(*persons: tuple[int, float]) -> Labelled:
    """Return persons by number and place."""
    return Labelled(
        np.array([number for number, _ in persons], np.int64), np.array([[x, 0, x + 40, 100] for _, x in persons]).reshape(-1, 4)
    )


TRUTH = {frame: labelled((1, 0 + frame), (2, 300 - frame)) for frame in range(10)}


@pytest.mark.parametrize(
    ("told", "figures"),
    [
        (TRUTH, (1.0, 1.0, 0, 0, 0)),
        ({frame: Labelled.nobody() for frame in TRUTH}, (0.0, 0.0, 0, 0, 20)),
        ({frame: labelled((7, frame), (8, 300 - frame), (9, 600)) for frame in TRUTH}, (0.5, 0.8, 0, 10, 0)),
        ({frame: labelled((7 if frame < 5 else 8, frame), (9, 300 - frame)) for frame in TRUTH}, (0.95, 0.75, 1, 0, 0)),
    ],
)
def test_figures_of_what_can_be_counted_by_hand(told: dict[int, Labelled], figures: tuple[float, ...]) -> None:
    pytest.importorskip("motmetrics")

    found = score(TRUTH, told)

    assert (found.mota, found.idf1, found.switches, found.false_positives, found.misses) == pytest.approx(figures)


def test_telling_what_is_ignored_is_neither_right_nor_wrong() -> None:
    pytest.importorskip("motmetrics")
    told = {frame: labelled((7, frame), (8, 300 - frame), (9, 600), (10, frame + 1)) for frame in TRUTH}

    found = score(TRUTH, told, ignored={frame: labelled((1, 600), (2, frame)) for frame in TRUTH})

    assert (found.false_positives, found.misses) == (10, 0)  # the second box of a person who counts is still one too many


def test_frames_of_which_nothing_was_told_do_not_count() -> None:
    pytest.importorskip("motmetrics")

    assert score(TRUTH, {4: TRUTH[4]}).misses == 0


def test_the_class_decides_where_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "gt.txt"
    file.write_text("1,5,10,20,30,40,1,1,0.5\n1,6,10,20,30,40,0,1,0.5\n2,7,10,20,30,40,1,3,1\n2,8,10,20,30,40,0,12,1\n")

    truth, ignored = read_truth(file)

    assert {frame: found.numbers.tolist() for frame, found in truth.items()} == {0: [5]}
    assert {frame: found.numbers.tolist() for frame, found in ignored.items()} == {0: [6], 1: [8]}
    assert truth[0].boxes.tolist() == [[10, 20, 40, 60]]


def test_a_truth_file_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("1,5,10,20,30,40,1,-1,-1,-1\n1;5;10\n")

    with pytest.raises(UsageError, match=r"gt\.txt, line 2: expected at least 6 numbers .* found '1;5;10'"):
        read_truth(tmp_path / "gt.txt")


def test_a_folder_says_how_quick_and_how_large_it_is(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for folder in ("img1", "gt"):
        (tmp_path / folder).mkdir()
    for index in (2, 1, 3):
        cv2.imwrite(str(tmp_path / "img1" / f"{index:06}.png"), np.full((48, 64, 3), index, np.uint8))
    (tmp_path / "gt" / "gt.txt").write_text("1,1,0,0,10,20,1,-1,-1,-1\n")
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nframeRate=14\n")

    footage = open_footage(tmp_path, None, None)

    assert (footage.fps, footage.size, list(footage.truth)) == (14.0, (64, 48), [0])
    assert [int(frame[0, 0, 0]) for frame in footage.frames()] == [1, 2, 3]


def test_detections_that_were_kept_are_read_again(tmp_path: Path) -> None:
    found = [Detections(np.array([[1.5, 2.5, 31.2, 92.8]], np.float32), np.array([0.8765], np.float32)), Detections.empty()]

    write_detections(tmp_path / "det.txt", found)
    again = read_detections(tmp_path / "det.txt", 2)

    assert [each.boxes.tolist() for each in again] == [each.boxes.tolist() for each in found]
    assert [each.confidences.tolist() for each in again] == [each.confidences.tolist() for each in found]


def test_only_confirmed_tracks_are_told() -> None:
    found = [Detections(labelled((0, 100.0)).boxes.astype(np.float32), np.array([0.9], np.float32))] * 4

    run = ours(found, 10.0, (640, 480), Rules())

    assert [told.numbers.tolist() for told in run.told.values()] == [[], [], [1], [1]]
    assert run.state is not None
    assert run.state < 250

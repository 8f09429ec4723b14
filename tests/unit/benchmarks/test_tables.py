"""What the benchmarks of search, tracking and faces tell of figures, and of what they are not given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import faces, search
from benchmarks.search import HNSW, Contestant, Crowd, in_turns
from benchmarks.tracking import __main__ as tracking

DRAWN = 60


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (faces.main, [], "benchmarks.faces: name a folder with a folder of photographs for each person"),
        (faces.main, ["nowhere"], "benchmarks.faces: nowhere: no such folder"),
        (tracking.main, [], "benchmarks.tracking: name footage whose truth is known"),
        (search.main, ["--sizes", "many"], "benchmarks.search: --sizes many: expected numbers"),
    ],
)
def test_what_is_missing_is_one_line(command, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BENCH_FACES", "BENCH_FOOTAGE", "BENCH_TRUTH"):
        monkeypatch.delenv(name, raising=False)

    done = CliRunner().invoke(command, [*words, "--results", str(tmp_path)])

    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(said)


def test_searches_are_asked_in_turns_and_their_answers_are_counted() -> None:
    crowd, turns = Crowd.of(500, 16), []

    def knows(question) -> int:
        turns.append("knows")
        return int(crowd.persons[np.argmax(crowd.faces @ question)])

    def guesses(_question) -> None:
        turns.append("guesses")

    rows = in_turns(crowd, [Contestant(HNSW, 1.0, knows), Contestant("guesses", None, guesses, every=50)], rounds=2)

    assert [(row.recall, row.recall_strangers) for row in rows] == [(1.0, 1.0), (0.0, 0.0)]
    assert turns == ["knows", "guesses", *(["knows"] * 200 + ["guesses"] * 4) * 2]
    told = search.headline({"500 embeddings of 16 numbers": rows})
    assert told.startswith("Among 500 embeddings of 16 numbers the nearest person is found in")
    assert "guesses" in search.table("", rows).markdown()


def test_following_is_reported_from_detections_alone(tmp_path: Path) -> None:
    pytest.importorskip("motmetrics")
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path / "clip"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    lines = []
    for frame in range(1, DRAWN + 1):
        cv2.imwrite(str(folder / "img1" / f"{frame:06d}.jpg"), np.zeros((120, 160, 3), np.uint8))
        lines.append(f"{frame},1,{10 + frame},20,30,80,1,-1,-1,-1")
    (folder / "gt" / "gt.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "det.txt").write_text(
        "\n".join(line.replace(",1,", ",-1,", 1).replace(",1,-1,-1,-1", ",0.9") for line in lines), encoding="utf-8"
    )

    done = CliRunner().invoke(
        tracking.main,
        [str(folder), "--detections", str(tmp_path / "det.txt"), "--no-peers", "--rounds", "1", "--results", str(tmp_path / "results")],
    )

    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "results" / "tracking.json").read_text(encoding="utf-8"))
    assert written["figures"]["trackers"][0]["switches"] == 0
    assert written["figures"]["headline"].startswith("Persons are followed with an IDF1 of")
    assert (tmp_path / "results" / "tracking.svg").exists()

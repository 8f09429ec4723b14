"""`genesis zones`, as an operator uses it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from genesis.cache import FrameCache
from genesis.cli.main import main
from genesis.connections import connect
from genesis.events import Keys
from genesis.settings import Settings
from tests.integration.cli.conftest import installed

HALL = {"name": "hall", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "loitering_seconds": 30}
DOORSTEP = {"name": "doorstep", "start": [0.1, 0.5], "end": [0.4, 0.5]}
CAMERAS = [{"name": "door", "source": "sample", "zones": [HALL], "lines": [DOORSTEP]}, {"name": "yard", "source": "0"}]
SIZE = (120, 160, 3)


def zones(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["zones", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an installation whose Redis is away, with a grey picture in it."""
    installed(tmp_path, monkeypatch, cameras=CAMERAS, redis={"url": "redis://:s3cret@127.0.0.1:1/0"})
    cv2.imwrite(str(tmp_path / "grey.png"), np.full(SIZE, 128, np.uint8))
    (tmp_path / "text.txt").write_text("no picture", encoding="utf-8")
    return tmp_path


@pytest.fixture
def site(ledger: str, volatile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation with Redis."""
    return installed(tmp_path, monkeypatch, cameras=CAMERAS, redis={"url": ledger}, frame_cache={"url": volatile})


def captured(settings: Settings, camera: str, key: str, *, stored: bool = True) -> None:
    """Let a camera have a newest frame, as its session has noted it."""
    if stored:
        cache = FrameCache.of(settings)
        cache.put(key, np.full(SIZE, 128, np.uint8))
        cache.close()
    with connect(settings.redis.url) as client:
        fields = {"frame_key": key, "state": "live" if key else "ended", "time": str(datetime.now(timezone.utc).timestamp())}
        client.hset(Keys(settings.redis.prefix).camera(camera), mapping=fields)


def drawn(path: Path) -> np.ndarray:
    """Return which pixels of a grey picture were drawn on."""
    return (np.abs(cv2.imread(str(path)).astype(int) - 128) > 8).any(axis=2)


def test_zones_and_lines_are_listed_with_what_is_set(here: Path) -> None:
    table = zones("list").stdout.splitlines()

    assert table[1].split() == ["camera", "kind", "name", "area", "corners", "settings"]
    assert table[3].split()[:4] == ["door", "zone", "hall", "50.0%"]
    assert "0.5,0 1,0 1,1 0.5,1" in table[3]
    assert "in after 3 of 5 looks, out after 1 s, loitering after 30 s" in table[3]
    assert table[4].split() == ["door", "line", "doorstep", "-", "0.1,0.5", "0.4,0.5", "hysteresis", "0.01"]


def test_programs_are_told_everything(here: Path) -> None:
    rows = json.loads(zones("list", "--json").stdout)

    assert [(row["camera"], row["kind"], row["name"]) for row in rows] == [("door", "zone", "hall"), ("door", "line", "doorstep")]
    assert (rows[0]["polygon"], rows[0]["area"], rows[0]["inertia"]) == (HALL["polygon"], 0.5, 3)
    assert (rows[1]["start"], rows[1]["hysteresis"]) == ([0.1, 0.5], 0.01)


@pytest.mark.parametrize("source", ["--picture", "--source"])
@pytest.mark.parametrize("name", ["zones.png", "here.webp"])
def test_zones_are_drawn_into_a_picture(here: Path, source: str, name: str) -> None:
    shown = zones("show", "--camera", "door", source, "grey.png", "-o", name)

    picture = drawn(here / name)
    assert shown.stdout == f"wrote {name} (160x120): 1 zone and 1 line of camera door\n"
    assert picture[40:110, 90:150].all()
    assert picture[60, 20:60].all()
    assert not picture[5:30, 5:75].any()


def test_a_camera_without_zones_shows_the_picture_and_how_to_add_some(here: Path) -> None:
    shown = zones("show", "--camera", "yard", "--picture", "grey.png", "--grid")

    assert "0 zones and 0 lines of camera yard\nto have some, add them to the camera in the settings" in shown.stdout
    assert "polygon: [[" in shown.stdout
    assert drawn(here / "zones.png")[:, 80].all()


def test_without_any_camera_a_picture_is_shown_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch)
    cv2.imwrite("grey.png", np.full(SIZE, 128, np.uint8))

    assert zones("show", "--picture", "grey.png").exit_code == 0
    assert zones("list").stdout.startswith("no zones and no lines yet; add them to the camera")
    assert json.loads(zones("list", "--json").stdout) == []


def test_the_newest_frame_is_drawn_on(site: Settings) -> None:
    captured(site, "door", "door-7")
    captured(site, "lane", "lane-1")

    here, elsewhere = zones("show", "--camera", "door"), zones("show", "--camera", "lane", "-o", "lane.png")

    assert here.stdout == "wrote zones.png (160x120): 1 zone and 1 line of camera door\n"
    assert drawn(Path("zones.png"))[40:110, 90:150].all()
    assert "0 zones and 0 lines: camera lane is not in the settings\n" in elsewhere.stdout
    assert not drawn(Path("lane.png")).any()


@pytest.mark.parametrize(
    ("camera", "key", "answer"),
    [
        ("door", None, "camera 'door': nothing was captured from it yet: give --picture FILE or --source SRC to draw on another picture"),
        ("door", "door-8", "camera 'door': no frame of it in the cache: give --picture FILE or --source SRC to draw on another picture"),
        ("door", "", "camera 'door': no frame of it in the cache (its session has ended): give --picture FILE or --source SRC to draw on"),
        ("dor", None, "no camera 'dor': did you mean 'door'? (cameras in the settings: door, yard)"),
    ],
)
def test_where_there_is_no_frame_the_way_out_is_said(site: Settings, camera: str, key: str | None, answer: str) -> None:
    if key is not None:
        captured(site, camera, key, stored=False)

    shown = zones("show", "--camera", camera)

    assert shown.exit_code == 2
    assert shown.stderr.startswith(f"genesis: {answer}")
    assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "answer"),
    [
        ([], 2, "--camera NAME is missing: which of door, yard?"),
        (["--camera", "door"], 1, "can't be reached"),
        (["--camera", "dor", "--picture", "grey.png"], 2, "no camera 'dor': did you mean 'door'?"),
        (["--camera", "door", "--picture", "none.png"], 2, "--picture none.png: no such file"),
        (["--camera", "door", "--picture", "text.txt"], 2, "--picture text.txt: not an image that can be read"),
        (["--camera", "door", "--picture", "grey.png", "--source", "0"], 2, "--picture and --source: give one of them"),
        (["--camera", "door", "--picture", "grey.png", "-o", "zones.gif"], 2, "expected a name that ends with .png, .jpg"),
        (["--camera", "door", "--picture", "grey.png", "-o", "none/zones.png"], 2, "can't be written: No such file or directory"),
        (["--camera", "door", "--source", "none.avi"], 2, "source 'none.avi': no such file or folder"),
    ],
)
def test_a_wrong_use_is_answered_in_one_line(here: Path, arguments: list[str], code: int, answer: str) -> None:
    shown = zones("show", *arguments)

    assert (shown.exit_code, shown.stderr.count("\n")) == (code, 1)
    assert answer in shown.stderr
    assert "s3cret" not in shown.stderr
    assert not (here / "zones.png").exists()

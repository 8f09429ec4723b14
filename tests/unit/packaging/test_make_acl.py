"""The script that gives each role its users and passwords."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.secured import LISTS, ROLES, SERVERS, Users

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl, which makes passwords")


def test_only_its_user_can_read_what_it_writes_and_the_lists_hold_hashes_alone(tmp_path: Path) -> None:
    users = Users.made(tmp_path / "users")

    files = {file.name: file.stat().st_mode & 0o777 for file in users.folder.iterdir()}
    assert files == dict.fromkeys(["ledger.acl", "cache.acl", "admin.env", *(f"{role}.env" for role in ROLES)], 0o600)
    assert users.folder.stat().st_mode & 0o777 == 0o700
    password = re.search(r":([0-9a-f]{64})@", users.env("worker")["GENESIS_REDIS__URL"])
    assert password
    assert password[1] not in (users.folder / "ledger.acl").read_text()
    assert hashlib.sha256(password[1].encode()).hexdigest() in (users.folder / "ledger.acl").read_text()


def test_each_password_is_another(tmp_path: Path) -> None:
    found = [Users.made(tmp_path / name) for name in "ab"]

    hashes = [re.findall("#([0-9a-f]{64})", (users.folder / f"{server}.acl").read_text()) for users in found for server in SERVERS]
    assert len({one for some in hashes for one in some}) == sum(map(len, hashes)) == 2 * (len(ROLES) + len(ROLES) + 1)


def test_each_role_is_given_the_servers_that_it_uses(tmp_path: Path) -> None:
    users = Users.made(tmp_path / "users")

    given = {role: sorted(name.split("_", 1)[1] for name in users.env(role)) for role in ROLES}
    both = ["FRAME_CACHE__URL", "REDIS__URL"]
    everything = ["CELERY__BROKER_URL", *both]
    assert given == {**dict.fromkeys(ROLES, everything), "capture": both, "flower": ["CELERY__BROKER_URL"]}


@pytest.mark.parametrize(
    ("cache", "broker"),
    [
        ("redis://h:1/0", "redis://worker:*@h:1/1"),
        ("redis://h", "redis://worker:*@h/1"),
        ("rediss://h:1/0?ssl_ca_certs=/a", "rediss://worker:*@h:1/1?ssl_ca_certs=/a"),
        ("rediss://h:1/0?ssl_certfile=/a&ssl_keyfile=/b", "rediss://worker:*@h:1/1?ssl_certfile=/a&ssl_keyfile=/b"),
        ("unix:///run/cache.sock", "redis+socket://worker:*@/run/cache.sock?virtual_host=1"),
        ("unix:///run/cache.sock?db=0", "redis+socket://worker:*@/run/cache.sock?virtual_host=1"),
    ],
)
def test_the_broker_is_another_database_of_the_cache(tmp_path: Path, cache: str, broker: str) -> None:
    users = Users.made(tmp_path / "users", CACHE=cache)

    assert re.sub("[0-9a-f]{64}", "*", users.env("worker")["GENESIS_CELERY__BROKER_URL"]) == broker


@pytest.mark.parametrize(
    ("broker", "number"),
    [("redis://h:1/3", 3), ("redis://h:1", 0), ("redis+socket:///s?virtual_host=2", 2), ("rediss://h/4?ssl_ca_certs=/a/1", 4)],
)
def test_celerys_channels_have_the_number_of_its_database(tmp_path: Path, broker: str, number: int) -> None:
    users = Users.made(tmp_path / "users", BROKER=broker)

    channels = set(re.findall(r"&(\S+)", (users.folder / "cache.acl").read_text())) - {"*"}
    assert channels == {f"genesis:celery:/{number}.celery.pidbox", f"genesis:celery:/{number}.celeryev/*"}


def test_a_shell_reads_what_it_writes(tmp_path: Path) -> None:
    users = Users.made(tmp_path / "users", LEDGER="rediss://h:1/0?ssl_certfile=/a&ssl_keyfile=/b")

    said = subprocess.run(
        ["sh", "-c", f'. {users.folder}/worker.env && printf %s "$GENESIS_REDIS__URL"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == users.env("worker")["GENESIS_REDIS__URL"]


@pytest.mark.parametrize(
    ("arguments", "variables", "part"),
    [
        ([], {}, "name the folder"),
        (["{out}"], {"PREFIX": "a b"}, "PREFIX 'a b'"),
        (["{out}"], {"PREFIX": "x~*"}, "PREFIX 'x~*'"),
        (["{out}"], {"LEDGER": "redis://me:pw@h"}, "without user and password"),
        (["{out}"], {"CACHE": "http://h"}, "redis://, rediss:// or unix://"),
        (["{out}"], {"PATH": "/nowhere"}, "openssl is not installed"),
    ],
)
def test_a_mistake_is_answered_in_one_line(tmp_path: Path, arguments: list[str], variables: dict[str, str], part: str) -> None:
    out = tmp_path / "out"

    done = subprocess.run(
        ["/bin/sh", str(LISTS / "make.sh"), *(word.format(out=out) for word in arguments)], env={**os.environ, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert part in done.stderr
    assert done.stderr.startswith("make.sh: ")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_passwords_that_are_in_use_are_not_written_over(tmp_path: Path) -> None:
    users = Users.made(tmp_path / "users")
    before = {file: file.read_bytes() for file in users.folder.iterdir()}

    done = subprocess.run([str(LISTS / "make.sh"), str(users.folder)], capture_output=True, text=True, check=False)

    assert "is there already" in done.stderr
    assert {file: file.read_bytes() for file in users.folder.iterdir()} == before

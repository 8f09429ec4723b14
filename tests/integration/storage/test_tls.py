"""TLS to a real PostgreSQL, Debian's: the one of the wheel has none."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.settings import Storage
from genesis.storage.database import Database
from genesis.storage.trouble import DatabaseRefusesError
from tests.certificates import Certificates
from tests.processes import cli, wait_until
from tests.secured import free_port

PASSWORD = "s3cret"
SSL = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@dataclass(frozen=True)
class Secured:
    """A server that talks to nobody without TLS, and certificates that are not its own."""

    port: int
    own: Certificates
    others: Certificates

    def url(self, host: str = "localhost", **options: Any) -> str:
        return f"postgresql://me:{PASSWORD}@{host}:{self.port}/postgres?" + "&".join(f"{name}={value}" for name, value in options.items())


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL of Debian's (apt-get install postgresql), which has TLS")
    return found[-1].parent


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    programs, folder = _programs(), Path(tempfile.mkdtemp(prefix="genesis-tls-"))
    as_whom: dict[str, Any] = {}
    if os.geteuid() == 0:  # which PostgreSQL does not run as
        account = pwd.getpwnam("postgres")
        as_whom = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        found = Secured(free_port(), Certificates.made(folder / "own"), Certificates.made(folder / "others"))
        certificate, key = found.own.of("server")
        (folder / "password").write_text(PASSWORD)
        for path in (folder, *folder.rglob("*")):
            if as_whom:
                os.chown(path, as_whom["user"], as_whom["group"])
        key.chmod(0o600)
        options = ["-U", "me", "--pwfile", str(folder / "password"), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([programs / "initdb", "-D", folder / "data", *options], check=True, capture_output=True, cwd="/", **as_whom)
        (folder / "data/pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        settings = {
            "port": found.port, "listen_addresses": "127.0.0.1,127.0.0.2", "unix_socket_directories": "", "fsync": "off",
            "shared_buffers": "8MB", "ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key,
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            command = [programs / "postgres", "-D", folder / "data", *words]
            process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, start_new_session=True, **as_whom)
        try:
            wait_until(lambda: process.poll() is not None or b"ready to accept connections" in (folder / "log").read_bytes(), "it is up")
            assert process.poll() is None, (folder / "log").read_text()
            yield found
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def asked(url: str) -> tuple[bool, str]:
    database = Database(Storage(give_up_seconds=1.0), url)
    try:
        (row,) = database.run(lambda cursor: [cursor.execute(SSL), cursor.fetchone()][1:])
        return row
    finally:
        database.close()


def test_a_server_whose_authority_is_named_is_talked_to_over_tls(secured: Secured) -> None:
    ssl, version = asked(secured.url(sslmode="verify-full", sslrootcert=secured.own.authority))

    assert ssl
    assert version.startswith("TLSv1.")


@pytest.mark.parametrize(
    ("host", "options", "part"),
    [
        ("localhost", {"sslmode": "verify-full", "sslrootcert": "{others}/ca.pem"}, "certificate verify failed"),
        ("127.0.0.2", {"sslmode": "verify-full", "sslrootcert": "{own}/ca.pem"}, "does not match host name"),
        (
            "localhost",
            {"sslmode": "verify-full", "sslrootcert": "/nowhere/ca.pem"},
            '"/nowhere/ca.pem" does not exist',
        ),
        ("localhost", {"sslmode": "disable"}, "no encryption"),
        ("localhost", {"sslmode": "perhaps"}, "sslmode"),
    ],
)
def test_what_is_wrong_is_one_line_and_not_waited_for(secured: Secured, host: str, options: dict[str, str], part: str) -> None:
    folders = {"own": secured.own.folder, "others": secured.others.folder}
    url = secured.url(host, **{name: value.format(**folders) for name, value in options.items()})

    with pytest.raises(DatabaseRefusesError) as caught:
        asked(url)

    assert part in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_command_says_it_in_one_line(secured: Secured) -> None:
    url = secured.url(sslmode="verify-full", sslrootcert=secured.others.authority)

    done = cli("db", "status", env={"GENESIS_STORAGE__DSN": url})

    assert done.returncode == 1
    assert "makes no encrypted connection as asked for" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert PASSWORD not in done.stdout + done.stderr

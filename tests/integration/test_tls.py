"""TLS to a real Redis: what each program says when a certificate is not right. All that works runs over TLS in test_acl.py."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import redis
import yaml
from kombu.exceptions import OperationalError

from genesis.bus.broker import broker_url, reach_broker, redis_url, transport_options
from genesis.bus.connection import Connection
from genesis.bus.patience import reach
from genesis.cache import FrameCache
from genesis.connections import connect, explain
from genesis.errors import ServerRefusesError, UsageError
from genesis.settings import Settings
from tests.certificates import Certificates
from tests.processes import bridge_argv, python, worker_argv
from tests.secured import free_port, serving, tls_program

PASSWORD = "s3cret"


@dataclass(frozen=True)
class Secured:
    """A server that speaks TLS, with certificates that it trusts and others."""

    port: int
    plain_port: int
    own: Certificates
    others: Certificates

    def url(self, query: str = "", host: str = "127.0.0.1", db: int = 0) -> str:
        return f"rediss://:{PASSWORD}@{host}:{self.port}/{db}?{query}"

    @property
    def right(self) -> str:
        return self.url(self.own.query())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    own, others = Certificates.made(folder / "own"), Certificates.made(folder / "others")
    found = Secured(free_port(), free_port(), own, others)
    program = tls_program()
    with (
        serving(program, folder / "server", found.port, own, "--requirepass", PASSWORD, "--bind", "127.0.0.1", "127.0.0.2"),
        serving(program, folder / "plain", found.plain_port, None),
    ):
        yield found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("large_values", [False, True])
def test_a_server_whose_authority_is_named_is_trusted(secured: Secured, host: str, large_values: bool) -> None:
    client = connect(secured.url(secured.own.query(), host), large_values=large_values)

    assert client.set("key", b"x" * 1_000_000)
    assert client.get("key") == b"x" * 1_000_000
    client.close()


def test_frames_pass_through_tls(secured: Secured) -> None:
    cache = FrameCache.of(Settings(frame_cache={"url": secured.right}))
    frame = np.full((480, 640, 3), 90, np.uint8)

    cache.put("one", frame)

    assert cache.get("one").shape == frame.shape
    assert cache.delete("one") == 1
    cache.close()


def _wrong(secured: Secured) -> dict[str, tuple[str, str]]:
    """Return URLs that can't work, and what is said of them."""
    certificate, key = secured.own.of("client")
    mine = f"ssl_certfile={certificate}&ssl_keyfile={key}"
    return {
        "nobody vouches for it": (secured.url(mine), "no certificate that is trusted"),
        "another authority": (
            secured.url(f"{mine}&ssl_ca_certs={secured.others.authority}"),
            "name its issuer in ssl_ca_certs in redis.url",
        ),
        "another host": (secured.url(secured.own.query(), "127.0.0.2"), "certificate is not valid for '127.0.0.2'"),
        "no certificate of ours": (secured.url(secured.own.query(client=False)), "ssl_certfile"),
        "a stranger's certificate": (secured.url(secured.others.query(ssl_ca_certs=str(secured.own.authority))), "ssl_certfile"),
        "no TLS": (f"redis://:{PASSWORD}@127.0.0.1:{secured.port}/0", "if it speaks TLS, write rediss:// in redis.url"),
    }


@pytest.mark.parametrize(
    "case", ["nobody vouches for it", "another authority", "another host", "no certificate of ours", "a stranger's certificate", "no TLS"]
)
def test_what_is_wrong_is_one_line_without_the_password(secured: Secured, case: str) -> None:
    url, part = _wrong(secured)[case]
    client = connect(url)

    with pytest.raises(redis.ConnectionError) as caught:
        client.ping()

    line = explain(caught.value, url, "redis.url")
    assert part in line
    assert PASSWORD not in line
    assert "\n" not in line
    assert line.startswith(f"Redis at {url.split('?')[0].replace(f':{PASSWORD}', '***')} (redis.url) ")


@pytest.mark.parametrize("case", ["nobody vouches for it", "another authority", "another host"])
def test_a_server_that_is_not_trusted_is_not_tried_again_and_again(secured: Secured, case: str) -> None:
    with pytest.raises(ServerRefusesError):
        reach(_wrong(secured)[case][0], "redis.url", Settings(redis={"give_up_seconds": 60}))


def test_who_does_not_look_at_certificates_is_let_in(secured: Secured) -> None:
    with connect(secured.url(secured.own.query(ssl_cert_reqs="none", ssl_ca_certs=str(secured.others.authority)))) as client:
        assert client.ping()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"ssl_ca_certs": "/nowhere/ca.pem"}, "ssl_ca_certs: '/nowhere/ca.pem' can't be used: No such file or directory"),
        ({"ssl_ca_certs": __file__}, "not what is wanted there, in PEM"),
        ({"ssl_certfile": "{own}/client.pem"}, "ssl_certfile: "),
        ({"ssl_certfile": "{own}/client.pem", "ssl_keyfile": "{own}/server.key"}, "key values mismatch"),
        ({"ssl_certfile": "{own}/client.pem", "ssl_keyfile": "/nowhere/my.key"}, "'/nowhere/my.key' can't be used: No such file"),
        ({"ssl_keyfile": "{own}/client.key"}, "ssl_keyfile needs ssl_certfile beside it"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named_before_anything_is_sent(secured: Secured, options: dict[str, str], part: str) -> None:
    query = "&".join(f"{name}={value.format(own=secured.own.folder)}" for name, value in options.items())

    with pytest.raises(UsageError) as caught:
        connect(secured.url(query))

    assert part in str(caught.value)
    assert PASSWORD not in str(caught.value)


def broker(url: str) -> Settings:
    return Settings(celery={"broker_url": url})


def test_celery_looks_at_the_brokers_certificate_unless_it_is_told_not_to(secured: Secured) -> None:
    urls = {
        "right": secured.right,
        "nobody vouches for it": secured.url(secured.own.query(ssl_ca_certs="")).replace("ssl_ca_certs=&", ""),
        "nothing is said": secured.url(),
        "not looked at": secured.url(secured.own.query(ssl_cert_reqs="none")),
        "in Celery's words": secured.url(secured.own.query(ssl_cert_reqs="CERT_REQUIRED")),
    }
    answers = {}

    for name, url in urls.items():
        settings = broker(url)
        try:
            with Connection(broker_url(settings), transport_options=transport_options(settings)) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
                answers[name] = "connected"
        except OperationalError as error:
            answers[name] = "not trusted" if "CERTIFICATE_VERIFY_FAILED" in str(error) else repr(error)

    untrusted = ["nobody vouches for it", "nothing is said"]
    assert answers == {**dict.fromkeys(urls, "connected"), **dict.fromkeys(untrusted, "not trusted")}


def test_the_broker_is_asked_as_any_redis(secured: Secured) -> None:
    reach_broker(broker(secured.url(secured.own.query(ssl_cert_reqs="CERT_REQUIRED"))))

    with pytest.raises(ServerRefusesError, match=r"celery\.broker_url"):
        reach_broker(broker(secured.url(secured.others.query())))
    assert redis_url(secured.right) == secured.right


def test_every_program_says_in_one_line_whom_it_does_not_trust(secured: Secured, tmp_path: Path) -> None:
    wrong = secured.url(secured.others.query())
    plain = f"redis://127.0.0.1:{secured.plain_port}"
    programs = {
        "bridge": (bridge_argv()[1:], {"GENESIS_REDIS__URL": wrong}),
        "worker's broker": (worker_argv("ingestion")[1:], {"GENESIS_CELERY__BROKER_URL": wrong}),
        "capture": (["-m", "genesis.capture", "--source", "sample", "--mode", "event"], {"GENESIS_REDIS__URL": wrong}),
        "a file that is missing": (["-m", "genesis", "init"], {"GENESIS_REDIS__URL": secured.url("ssl_ca_certs=/nowhere/ca.pem")}),
        "a worker's file": (worker_argv("ingestion")[1:], {"GENESIS_FRAME_CACHE__URL": secured.url("ssl_ca_certs=/nowhere/ca.pem")}),
    }
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({
        "redis": {"url": f"{plain}/0"}, "frame_cache": {"url": f"{plain}/0"}, "celery": {"broker_url": f"{plain}/1"},
        "storage": {"dsn": "none"}, "recognition": {"engine": "none"}, "data_dir": str(tmp_path / "data"),
    }))  # fmt: skip

    def said(name: str) -> tuple[int, str]:
        argv, env = programs[name]
        done = python(*argv, env={"GENESIS_CONFIG": str(file), **env}, timeout=60)
        return done.returncode, "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())

    with ThreadPoolExecutor(3) as threads:
        answers = dict(zip(programs, threads.map(said, programs), strict=True))

    told = {name: text.splitlines()[-1] for name, (_, text) in answers.items()}
    assert {name: text for name, (_, text) in answers.items() if "Traceback" in text or PASSWORD in text} == {}
    assert [name for name, (code, _) in answers.items() if code not in {1, 2}] == []
    files = {"a file that is missing", "a worker's file"}
    assert [line for name, line in told.items() if name not in files and "no certificate that is trusted" not in line] == []
    assert [told[name] for name in files if "ssl_ca_certs: '/nowhere/ca.pem' can't be used" not in told[name]] == []


def test_the_doctor_examines_a_server_over_tls(secured: Secured, tmp_path: Path) -> None:
    env = {
        "GENESIS_REDIS__URL": secured.right, "GENESIS_FRAME_CACHE__URL": secured.url(secured.others.query()),
        "GENESIS_CELERY__BROKER_URL": secured.url(secured.own.query(), db=1), "GENESIS_STORAGE__DSN": "none",
        "GENESIS_DATA_DIR": str(tmp_path),
    }  # fmt: skip

    done = python("-m", "genesis", "doctor", env=env, cwd=tmp_path)

    assert "it behaves as it must in" in done.stdout
    assert "no certificate that is trusted" in " ".join(done.stdout.split())
    assert PASSWORD not in done.stdout + done.stderr
    assert done.returncode == 1

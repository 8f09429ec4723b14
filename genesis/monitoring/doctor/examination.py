"""The whole examination: the servers are reached, asked and tried, and beside that this machine and the cameras are looked at."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import redis

import genesis
from genesis.bus.broker import redis_url
from genesis.bus.conformance import CASES, Case, ConformanceError
from genesis.cache import FrameCache
from genesis.connections import UNAVAILABLE, connect, explain
from genesis.monitoring.doctor.backlog import check_backlog
from genesis.monitoring.doctor.bounded import SECONDS, Check, begin
from genesis.monitoring.doctor.cameras import camera_checks
from genesis.monitoring.doctor.database import check_database, late
from genesis.monitoring.doctor.facts import Facts, read_facts
from genesis.monitoring.doctor.findings import Finding, Report
from genesis.monitoring.doctor.here import children_here, memory_of, ports_here, settings_file
from genesis.monitoring.doctor.installation import check_groups, check_rules, check_settings
from genesis.monitoring.doctor.ledger import check_ledger
from genesis.monitoring.doctor.machine import check_machine, check_time_zone, read_machine
from genesis.monitoring.doctor.packages import check_packages
from genesis.monitoring.doctor.permissions import FRAMES, LEDGER, permissions
from genesis.monitoring.doctor.ports import check_ports
from genesis.monitoring.doctor.programs import check_programs
from genesis.monitoring.doctor.security import check_security
from genesis.monitoring.doctor.server import check_server, refusal, refuses_writes
from genesis.monitoring.doctor.volatile import check_disk_use, check_room, check_shared
from genesis.monitoring.status import Status
from genesis.monitoring.status import status as look_at
from genesis.settings import Settings
from genesis.subscriptions import Registry

Progress = Callable[[str], None]
Further = Callable[[Status | None], Sequence[Check]]

QUICK = tuple(case for case in CASES if case.quick)

_REFUSALS = {"role", "memory", "disk", "replicas", "cluster", "permissions"}  # checks that explain why writes are refused


@dataclass(frozen=True, slots=True)
class _Server:
    """A server that answers, and what it said."""

    client: redis.Redis
    url: str
    facts: Facts

    def guarded(self, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """Return what a look at the server finds, though it goes away meanwhile."""
        found: list[Finding] = []
        try:
            found.extend(look())
        except redis.RedisError as error:
            found.append(Finding("error", self.facts.setting, "answer", explain(error, self.url, self.facts.setting)))
        return found


def nothing_further(_status: Status | None) -> Sequence[Check]:
    """Return no checks."""
    return ()


def examine(
    settings: Settings,
    registry: Registry,
    progress: Progress = lambda _: None,
    cases: Sequence[Case] = QUICK,
    *,
    cameras: bool = True,
    further: Further = nothing_further,
) -> Report:
    """Examine an installation. What is written on its servers has keys of its own, and is removed.

    Args:
        settings: of this installation.
        registry: the subscriptions, whose groups must be there.
        progress: told what is being looked at.
        cases: of the conformance suite, to be tried on the ledger.
        cameras: whether the cameras are asked.
        further: returns further checks; given a look at the installation, None where the ledger can't be read.
    """
    findings: list[Finding] = []
    with ExitStack() as stack:
        progress("redis.url")
        ledger = _reach(settings, settings.redis.url, "redis.url", findings, stack)
        status = _look(ledger, settings, registry) if ledger else None
        # While the servers are asked.
        beside = begin([*_checks(settings, status), *(camera_checks(settings, status) if cameras else ()), *further(status)])
        if ledger:
            findings += _ledger(ledger, settings, registry, progress, cases)
        if ledger and status is not None:
            findings += [*check_programs(status, settings, genesis.__version__), *check_backlog(status, settings, ledger.facts.cli)]
        findings += check_settings(ledger.facts if ledger else Facts("redis.url"), settings)
        findings += check_rules(settings)
        progress("frame_cache.url")
        cache = _reach(settings, settings.frame_cache.url, "frame_cache.url", findings, stack)
        if cache:
            findings += _volatile(cache, ledger, "frames on it")
            findings += check_room(cache.facts, settings.frame_cache)
            findings += _permissions(cache, settings, FRAMES)
        progress("celery.broker_url")
        findings += _broker(settings, ledger, cache, stack)
        servers = [server.facts for server in (ledger, cache) if server]
        findings += check_machine(read_machine(settings.data_dir), memory_of(servers), children_here(status))
        findings += check_security(settings, servers, settings_file())
        progress("machine, database, cameras" if cameras else "machine, database")
        findings += beside()
    return Report.of(findings)


def _checks(settings: Settings, status: Status | None) -> list[Check]:
    """Return the checks that need no server of ours."""
    # Loading the database's packages takes longer than asking it.
    seconds = max(SECONDS, settings.storage.connect_seconds)
    return [
        Check("storage.dsn", "reach", lambda: check_database(settings), late(settings), seconds),
        Check("ports", "ports", lambda: check_ports(settings, ports_here(status))),
        Check("packages", "requirements", lambda: check_packages(genesis.__version__)),
        Check("machine", "time-zone", lambda: check_time_zone(os.environ.get("TZ"))),
    ]


def _look(server: _Server, settings: Settings, registry: Registry) -> Status | None:
    """Return a look at the installation; None where its users may not look, or it goes away, which others tell of."""
    cache = FrameCache(settings.frame_cache, prefix=settings.redis.prefix, timeout=SECONDS)
    try:
        return look_at(server.client, cache, settings, registry)
    except redis.RedisError:
        return None
    finally:
        cache.close()


def _reach(settings: Settings, url: str, setting: str, findings: list[Finding], stack: ExitStack) -> _Server | None:
    try:
        client = connect(url, timeout=min(SECONDS, settings.redis.timeout_seconds))
        stack.callback(client.close)
        # Naming the connection may be forbidden; that is one of the things to find out.
        client.connection_pool.connection_kwargs.pop("client_name", None)
        with suppress(redis.exceptions.NoPermissionError):
            client.ping()
        return _Server(client, url, read_facts(client, url, setting))
    except redis.RedisError as error:
        findings.append(Finding("error", setting, "reach", explain(error, url, setting)))
    except ValueError as error:
        findings.append(Finding("error", setting, "reach", f"{setting}: {url!r}: {error}"))
    return None


def _ledger(server: _Server, settings: Settings, registry: Registry, progress: Progress, cases: Sequence[Case]) -> list[Finding]:
    found = [*check_server(server.facts), *check_ledger(server.facts, settings.redis.prefix)]
    found += _permissions(server, settings, LEDGER)
    if not any(row.level == "error" and row.check == "permissions" for row in found):
        found += server.guarded(lambda: check_groups(server.client, settings, registry, server.facts.cli))
    explained = any(row.level == "error" and row.check in _REFUSALS for row in found)
    refused = server.guarded(lambda: _written(server, settings))
    if refused or explained:
        found += [] if explained else refused
        found.append(Finding("unknown", "redis.url", "conformance", "its behaviour was not tried: mend the errors above first"))
        return found
    return found + _behaviour(server, settings, progress, cases)


def _permissions(server: _Server, settings: Settings, commands: tuple[str, ...]) -> list[Finding]:
    prefix = settings.redis.prefix
    return server.guarded(lambda: permissions(server.client, server.facts.setting, prefix, _throw_away(settings), commands))


def _written(server: _Server, settings: Settings) -> Iterable[Finding]:
    key = _throw_away(settings)
    try:
        server.client.set(key, "", px=100)  # gone by itself, should this be broken off here
        server.client.delete(key)
    except redis.ResponseError as error:
        yield refusal(server.facts, error)


def _behaviour(server: _Server, settings: Settings, progress: Progress, cases: Sequence[Case]) -> list[Finding]:
    found: list[Finding] = []
    for number, case in enumerate(cases, 1):
        progress(f"redis.url, {number} of {len(cases)}: {case.name}")
        try:
            case.run(server.client, _throw_away(settings))
        except ConformanceError as error:
            cause = error.__cause__
            if isinstance(cause, UNAVAILABLE):
                return [*found, Finding("error", "redis.url", "answer", f"{explain(cause, server.url, 'redis.url')} (it answered before)")]
            if isinstance(cause, redis.ResponseError) and refuses_writes(cause):
                return [*found, refusal(server.facts, cause)]
            found.append(
                Finding(
                    "error", "redis.url", "conformance", str(error), "Genesis relies on this to lose nothing and to do nothing twice.",
                    "use a server that is known to be good: Redis 6.2 or 7 (see docs/delivery.md)",
                )
            )  # fmt: skip
    return found or [Finding("ok", "redis.url", "conformance", f"it behaves as it must in {len(cases)} cases")]


def _volatile(server: _Server, ledger: _Server | None, what: str) -> list[Finding]:
    shared = list(check_shared(ledger.facts, server.facts, what)) if ledger else []
    return shared or [*check_server(server.facts), *check_disk_use(server.facts)]


def _broker(settings: Settings, ledger: _Server | None, cache: _Server | None, stack: ExitStack) -> list[Finding]:
    setting = "celery.broker_url"
    url = redis_url(settings.celery.broker_url)
    if url is None:
        return [Finding("ok", setting, "reach", f"{settings.celery.broker_url} is left to Celery: it is no Redis that can be asked here")]
    found: list[Finding] = []
    server = _reach(settings, url, setting, found, stack)
    if server is None:
        return found
    if cache and "run_id" in cache.facts.info and cache.facts.info["run_id"] == server.facts.info.get("run_id"):
        return [Finding("ok", setting, "shared", "it is the same server as frame_cache.url")]
    return found + _volatile(server, ledger, "Celery's queues on it")


def _throw_away(settings: Settings) -> str:
    """Return the beginning of keys that nobody else has; below the prefix, since others may be forbidden."""
    return f"{settings.redis.prefix}:doctor-{uuid.uuid4().hex[:12]}"

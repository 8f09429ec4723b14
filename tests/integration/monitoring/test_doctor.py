"""The doctor against real servers: healthy ones, and ones with a dangerous setting."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from genesis.bus.conformance import Case
from genesis.bus.conformance.case import Bench
from genesis.connections import connect
from genesis.monitoring.doctor import examine
from genesis.monitoring.doctor.examination import QUICK
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.integration.monitoring.conftest import REFUSES, configured, found_by, report_of
from tests.processes import cli


def test_healthy_servers_have_no_error_and_no_warning(durable: Settings) -> None:
    report = examine(durable, builtin_subscriptions())

    assert [row for row in report.findings if row.level != "ok" and row.check not in {"disk", "memory"}] == []
    assert found_by(report)["redis.url", "conformance"].found == f"it behaves as it must in {len(QUICK)} cases"
    assert found_by(report)["streams", "groups"].found == "all 13 groups are there"
    with closing(connect(durable.redis.url)) as client:
        assert list(client.scan_iter(match="*doctor*")) == []


@pytest.mark.parametrize(
    ("changes", "check", "level", "why", "advice"),
    [
        ({"appendonly": "no"}, "appendonly", "error", "gone when it ends", "CONFIG SET appendonly yes"),
        ({"appendfsync": "everysec"}, "appendfsync", "warning", "the last second", "CONFIG SET appendfsync always"),
        ({"appendfsync": "no"}, "appendfsync", "error", "half a minute", "appendfsync always"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy", "error", "throws away", "CONFIG SET maxmemory-policy noeviction"),
        ({"maxmemory": "1mb"}, "memory", "error", "refuses", "raise maxmemory"),
        ({"timeout": "30"}, "timeout", "warning", "sent twice", "CONFIG SET timeout 0"),
        ({"lua_time_limit": "100"}, "busy-script", "warning", "BUSY", "5000"),
        ({"min_replicas_to_write": "1"}, "replicas", "error", "NOREPLICAS", "min-replicas-to-write 0"),
    ],
)  # fmt: skip
def test_a_dangerous_setting_of_the_ledger_is_named(
    durable: Settings, changes: dict[str, str], check: str, level: str, why: str, advice: str
) -> None:
    with closing(connect(durable.redis.url)) as client, configured(client, **changes):
        report = report_of(durable)

    row = found_by(report)["redis.url", check]
    assert (row.level, report.fine) == (level, level != "error")
    assert why in row.why
    assert advice in row.advice


@pytest.mark.parametrize(
    ("changes", "check", "level", "advice"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy", "error", "noeviction"),
        ({"appendonly": "yes"}, "appendonly", "warning", "CONFIG SET appendonly no"),
        ({"save": "3600 1"}, "save", "warning", 'CONFIG SET save ""'),
        ({"maxmemory": "100mb"}, "room", "warning", "CONFIG SET maxmemory 1000mb"),
    ],
)
def test_a_dangerous_setting_of_the_frame_cache_is_named(
    durable: Settings, changes: dict[str, str], check: str, level: str, advice: str
) -> None:
    with closing(connect(durable.frame_cache.url)) as client, configured(client, **changes):
        row = found_by(report_of(durable))["frame_cache.url", check]

    assert row.level == level
    assert advice in row.advice


def test_a_replica_is_named_and_nothing_is_tried_on_it(durable: Settings) -> None:
    with closing(connect(durable.redis.url)) as client:
        client.replicaof("127.0.0.1", "1")
        try:
            found = found_by(report_of(durable, cases=(REFUSES,)))
        finally:
            client.replicaof("no", "one")

    assert "replica of 127.0.0.1:1" in found["redis.url", "role"].found
    assert found["redis.url", "conformance"].level == "unknown"
    assert ("redis.url", "writes") not in found


def test_one_server_for_all_is_a_warning(durable: Settings) -> None:
    report = report_of(
        durable, frame_cache={"url": durable.redis.url}, celery={"broker_url": durable.redis.url.replace("unix", "redis+socket")}
    )

    assert report.fine
    assert found_by(report)["frame_cache.url", "shared"].level == "warning"
    assert found_by(report)["celery.broker_url", "shared"].level == "ok"


def test_another_kind_of_broker_is_left_to_celery(durable: Settings) -> None:
    report = report_of(durable, celery={"broker_url": "amqp://guest:s3cret@127.0.0.1:1//"})

    assert report.fine
    assert "left to Celery" in found_by(report)["celery.broker_url", "reach"].found
    assert "s3cret" not in str(report)


def test_missing_and_strange_groups_are_named(durable: Settings) -> None:
    with closing(connect(durable.redis.url)) as client:
        client.xgroup_destroy("genesis:faces", "face-storage-workers")
        client.xgroup_create("genesis:persons", "crowd-watch", "0")
        client.delete("genesis:alerts")
        client.set("genesis:alerts", "of somebody else")

        rows = [row for row in report_of(durable).findings if row.check == "groups"]

    assert [row.level for row in rows] == ["error", "warning", "warning"]
    assert "genesis:alerts is not a stream" in rows[0].found
    assert {row.advice for row in rows[1:]} == {"genesis init", next(row.advice for row in rows if "crowd-watch" in row.advice)}
    assert "face-storage-workers on genesis:faces" in str(rows)


def test_ctrl_c_leaves_nothing_on_the_server(durable: Settings) -> None:
    def interrupted(bench: Bench) -> None:
        bench.group("a", "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report_of(durable, cases=(Case("A case", "case", interrupted),))

    with closing(connect(durable.redis.url)) as client:
        assert list(client.scan_iter(match="*doctor*")) == []


def test_the_command_prints_a_list_or_json_and_its_exit_code_tells(durable: Settings) -> None:
    listed = cli("doctor")
    away = cli("doctor", "--json", env={"GENESIS_REDIS__URL": "redis://:s3cret@127.0.0.1:1/0"})

    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "it behaves as it must" in listed.stdout
    report = json.loads(away.stdout)
    assert (away.returncode, report["errors"], report["findings"][0]["check"]) == (1, 1, "reach")
    assert "can't be reached" in report["findings"][0]["found"]
    assert "s3cret" not in away.stdout + away.stderr
    assert "Traceback" not in away.stdout + away.stderr + listed.stderr

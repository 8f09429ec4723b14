"""What the doctor makes of a server's facts, also of those that no test can bring about on a real server."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import genesis
from genesis.monitoring.doctor.facts import Facts, cli_of
from genesis.monitoring.doctor.findings import Finding, Report
from genesis.monitoring.doctor.installation import check_rules, check_settings
from genesis.monitoring.doctor.ledger import check_ledger
from genesis.monitoring.doctor.server import check_server
from genesis.monitoring.doctor.volatile import check_disk_use, check_room, check_shared
from genesis.settings import Backpressure, EventDriven, FrameCacheSettings, Redis, Settings

INFO: dict[str, Any] = {
    "redis_version": "7.2.4", "role": "master", "maxmemory": 0, "maxmemory_policy": "noeviction", "used_memory": 2_000_000,
    "total_system_memory": 8_000_000_000, "aof_enabled": 1, "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok", "connected_slaves": 0, "cluster_enabled": 0, "run_id": "a", "aof_current_size": 1000,
}  # fmt: skip
CONFIG = {"appendfsync": "always", "no-appendfsync-on-rewrite": "no", "save": "", "timeout": "0", "lua-time-limit": "5000", "dir": "/data"}
GB = 1_000_000_000


def facts(setting: str = "redis.url", clock: tuple[float, float] | None = (0.0, 0.001), free: int | None = None, **changes: Any) -> Facts:
    """Return the facts of a healthy server; a change of a name with `_` for `-` in it goes where it belongs."""
    config = {name: value for name in CONFIG if (value := changes.pop(name.replace("-", "_"), CONFIG[name])) is not None}
    for name in ("min-replicas-to-write", "stop-writes-on-bgsave-error"):
        if (value := changes.pop(name.replace("-", "_"), None)) is not None:
            config[name] = value
    return Facts(setting, "redis-cli", {**INFO, **changes}, config, clock, free)


def looked_at(server: Facts, prefix: str = "genesis") -> dict[str, Finding]:
    return {row.check: row for row in (*check_server(server), *check_ledger(server, prefix))}


def test_of_a_healthy_ledger_nothing_is_said() -> None:
    assert {row.level for row in looked_at(facts(free=100 * GB)).values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "check", "level", "found", "advice"),
    [
        ({"redis_version": "6.0.16"}, "version", "error", "Redis 6.0.16", "install Redis 6.2 or newer"),
        ({"role": "slave", "master_host": "db1", "master_port": 6379}, "role", "error", "replica of db1:6379", "REPLICAOF NO ONE"),
        ({"maxmemory_policy": "volatile-ttl"}, "maxmemory-policy", "error", "volatile-ttl", "CONFIG SET maxmemory-policy noeviction"),
        ({"maxmemory": 2_400_000}, "memory", "warning", "2.0 MB of 2.4 MB", "raise maxmemory"),
        ({"maxmemory": 2_000_000}, "memory", "error", "2.0 MB of 2.0 MB", "CONFIG SET maxmemory 100mb"),
        ({"total_system_memory": 2_200_000}, "memory", "warning", "memory of its machine", "more memory"),
        ({"aof_enabled": 0}, "appendonly", "error", "appendonly no", "CONFIG SET appendonly yes"),
        ({"appendfsync": "everysec"}, "appendfsync", "warning", "everysec", "CONFIG SET appendfsync always"),
        ({"appendfsync": "no"}, "appendfsync", "error", "appendfsync no", "in its redis.conf: appendfsync always"),
        ({"appendfsync": None}, "appendfsync", "unknown", "CONFIG GET", "provider"),
        ({"no_appendfsync_on_rewrite": "yes"}, "no-appendfsync-on-rewrite", "warning", "yes", "no-appendfsync-on-rewrite no"),
        ({"aof_last_write_status": "err"}, "disk", "error", "last write", "df -h"),
        ({"aof_last_bgrewrite_status": "err"}, "disk", "warning", "last rewrite", "BGREWRITEAOF"),
        ({"rdb_last_bgsave_status": "err"}, "disk", "warning", "last snapshot", 'CONFIG SET save ""'),
        ({"rdb_last_bgsave_status": "err", "save": "60 1"}, "disk", "error", "last snapshot", 'CONFIG SET save ""'),
        ({"free": 90_000_000}, "disk", "error", "90 MB are free in /data", "df -h"),
        ({"free": 2 * GB, "aof_current_size": 3 * GB}, "disk", "warning", "2,000 MB are free", "df -h"),
        ({"min_replicas_to_write": "2", "min_slaves_good_slaves": 1}, "replicas", "error", "and 1 replicas", "min-replicas-to-write 1"),
        ({"connected_slaves": 1}, "failover", "warning", "1 replicas", "restart the primary"),
        ({"timeout": "30"}, "timeout", "warning", "idle for 30 s", "CONFIG SET timeout 0"),
        ({"lua_time_limit": "200"}, "busy-script", "warning", "lua-time-limit 200", "CONFIG SET lua-time-limit 5000"),
        ({"clock": (-2.5, 0.1)}, "clock", "warning", "2.5 s behind", "NTP"),
        ({"clock": (45.0, 0.1)}, "clock", "error", "45.0 s ahead", "NTP"),
        ({"clock": (3.0, 2.0)}, "clock", "ok", "agrees", ""),
        ({"clock": None}, "clock", "unknown", "TIME", "provider"),
        ({"cluster_enabled": 1}, "cluster", "error", "no braces", "redis.prefix: '{genesis}'"),
    ],
)  # fmt: skip
def test_each_danger_is_named_with_what_to_do(changes: dict[str, Any], check: str, level: str, found: str, advice: str) -> None:
    row = looked_at(facts(**changes))[check]

    assert row.level == level
    assert found in row.found
    assert advice in row.advice
    assert row.why or level == "ok"


def test_a_prefix_in_braces_suits_a_cluster() -> None:
    assert looked_at(facts(cluster_enabled=1), prefix="{genesis}")["cluster"].level == "ok"


def test_a_server_that_tells_nothing_about_itself_is_no_error() -> None:
    rows = looked_at(Facts("redis.url")).values()

    assert {row.level for row in rows} == {"unknown"}
    assert any("INFO" in row.found for row in rows)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aof_enabled": 0}, {"appendonly": "ok"}),
        ({"aof_enabled": 1}, {"appendonly": "warning"}),
        ({"aof_enabled": 0, "save": "3600 1"}, {"save": "warning"}),
        ({"aof_enabled": 0, "maxmemory": 400_000_000}, {"appendonly": "ok", "room": "warning"}),
        ({"aof_enabled": 0, "total_system_memory": 400_000_000}, {"appendonly": "ok", "room": "warning"}),
    ],
)
def test_a_cache_should_have_room_and_write_no_files(changes: dict[str, Any], expected: dict[str, str]) -> None:
    server = facts("frame_cache.url", **changes)

    rows = [*check_disk_use(server), *check_room(server, FrameCacheSettings())]

    assert {row.check: row.level for row in rows} == expected


def test_one_server_for_everything_is_allowed_and_said() -> None:
    (row,) = check_shared(facts(), facts("frame_cache.url"), "frames on it")

    assert (row.level, row.about) == ("warning", "frame_cache.url")
    assert list(check_shared(facts(), facts("frame_cache.url", run_id="b"), "frames on it")) == []
    assert list(check_shared(Facts("redis.url"), Facts("frame_cache.url"), "frames on it")) == []


@pytest.mark.parametrize(
    ("settings", "maxmemory", "expected"),
    [
        (Settings(), 0, []),
        (Settings(redis=Redis(retention=10)), 0, [("retention", "warning")]),
        (Settings(), 10_000_000, [("retention", "warning")]),
        (Settings(event_driven=EventDriven(backpressure=Backpressure(enabled=False))), 0, [("backpressure", "warning")]),
    ],
)
def test_settings_that_do_not_go_together_are_said(settings: Settings, maxmemory: int, expected: list[tuple[str, str]]) -> None:
    assert [(row.check, row.level) for row in check_settings(facts(maxmemory=maxmemory), settings)] == expected


@pytest.mark.parametrize(
    ("rule", "settings", "said"),
    [
        ({"when": "entered"}, {"recognition": {"engine": "none"}}, False),
        ({"when": "entered", "person": "unknown"}, {"recognition": {"engine": "none"}}, True),
        ({"when": "entered", "names": ["Ada"]}, {"storage": {"dsn": "none"}}, True),
        ({"when": "recognised"}, {"storage": {"dsn": "none"}}, True),
        ({"when": "recognised"}, {}, False),
    ],
    ids=["anybody", "strangers", "a name, and no database", "recognised, and no database", "all is there"],
)
def test_rules_about_people_whom_nobody_recognises_are_said(rule: dict[str, Any], settings: dict[str, Any], said: bool) -> None:
    asked = Settings(**settings, alerts={"rules": [{"name": "visitors", **rule}]})

    found = list(check_rules(asked))

    assert [row.level for row in found] == (["warning"] if said else [])
    assert all("visitors" in row.found for row in found)


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("redis://127.0.0.1:6379/0", "redis-cli"),
        ("redis://genesis:secret@10.0.0.7:6380/1", "redis-cli -h 10.0.0.7 -p 6380 -n 1 --user genesis --askpass"),
        ("rediss://:secret@db.example/0", "redis-cli -h db.example --tls --askpass"),
        ("unix:///tmp/my%20ledger.sock?db=2", "redis-cli -s '/tmp/my ledger.sock' -n 2"),
    ],
)
def test_the_advice_can_be_pasted_into_a_shell(url: str, command: str) -> None:
    assert cli_of(url) == command


def test_a_report_is_sorted_and_masked() -> None:
    rows = [Finding(level, "x", level, "redis://me:secret@host") for level in ("ok", "warning", "error", "unknown")]  # type: ignore[arg-type]

    report = Report.of(rows)

    assert [row.level for row in report.findings] == ["error", "warning", "unknown", "ok"]
    assert (report.fine, report.errors, report.warnings) == (False, 1, 1)
    assert "secret" not in str(report)


def test_every_check_is_described() -> None:
    folder, described = Path(genesis.__file__).parent, (Path(genesis.__file__).parents[1] / "docs" / "operations.md").read_text()
    files = [*(folder / "monitoring" / "doctor").glob("*.py"), folder / "cli" / "doctor_models.py"]

    calls = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    names = {
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Finding" and len(call.args) > 2
        for argument in call.args[2:3]
        if isinstance(argument, ast.Constant)
    }

    assert len(names) > 40
    assert [name for name in sorted(names) if f"`{name}`" not in described] == []
